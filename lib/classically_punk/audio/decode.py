"""A file or its bytes -> mono samples at 22 050 Hz with what must be known about them; raises nothing but ClipError.

The one place where audio is opened. Whatever a file claims is checked against limits before memory is spent on it,
and against what the decoder delivered after.
"""
# ruff: noqa: PTH116 (paths are bytes here: names need not be text, which pathlib insists on)

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile
import soxr

from classically_punk.audio.bytesource import Guarded
from classically_punk.audio.containers import Promise, read_promise
from classically_punk.audio.integrity import Scan, check_values
from classically_punk.audio.sniff import Container, sniff
from classically_punk.audio.store import InMemory, Mono, Samples, Spool, Store
from classically_punk.audio.views import views
from classically_punk.errors import (
    BadSampleRateError,
    ChangedDuringReadError,
    ClipError,
    ClipTooShortError,
    DecodeBudgetError,
    DecodeError,
    HeaderCorruptError,
    NoSamplesError,
    NotRegularError,
    TooLargeError,
    TooLongError,
    TooManyChannelsError,
    TruncatedError,
    UnreadableError,
    UnsupportedCodecError,
)

if TYPE_CHECKING:  # the decoder's own process does without what reads configurations
    from classically_punk.settings import Limits

SAMPLE_RATE_HZ = 22_050
"""Every feature is computed at this rate, that of the published table."""

SHORTEST_S = 0.5
"""Shorter clips are rejected: a tempo needs at least a beat."""

SHORT_S = 1.0
"""Shorter clips are accepted with the warning TOO_SHORT."""

SYNTHETIC_MARK = "synthetic, not a recording"
"""A file whose comment contains it is labelled SYNTHETIC wherever it shows up."""

RULES_VERSION = 3
"""To be raised with every change of a rule or threshold that may change what becomes of a file."""

WHOLE_CLIP_S = 600.0
"""Longer clips are put aside in a file: the default of `features.whole_clip_s`."""

BLOCK_VALUES = 262_144
"""Samples of all channels that are decoded at a time."""
SHORTEST_BLOCK = 4_096

UNREAD_BYTES, UNREAD_SHARE = 4_096, 0.01
"""An MP3 that does not count its frames may end with so much that the decoder does not look at."""

_HASH_BLOCK_BYTES = 1 << 20
_LENGTH_UNKNOWN_FRAMES = 1 << 62  # libsndfile says 2^63 - 1 where a stream does not tell its length

# Numbers of libsndfile 1.2 (`sf_error_number`); every other failure to open is a header that contradicts itself.
_ERRORS_ON_OPENING: dict[int, type[ClipError]] = {
    4: UnsupportedCodecError,  # supported file format but unsupported encoding
    18: UnsupportedCodecError,  # data in an unimplemented format
    78: UnsupportedCodecError,  # WAV holding WavPack
    92: UnsupportedCodecError,  # AU of an unknown format
    8: NoSamplesError,  # no data could be read
    90: NoSamplesError,  # AIFF without sound data
    17: DecodeBudgetError,  # no memory
    33: TooManyChannelsError,
    24: BadSampleRateError,  # "SF_INFO struct incomplete": a rate of 0, beyond 31 bits, NaN or infinite
}


@dataclass(frozen=True)
class Decoded:
    """One decoded clip.

    `samples` is (n,) float32, mono at 22 050 Hz, nominally within -1 to 1, or a `Spool` of them where the clip is
    longer than `whole_clip_s` (then with the warning STREAMED).
    """

    clip_id: str
    audio_sha256: str
    samples: Samples
    duration_s: float
    sample_rate_hz: int
    channels: int
    container: str
    codec: str
    warnings: tuple[str, ...]
    decoder: str


