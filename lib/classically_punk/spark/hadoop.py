"""Files that only Hadoop's own client reaches: `hdfs://`, and whatever else Spark's Hadoop is configured for.

Listed on the driver through Hadoop's `FileSystem`. A Python worker has no Java of its own to ask for bytes: they come
to it by Spark's `binaryFile`, for exactly the files that are to be opened, and are decoded like those of any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.audio import remote
from classically_punk.audio.inventory import REMOTE, Found, path_text
from classically_punk.errors import ConfigError, NotRegularError, redacted
from classically_punk.settings import Settings
from classically_punk.spark.tables import GLOB

AUTHORITY = "^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?"
"""How a path begins for Spark; what a configuration fills in there need not stand in `corpus.root`."""
MILLISECOND_NS = 1_000_000
LARGEST_BYTES = (1 << 31) - 1
"""A row of Spark holds no more."""


def is_hadoops(path: bytes) -> bool:
    """Whether a path is a URI that `audio.remote` leaves to Hadoop."""
    return remote.is_remote(path) and not remote.is_known(path)


def walk(root: bytes, settings: Settings) -> Iterator[Found]:
    """Every file below a local folder or any URI, sorted by path bytes, as `inventory.walk` has them.

    Needs a session for what only Hadoop reads. Raises ConfigError.
    """
    if not is_hadoops(root):
        return remote.walk(root, settings.storage)
    try:
        return iter(sorted(_walk(SparkSession.builder.getOrCreate(), root), key=lambda found: found.path))
    except Py4JJavaError as error:
        problem = redacted(str(error.java_exception.toString()).splitlines()[0])
        raise ConfigError(remote.KEY, f"{path_text(root)} cannot be listed: {problem}") from None


def _walk(spark: SparkSession, root: bytes) -> Iterator[Found]:
    context: Any = spark.sparkContext
    top = context._jvm.org.apache.hadoop.fs.Path(root.decode("utf-8"))
    system = top.getFileSystem(context._jsc.hadoopConfiguration())
    match = REMOTE.match(root)
    assert match is not None
    folders = [top]
    while folders:
        for status in system.listStatus(folders.pop()):
            place = status.getPath()
            path = match[0] + place.toUri().getPath().encode("utf-8")
            if status.isDirectory():
                folders.append(place)
            elif status.isFile():
                yield Found(path, status.getLen(), status.getModificationTime() * MILLISECOND_NS)
            else:
                yield Found(path, 0, 0, NotRegularError.code, "neither a file nor a folder, says the listing")


def theirs(files: DataFrame) -> list[bytes]:
    """`path_bytes` of those rows that only Hadoop reads; of a local corpus nothing comes to the driver."""
    rows = (
        files.where(F.col("path_bytes").cast("string").rlike("^" + REMOTE.pattern.decode()))
        .select("path_bytes")
        .collect()
    )
    return [path for path in (bytes(row[0]) for row in rows) if is_hadoops(path)]


def lies_there(paths: Sequence[bytes]) -> Column:
    """Whether `path_bytes` has the scheme of one of the paths that only Hadoop reads; none, none has."""
    schemes = sorted({path.partition(b"://")[0] + b"://" for path in paths})
    return reduce(or_, (F.startswith(F.col("path_bytes"), F.lit(scheme)) for scheme in schemes), F.lit(False))


def contents(files: DataFrame, paths: Sequence[bytes], most_bytes: int) -> DataFrame:
    """Rows of `files` with `content` and `moved`, whether size or time are others than when it was listed.

    Fewer rows than `files`: those longer than `most_bytes` are left out, and what Spark's reader passes over, empty
    files, names that begin with `_` or `.` and whatever it cannot read.
    """
    quiet = {"ignoreMissingFiles": "true", "ignoreCorruptFiles": "true"}
    names = [GLOB.sub(r"\\\g<0>", path.decode("utf-8")) for path in paths]
    found = files.sparkSession.read.format("binaryFile").options(**quiet).load(names)
    found = found.where(F.col("length") <= min(most_bytes, LARGEST_BYTES))
    found = found.withColumn("place", F.regexp_replace("path", AUTHORITY, ""))
    keyed = files.withColumn("place", F.regexp_replace(F.col("path_bytes").cast("string"), AUTHORITY, ""))
    both = found.select("place", "length", "modificationTime", "content").join(F.broadcast(keyed), "place")
    # in whole numbers: a double does not hold the nanoseconds since 1970
    listed = F.col("modified_ns") - F.col("modified_ns") % MILLISECOND_NS
    now = F.unix_millis("modificationTime") * F.lit(MILLISECOND_NS).cast("long")
    moved = (F.col("length") != F.col("size_bytes")) | (now != listed)
    return both.withColumn("moved", moved).select(*files.columns, "content", "moved")
