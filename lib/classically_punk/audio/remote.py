"""Files that do not lie on this machine: listed by their file system, and copied to where they are decoded.

A path is a URI, `s3://bucket/genre/track.wav`, whose key stands as it is, with nothing percent-encoded. What pyarrow
knows can be read: S3 and what speaks like it, Google Cloud Storage, Azure. A store that stays silent costs one file
`storage.read_timeout_s`, and ends as UNREADABLE, which the next run reads again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import pyarrow as pa
from pyarrow import fs

from classically_punk.audio import inventory
from classically_punk.audio.inventory import REMOTE, Found, path_text
from classically_punk.errors import (
    ChangedDuringReadError,
    ConfigError,
    NotRegularError,
    TooLargeError,
    UnreadableError,
    redacted,
)

if TYPE_CHECKING:
    from classically_punk.settings import Settings, Storage

KEY: Final = "corpus.root"
S3, GOOGLE, AZURE = ("s3", "s3a", "s3n"), ("gs", "gcs"), ("abfs", "abfss")
SCHEMES: Final = (*S3, *GOOGLE, *AZURE)
BLOCK_BYTES: Final = 64 << 20
"""What is asked for at a time: a file up to this size comes by one request, all of one moment."""
SILENT_S: Final = 10.0
"""How long a store that has just been silent is waited for, until it answers again."""
SECOND_NS: Final = 1_000_000_000
FAULTS: Final = (OSError, pa.ArrowException)
"""What pyarrow raises where a file system does not do as it is asked."""

T = TypeVar("T")


class Sink(Protocol):
    """Where bytes go."""

    def write(self, block: bytes, /) -> object:
        """Takes some of them."""


def is_remote(path: bytes) -> bool:
    """Whether a path is a URI: a local one is absolute and begins with a slash."""
    return REMOTE.match(path) is not None


def root_of(settings: Settings) -> bytes:
    """`corpus.root`: an absolute local path, or a URI without a slash at its end. Raises ConfigError; asks no store."""
    root = settings.location(KEY)
    if not is_remote(root):
        return root
    scheme, _, rest = root.partition(b"://")
    name = scheme.decode("ascii").lower()
    authority = rest.partition(b"/")[0]
    if not authority and name in SCHEMES:
        raise ConfigError(KEY, f"{path_text(root)} names no bucket")
    if b"@" in authority and name not in AZURE:
        raise ConfigError(KEY, f"{path_text(root)} holds credentials: they belong into [storage] of the configuration")
    if b"?" in rest:
        raise ConfigError(KEY, f"{path_text(root)} holds options: they belong into [storage] of the configuration")
    return inventory.absolute(name.encode() + b"://" + rest)


def is_known(path: bytes) -> bool:
    """Whether a URI can be read here; what else there is, perhaps Hadoop knows (`spark.hadoop`)."""
    return path.partition(b"://")[0].decode("ascii", "replace").lower() in SCHEMES


def check(root: bytes, storage: Storage) -> None:
    """Raises ConfigError where the top of a URI cannot be listed."""
    _listing(root, storage, recursive=False)


def walk(root: bytes, storage: Storage) -> Iterator[Found]:
    """Every file below a local folder or a URI, sorted by path bytes, as `inventory.walk` has them.

    What the listing calls neither file nor folder comes with NOT_REGULAR. Raises ConfigError where it fails, or where
    the scheme is not one of `SCHEMES`.
    """
    if not is_remote(root):
        return inventory.walk(root)
    listed = _listing(root, storage, recursive=True)
    found = (_found(root, info) for info in listed if info.type != fs.FileType.Directory)
    return iter(sorted(found, key=lambda one: one.path))


def _found(root: bytes, info: fs.FileInfo) -> Found:
    path = _uri(root, info.path)
    if info.type != fs.FileType.File:
        return Found(path, 0, 0, NotRegularError.code, "neither a file nor a folder, says the listing")
    return Found(path, info.size or 0, info.mtime_ns or 0)


def _uri(root: bytes, place: str) -> bytes:
    """A place as the file system tells it (`bucket/key`) -> its URI, with scheme and authority of the root."""
    match = REMOTE.match(root)
    assert match is not None
    return match[0] + b"/" + place.partition("/")[2].encode("utf-8", "surrogateescape")


def _listing(uri: bytes, storage: Storage, *, recursive: bool) -> list[fs.FileInfo]:
    if not is_known(uri):
        raise ConfigError(KEY, f"{path_text(uri)} is not read here; expected a folder or one of {', '.join(SCHEMES)}")
    try:
        system, place = _opened(uri, storage)
        selector = fs.FileSelector(place, recursive=recursive)
        found: list[fs.FileInfo] = system.get_file_info(selector)
    except FAULTS as error:
        raise ConfigError(KEY, f"{path_text(uri)} cannot be listed: {_why(error)}") from None
    return found


def copy(
    path: bytes,
    sink: Sink,
    storage: Storage,
    most_bytes: int,
    expected_size: int | None = None,
    expected_modified_ns: int | None = None,
) -> None:
    """All bytes of the file at a URI into `sink`, read once.

    Raises ClipError: TooLargeError beyond `most_bytes`, ChangedDuringReadError if size or time (to the second: more is
    not told) are not as expected or not the same before and after, UnreadableError for all that the store does.
    """
    if not is_known(path):
        raise UnreadableError("of this file system, only ingest_clips and extract_features read files")
    _PATIENCE.within(
        storage.read_timeout_s,
        lambda: _copy(path, sink, storage, most_bytes, expected_size, expected_modified_ns),
    )


def _copy(
    path: bytes, sink: Sink, storage: Storage, most_bytes: int, size: int | None, modified_ns: int | None
) -> None:
    try:
        system, place = _opened(path, storage)
        if size is None or modified_ns is None:
            info = system.get_file_info(place)
            size, modified_ns = _regular(info).size, info.mtime_ns
        if size > most_bytes:
            raise TooLargeError(f"the file has {size} bytes, at most {most_bytes} are read")
        got = 0
        with system.open_input_stream(place) as source:
            while got <= size and (block := source.read(min(BLOCK_BYTES, size + 1 - got))):
                sink.write(block)
                got += len(block)
        if got != size:
            raise ChangedDuringReadError(f"the file had {size} bytes, {got} or more could be read")
        after = _regular(system.get_file_info(place))
    except FAULTS as error:
        raise UnreadableError(_why(error)) from error
    if after.size != size:
        raise ChangedDuringReadError(f"the size changed while it was read, from {size} to {after.size} bytes")
    if (after.mtime_ns or 0) // SECOND_NS != (modified_ns or 0) // SECOND_NS:
        moved = f"from {modified_ns} to {after.mtime_ns} ns"
        raise ChangedDuringReadError(f"the time of change moved since it was listed, {moved}")


def _regular(info: fs.FileInfo) -> fs.FileInfo:
    if info.type == fs.FileType.NotFound:
        raise UnreadableError("no such file")
    if info.type != fs.FileType.File:
        raise NotRegularError("a folder, not a file")
    return info


def _opened(uri: bytes, storage: Storage) -> tuple[fs.FileSystem, str]:
    """The file system of a URI, and the place on it. Raises what pyarrow raises."""
    scheme, _, rest = uri.partition(b"://")
    authority, _, key = rest.partition(b"/")
    bucket, _, host = authority.decode("utf-8").partition("@")
    system = _system(scheme.decode("ascii").lower(), bucket, host, storage)
    return system, "/".join(filter(None, (bucket, key.decode("utf-8"))))


@lru_cache(maxsize=8)
def _system(scheme: str, bucket: str, host: str, storage: Storage) -> fs.FileSystem:
    if scheme in S3:
        return _s3(bucket, storage)
    if scheme in GOOGLE:
        return _google(storage)
    return _azure(host, storage)


def _s3(bucket: str, storage: Storage) -> fs.FileSystem:
    scheme, _, endpoint = storage.s3_endpoint.rpartition("://")
    region = storage.s3_region
    if not region and not endpoint:
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        access_key=_secret(storage.s3_access_key),
        secret_key=_secret(storage.s3_secret_key),
        session_token=_secret(storage.s3_session_token),
        anonymous=storage.s3_anonymous,
        region=region or None,
        scheme=scheme or "https",
        endpoint_override=endpoint or None,
        connect_timeout=storage.connect_timeout_s,
        request_timeout=storage.request_timeout_s,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=storage.attempts),
    )


def _google(storage: Storage) -> fs.FileSystem:
    scheme, _, endpoint = storage.gs_endpoint.rpartition("://")
    return fs.GcsFileSystem(
        anonymous=storage.gs_anonymous,
        scheme=scheme or "https",
        endpoint_override=endpoint or None,
        retry_time_limit=timedelta(seconds=storage.request_timeout_s * storage.attempts),
    )


def _azure(host: str, storage: Storage) -> fs.FileSystem:
    return fs.AzureFileSystem(
        account_name=storage.azure_account or host.partition(".")[0],
        account_key=_secret(storage.azure_key),
        sas_token=_secret(storage.azure_sas_token),
    )


def _secret(value: Any) -> str | None:
    return value.get_secret_value() or None


def _why(error: BaseException) -> str:
    """The library's own words in one line; those of S3 come with what was asked for, and never with a key."""
    return redacted(" ".join(str(error).split()) or type(error).__name__)


class _Patience:
    """Waits for what may never answer; the less, the longer nothing has answered."""

    def __init__(self) -> None:
        self._is_silent = False

    def within(self, seconds: float, call: Callable[[], T]) -> T:
        """What `call` returns or raises; UnreadableError if it takes longer. It then goes on, and nobody listens."""
        wait_s = min(seconds, SILENT_S) if self._is_silent else seconds
        told: list[T] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                told.append(call())
            except BaseException as error:  # noqa: BLE001  raised again below, where somebody listens
                failed.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(wait_s)
        if thread.is_alive():
            self._is_silent = True
            raise UnreadableError(f"not read within {wait_s:g} s: the file system does not answer")
        self._is_silent = False
        if failed:
            raise failed[0]
        return told[0]


_PATIENCE: Final = _Patience()