class _Stream(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read from front to back.

    soundfile seeks after every block it reads, which fails at the end of a stream of unknown length (and costs time
    with the lossy codecs); it leaves that out for files that cannot seek.
    """

    def seekable(self) -> bool:
        return False


def decoder_name() -> str:
    """Decoder, mixing and resampler with their versions: what a sample value depends on."""
    return (
        f"soundfile {soundfile.__version__} (libsndfile {soundfile.__libsndfile_version__}), mean of channels, "
        f"soxr {soxr.__version__} HQ"
    )


def reader_digest(limits: Limits, whole_clip_s: float = WHOLE_CLIP_S) -> str:
    """16 hex digits over everything that decides what becomes of a file: decoder, rules and the limits of a file."""
    facts = {"decoder": decoder_name(), "rules": RULES_VERSION, "sample_rate_hz": SAMPLE_RATE_HZ}
    facts |= {"whole_clip_s": float(whole_clip_s)}
    of_a_file = limits.model_dump(exclude={"max_reject_share"})  # a gate of the run, no file is read differently
    return hashlib.sha256(json.dumps({**facts, "limits": of_a_file}, sort_keys=True).encode()).hexdigest()[:16]


def resample(samples: Mono, from_hz: int, to_hz: int = SAMPLE_RATE_HZ) -> Mono:
    """Mono (n,) at one rate -> (n * to / from,) at another, by soxr HQ; the samples themselves if the rates agree."""
    if from_hz == to_hz:
        return samples
    return np.ascontiguousarray(soxr.resample(samples, from_hz, to_hz, quality="HQ"), dtype=np.float32)


def decode_file(
    path: bytes,
    limits: Limits,
    expected_size: int | None = None,
    expected_modified_ns: int | None = None,
    store: Store | None = None,
) -> Decoded:
    """The clip in a file, opened once and never waited for; its samples go to `store`, or into memory.

    Raises ClipError; ChangedDuringReadError if size or time are not as expected, or not the same before and after.
    """
    if b"\0" in path:
        raise UnreadableError("a name with a zero byte, which no file system has")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # before opening: that alone can set a device in motion
            raise NotRegularError("a pipe, a device or a folder, not a file")
        # O_NONBLOCK: should a pipe have taken its place, opening must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as source:
            before = os.fstat(source.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise NotRegularError("a pipe, a device or a folder, not a file")
            _check_unchanged("since it was listed", before, expected_size, expected_modified_ns)
            decoded = _decode(source, before.st_size, limits, store or InMemory(WHOLE_CLIP_S * SAMPLE_RATE_HZ))
            after = os.fstat(source.fileno())
            _check_unchanged("while it was read", after, before.st_size, before.st_mtime_ns)
    except OSError as error:
        raise UnreadableError(error.strerror or errno.errorcode.get(error.errno or 0, type(error).__name__)) from error
    return decoded


def decode_content(content: bytes | BinaryIO, limits: Limits, store: Store | None = None) -> Decoded:
    """The clip in the bytes of a file, or in an open file without a name. Raises ClipError."""
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    return _decode(source, size, limits, store or InMemory(WHOLE_CLIP_S * SAMPLE_RATE_HZ))


def _check_unchanged(when: str, now: os.stat_result, size: int | None, modified_ns: int | None) -> None:
    if size is not None and now.st_size != size:
        raise ChangedDuringReadError(f"the size changed {when}, from {size} to {now.st_size} bytes")
    # to the microsecond: a table that listed the file keeps no more
    if modified_ns is not None and now.st_mtime_ns // 1000 != modified_ns // 1000:
        raise ChangedDuringReadError(f"the time of change moved {when}, from {modified_ns} to {now.st_mtime_ns} ns")


def _decode(source: BinaryIO, size: int, limits: Limits, store: Store) -> Decoded:
    if size > limits.max_bytes:
        raise TooLargeError(f"the file has {size} bytes, at most {limits.max_bytes} are read")
    clip_id = _sha256(source, size)
    container, start = sniff(source, size)
    promise = read_promise(source, container, start, size)
    if promise.empty:
        raise NoSamplesError(f"{container} with a header and no audio behind it")
    if promise.missing_share > limits.max_missing_share:
        raise TruncatedError(promise.missing)
    guarded, stream = _open(views(source, container, promise, start, size), promise)
    try:
        with stream:
            decoded = _decode_stream(stream, guarded, clip_id, container, promise, limits, store)
    except ClipError as error:
        if guarded.failure is not None:  # the disk's fault, not the clip's
            raise guarded.failure from error
        raise
    if guarded.failure is not None:
        raise guarded.failure
    return decoded


def _decode_stream(
    stream: _Stream,
    source: Guarded,
    clip_id: str,
    container: Container,
    promise: Promise,
    limits: Limits,
    store: Store,
) -> Decoded:
    _check_header(stream, promise, limits)
    rate = int(stream.samplerate)
    mix = _Mix(rate, store)
    warnings = _read(stream, source, container, promise, limits, mix)
    if SYNTHETIC_MARK in stream.comment:
        warnings = (*warnings, "SYNTHETIC")
    samples = mix.finish()
    if isinstance(samples, Spool):
        warnings = (*warnings, "STREAMED")
    return Decoded(
        clip_id=clip_id,
        audio_sha256=mix.digest.hexdigest(),
        samples=samples,
        duration_s=mix.frames / rate,
        sample_rate_hz=rate,
        channels=int(stream.channels),
        container=str(stream.format),
        codec=str(stream.subtype),
        warnings=warnings,
        decoder=decoder_name(),
    )


class _Mix:
    """Where decoded blocks go: hashed at the file's own rate, resampled block by block, handed to the store."""

    def __init__(self, rate: int, store: Store) -> None:
        self.frames = 0
        self.digest = hashlib.sha256(f"{rate}:".encode())
        self._store = store
        # block by block soxr gives the same bits as at one go
        self._resampler = None if rate == SAMPLE_RATE_HZ else soxr.ResampleStream(rate, SAMPLE_RATE_HZ, 1, quality="HQ")

    def add(self, mono: Mono) -> None:
        self.frames += mono.size
        self.digest.update(mono.astype("<f4", copy=False).data)
        self._store.add(mono if self._resampler is None else self._resampler.resample_chunk(mono))

    def finish(self) -> Samples:
        if self._resampler is not None:
            self._store.add(self._resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
        return self._store.finish()


def _sha256(source: BinaryIO, size: int) -> str:
    digest, seen = hashlib.sha256(), 0
    while block := source.read(_HASH_BLOCK_BYTES):
        digest.update(block)
        seen += len(block)
        if seen > size:
            break
    if seen != size:
        raise ChangedDuringReadError(f"the file had {size} bytes, {seen} or more could be read")
    return digest.hexdigest()


def _open(shown: Iterator[Guarded], promise: Promise) -> tuple[Guarded, _Stream]:
    """The first view that the decoder can open. Raises ClipError by what was wrong with the first, and OSError."""
    first: soundfile.LibsndfileError | None = None
    for guarded in shown:
        try:
            return guarded, _Stream(guarded)
        except soundfile.LibsndfileError as error:
            if guarded.failure is not None:
                raise guarded.failure from error
            if promise.unknown_codec:
                raise UnsupportedCodecError(promise.unknown_codec) from error
            first = first or error
    assert first is not None
    if promise.missing:
        raise TruncatedError(promise.missing) from first
    kind = _ERRORS_ON_OPENING.get(first.code, HeaderCorruptError)
    raise kind(str(first.error_string)) from first


def _counted(stream: _Stream, promise: Promise) -> int | None:
    """Frames by the file's own count; None where it does not count them."""
    if promise.frames is not None:
        return promise.frames or None
    return int(stream.frames) if promise.counts_frames and stream.frames < _LENGTH_UNKNOWN_FRAMES else None


def _check_header(stream: _Stream, promise: Promise, limits: Limits) -> None:
    rate, channels, frames = stream.samplerate, stream.channels, _counted(stream, promise)
    if not limits.min_sample_rate_hz <= rate <= limits.max_sample_rate_hz:
        raise BadSampleRateError(
            f"sample rate {rate} Hz, from {limits.min_sample_rate_hz} to {limits.max_sample_rate_hz} is read"
        )
    if channels > limits.max_channels:
        raise TooManyChannelsError(f"{channels} channels, at most {limits.max_channels} are read")
    if frames == 0:
        raise NoSamplesError("the header counts no samples")
    if frames is not None and frames > limits.max_duration_s * rate:
        raise TooLongError(f"{frames / rate:.1f} s, at most {limits.max_duration_s:g} s are read")


def _read(
    stream: _Stream, source: Guarded, container: Container, promise: Promise, limits: Limits, mix: _Mix
) -> tuple[str, ...]:
    """Every block of the stream into the mix; returns the warnings."""
    rate, channels = stream.samplerate, stream.channels
    scan = Scan(channels, rate)
    budget = math.ceil(limits.max_duration_s * rate)
    step = max(SHORTEST_BLOCK, BLOCK_VALUES // channels)
    counted = _counted(stream, promise)
    frames, is_whole = 0, True
    while True:
        # up to the counted end first: what FLAC has behind it may be no sound, and then libsndfile gives none at all
        wanted = min(step, counted - frames) if promise.frames and counted and frames < counted else step
        try:
            block = stream.read(wanted, dtype="float64", always_2d=True)
        except soundfile.LibsndfileError as error:
            if frames and frames == promise.frames:
                is_whole = False
                break
            raise DecodeError(f"{error.error_string} (after {frames} frames)") from error
        frames += len(block)
        if frames > budget:
            raise DecodeBudgetError(f"more than {budget} frames, the budget of {limits.max_duration_s:g} s")
        check_values(block)
        mono = block[:, 0] if channels == 1 else block.mean(axis=1)
        scan.add(block, mono)
        mix.add(mono.astype(np.float32))
        if len(block) < wanted:
            break
    if frames == 0:
        raise NoSamplesError("not a single sample could be decoded")
    if not promise.counts_frames:  # where an MP3 changes its rate or channels, libsndfile leaves it
        is_whole = source.unread <= max(UNREAD_BYTES, UNREAD_SHARE * source.size)
    lengths = _length_warnings(frames, counted, is_whole, container, promise, limits)
    if frames < SHORTEST_S * rate:
        raise ClipTooShortError(needed=math.ceil(SHORTEST_S * rate), got=frames)
    if frames < SHORT_S * rate:
        lengths = (*lengths, "TOO_SHORT")
    return (*lengths, *scan.judge())


def _length_warnings(
    frames: int, counted: int | None, is_whole: bool, container: Container, promise: Promise, limits: Limits
) -> tuple[str, ...]:
    """Warnings from what was delivered against what was announced. Raises TruncatedError."""
    # chained streams are counted by nobody, and have their own warning
    unknown = promise.length_unknown or (counted is None and promise.counts_frames and not promise.chained)
    unknown = unknown or not is_whole
    missing = promise.missing_share
    if counted is not None and container is Container.FLAC:
        unknown = unknown or frames != counted  # a cut FLAC does not decode: this one is whole, its header is wrong
    elif counted is not None and not unknown and frames < counted:
        missing = max(missing, 1 - frames / counted)
    if missing > limits.max_missing_share:
        raise TruncatedError(f"{frames} of {counted} frames are there")
    found = {"TRUNCATED": missing > 0, "LENGTH_UNKNOWN": unknown, "CHAINED_STREAM": promise.chained}
    return tuple(code for code, is_so in found.items() if is_so)
