"""What can go wrong, in two families: one clip is bad (`ClipError`), or the run is wrong (`ConfigError`).

A `ClipError` becomes a row of `rejects` with its `code`, and the job goes on. A `ConfigError` stops before Spark
starts, in one line. Every error survives pickling: `args` are the constructor's own arguments.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from typing import ClassVar

_USER_OF_A_URI = re.compile(r"(?<=:/)(/?)[^/?#\s'\"]*@")  # a path library leaves one slash of the two
_SECRET_OF_A_QUERY = re.compile(
    r"([?&][^=&\s]*(?:secret|passw|token|key|signature|credential)[^=&\s]*=)[^&#\s'\"]+", re.IGNORECASE
)


def redacted(text: str) -> str:
    """Text without the secrets of its URIs: user, password, and what a query calls key, token or secret become ***."""
    return _SECRET_OF_A_QUERY.sub(r"\1***", _USER_OF_A_URI.sub(r"\1***@", text))


class PunkError(Exception):
    """Base of every error this project raises on purpose; told without the secrets of the URIs it names."""

    def __str__(self) -> str:
        return redacted(super().__str__())


class ConfigError(PunkError):
    """The run cannot start as asked: says where, what was found and what was expected."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where, self.problem = where, problem

    def __str__(self) -> str:
        return redacted(f"{self.where}: {self.problem}")


class GateError(PunkError):
    """The run finished its work but a gate failed (exit status 3)."""


class ClipError(PunkError):
    """One clip cannot be used. `code` is the reason code of its row in `rejects`; `args[0]` tells what was found."""

    code: ClassVar[str]

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else self.code


class EmptyFileError(ClipError):
    """The file has no bytes."""

    code = "EMPTY_FILE"


class TooSmallError(ClipError):
    """The file has fewer bytes than the header of any audio format."""

    code = "TOO_SMALL"


class NotAudioError(ClipError):
    """Text, an image, random bytes: no audio format begins like this."""

    code = "NOT_AUDIO"


class ArchiveError(ClipError):
    """A zip, tar or gzip, whatever its name says."""

    code = "ARCHIVE"


class FormatNotAllowedError(ClipError):
    """A real audio format outside the allow-list."""

    code = "FORMAT_NOT_ALLOWED"


class HeaderCorruptError(ClipError):
    """The header is broken or contradicts itself."""

    code = "HEADER_CORRUPT"


class NoSamplesError(ClipError):
    """A header and nothing behind it."""

    code = "NO_SAMPLES"


class ClipTooShortError(ClipError):
    """The clip has fewer samples than the analysis needs."""

    code = "TOO_SHORT"

    def __init__(self, needed: int, got: int) -> None:
        super().__init__(needed, got)
        self.needed, self.got = needed, got

    def __str__(self) -> str:
        return f"clip has {self.got} samples, needs at least {self.needed}"


class TruncatedError(ClipError):
    """The container promised more samples than it holds."""

    code = "TRUNCATED"


class DecodeError(ClipError):
    """The decoder gave up on damaged data."""

    code = "DECODE_ERROR"


class DecodeBudgetError(ClipError):
    """Decoding would need more samples than the budget allows."""

    code = "DECODE_BUDGET"


class TooLongError(ClipError):
    """The clip lasts longer than `limits.max_duration_s`."""

    code = "TOO_LONG"


class TooLargeError(ClipError):
    """The file has more bytes than `limits.max_bytes`."""

    code = "TOO_LARGE"


class BadSampleRateError(ClipError):
    """The sample rate is outside what can be music (`limits`)."""

    code = "BAD_SAMPLE_RATE"


class TooManyChannelsError(ClipError):
    """More channels than `limits.max_channels`."""

    code = "TOO_MANY_CHANNELS"


class UnsupportedCodecError(ClipError):
    """An allowed container with a codec that cannot be decoded."""

    code = "UNSUPPORTED_CODEC"


class NonFiniteError(ClipError):
    """NaN or infinity among the samples."""

    code = "NON_FINITE"


class OutOfRangeError(ClipError):
    """Float samples far outside plus-minus one."""

    code = "OUT_OF_RANGE"


class SilentError(ClipError):
    """Digital silence: nothing to describe."""

    code = "SILENT"


class PhaseCancelError(ClipError):
    """Channels that cancel each other in the down-mix."""

    code = "PHASE_CANCEL"


class DcOffsetError(ClipError):
    """A constant signal: nothing to describe."""

    code = "DC_OFFSET"


class NotRegularError(ClipError):
    """A pipe, a device, or a link that loops or leaves the corpus."""

    code = "NOT_REGULAR"


class WithdrawnError(ClipError):
    """The file's bytes, or its audio, were withdrawn and are not taken in again."""

    code = "WITHDRAWN"


class UnreadableError(ClipError):
    """The file cannot be opened or read."""

    code = "UNREADABLE"


class ChangedDuringReadError(ClipError):
    """Size or time of the file changed while it was read."""

    code = "CHANGED_DURING_READ"


class DecoderCrashError(ClipError):
    """The isolated decoder died of this file, or ran out of memory."""

    code = "DECODER_CRASH"


class DecodeTimeoutError(ClipError):
    """The isolated decoder took longer than `limits.max_decode_s`."""

    code = "DECODE_TIMEOUT"


class UnforeseenError(ClipError):
    """An error nobody foresaw, caught once at the adapter; the detail carries a digest of the traceback."""

    code = "INTERNAL_ERROR"


def unforeseen(error: BaseException) -> UnforeseenError:
    """Any exception -> INTERNAL_ERROR, with its type, its place, 200 characters of it and a digest of its traceback."""
    trace = "".join(traceback.format_exception(error))
    last = traceback.extract_tb(error.__traceback__)[-1]
    digest = hashlib.sha256(trace.encode("utf-8", "replace")).hexdigest()[:12]
    return UnforeseenError(f"{type(error).__name__} in {last.name}: {str(error)[:200]} (traceback {digest})")


WARNINGS: tuple[str, ...] = (
    "TRUNCATED",
    "TOO_SHORT",
    "LENGTH_UNKNOWN",
    "CHAINED_STREAM",
    "DC_OFFSET",
    "OUT_OF_RANGE",
    "CLIPPED",
    "PARTLY_SILENT",
    "DEAD_CHANNEL",
    "LABEL_CONFLICT",
    "STREAMED",
    "SYNTHETIC",
)
"""Codes that stand in `clips.warnings` of an accepted clip."""
