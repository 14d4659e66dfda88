"""Delta tables of a warehouse: the only module that knows of Delta.

Tables lie under `warehouse.root/<table>` and appear in the catalogue as schema `punk`. Every commit carries the run id
in its `userMetadata`. Deletion vectors and column mapping stay off, so that delta-rs reads what is written here.
"""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial, reduce
from operator import and_
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyarrow import parquet
from pyspark import inheritable_thread_target
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  (the field's own name for it)
from pyspark.sql.types import StructType

from classically_punk.errors import ConfigError
from classically_punk.spark import delta_log, schemas
from classically_punk.spark.progress import say

SCHEMA = "punk"
READING = "reading"
"""Stands for the run id where nothing is going to be written."""
TOLD = 5
"""Columns that a message names; of more it tells how many."""
STAGING = "_staging"
GLOB = re.compile(r"[\\*?\[\]{}]")
ATTEMPTS = 6
THREADS = 4
PROPERTIES = {
    "delta.enableDeletionVectors": "false",
    "delta.columnMapping.mode": "none",
    "delta.checkpointPolicy": "classic",
}

STAGED = {
    # read once or twice and thrown away: what makes files smaller costs more than it saves
    "compression": "lz4_raw",
    "parquet.enable.dictionary": "false",
}
STATISTICS = {
    "features": ("clip_id", "segment", "genre", "feature_set"),
    "altered_features": ("clip_id", "segment", "genre", "feature_set", "alteration"),
}
"""Columns whose least and largest value Delta keeps per file, where they are not simply the first 32 of the table.

These are what queries filter by; hundreds of features are only ever read as a whole.
"""
CLUSTERED = {
    "features": ("genre",),
    "altered_features": ("genre",),
    "predictions": ("model_id", "protocol"),
}
"""What compaction lays side by side, so that a query for one of them opens few files."""
TARGET_BYTES = 256 << 20
"""Size of a data file that compaction aims at."""
MANY = 8
"""Data files under half of that, from which on a table is worth compacting."""
COMPACTION = {
    "spark.databricks.delta.optimize.maxFileSize": str(TARGET_BYTES),
    "spark.databricks.delta.optimize.minFileSize": str(TARGET_BYTES // 2),
}
VACUUM = {
    # the job has asked about short times already
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    # ten thousand tasks list one folder otherwise
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
}


class Warehouse:
    """The tables under one root, as this session sees them."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root, self.run_id = spark, root, READING
        self.were_read: set[str] = set()
        """Names of the tables whose rows were asked for."""

    def open(self, run_id: str | None = None) -> Warehouse:
        """Creates missing tables, puts all of them into schema `punk`, and marks later commits with `run_id`."""
        if run_id is not None:
            self.run_id = run_id
            self.spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", run_id)
            self._mend_logs()
        self.spark.sql("CREATE SCHEMA IF NOT EXISTS punk")
        self.at_once(*(partial(self._open_table, name, schema) for name, schema in schemas.tables().items()))
        return self

    def at_once(self, *steps: Callable[[], object]) -> None:
        """Runs independent steps side by side: on small tables Spark's planning is most of their time."""
        with ThreadPoolExecutor(min(len(steps), THREADS)) as pool:
            started = [pool.submit(inheritable_thread_target(self.spark)(step)) for step in steps]
        for step in started:
            step.result()

    def _open_table(self, name: str, schema: StructType) -> None:
        builder = DeltaTable.createIfNotExists(self.spark).tableName(f"{SCHEMA}.{name}").location(self.path(name))
        if not DeltaTable.isDeltaTable(self.spark, self.path(name)):
            builder = builder.addColumns(schema)  # at once: one by one they cost Java a search of its class path each
            for key, value in (PROPERTIES | _statistics(name)).items():
                builder = builder.property(key, value)
            if name in CLUSTERED:
                builder = builder.clusterBy(*CLUSTERED[name])
        self._retried(builder.execute)  # readers create what is missing too
        self._fit(name, schema)

    def _fit(self, name: str, schema: StructType) -> None:
        """Adds the columns that an older version did not know; who reads does without. Raises ConfigError.

        Rows that are there hold null in them. What a table has beyond this version's columns stays, and is not read.
        """
        present = self._load(name).schema
        told = _some([column for column in schema.names if column not in present.names])
        if schema.names[0] not in present.names:
            raise ConfigError("warehouse.root", f"table {name} lacks the columns {told}: it is another table")
        for field in schema.fields:
            is_like = present[field.name].dataType.simpleString() if field.name in present.names else None
            if is_like not in (None, field.dataType.simpleString()):
                problem = f"column {field.name} of table {name} is {is_like}, expected {field.dataType.simpleString()}"
                raise ConfigError("warehouse.root", f"{problem}: made by another version, see docs/runbook.md")
        if not told:
            return
        if self.run_id == READING:
            say(f"table {name} lacks the columns {told} of this version: the next run that writes adds them")
            return
        rows = self.spark.createDataFrame([], StructType([f for f in schema.fields if f.name not in present.names]))
        grown = rows.write.format("delta").mode("append").option("mergeSchema", "true")
        self._retried(lambda: grown.save(self.path(name)))
        say(f"table {name}: added the columns {told}")

    def lacking(self, name: str) -> str:
        """Names of this version's columns that a table has not got yet, for people; empty where it has them all."""
        present = self._load(name).columns
        return _some([column for column in schemas.tables()[name].names if column not in present])

    def _mend_logs(self) -> None:
        for name in schemas.tables():
            if delta_log.take_away_unborn(self.root / name):
                say(f"table {name}: its making was cut off; it is made anew")
            for lost in delta_log.mend(self.root / name):
                say(f"table {name}: took the damaged or dangling {lost} out of its log; the commits are whole")

    def path(self, name: str) -> str:
        """Where a table lies, as text."""
        return str(self.root / name)

    def read(self, name: str) -> DataFrame:
        """A table as it is now, in the columns of this version: null where an older table lacks one."""
        self.were_read.add(name)
        schema, rows = schemas.tables()[name], self._load(name)
        if rows.columns == schema.names:
            return rows
        absent = set(schema.names) - set(rows.columns)
        return rows.select(
            *(F.lit(None).cast(f.dataType).alias(f.name) if f.name in absent else f.name for f in schema)
        )

    def _load(self, name: str) -> DataFrame:
        return self.spark.read.format("delta").load(self.path(name))

    def rows_of(self, name: str, keys: DataFrame) -> DataFrame:
        """The rows whose key columns are in `keys`; files that hold none of them are read for these columns alone."""
        return self.rows_in(name, self._files_with(name, keys)).join(F.broadcast(keys), keys.columns, "left_semi")

    def _files_with(self, name: str, keys: DataFrame) -> list[str]:
        place = F.col("_metadata.file_path").alias("file")
        known = self._load(name).select(*keys.columns, place).join(F.broadcast(keys), keys.columns, "left_semi")
        # a table is not partitioned: its files lie beside each other
        return [unquote(row["file"].rpartition("/")[2]) for row in known.select("file").distinct().collect()]

    def rows_in(self, name: str, files: Sequence[str]) -> DataFrame:
        """The rows of some of a table's data files, in the columns of this version."""
        self.were_read.add(name)
        schema = schemas.tables()[name]
        if not files:
            return self.spark.createDataFrame([], schema)
        paths = [GLOB.sub(r"\\\g<0>", str(self.root / name / file)) for file in files]
        return self.spark.read.schema(schema).parquet(*paths)

    def values_in(self, name: str, files: Sequence[str], column: str) -> set[str]:
        """What a text column holds in some of a table's data files, null left out; read by the driver."""
        read = (parquet.read_table(self.root / name / file, columns=[column]) for file in files)
        return {value for table in read for value in table[column].to_pylist() if value is not None}

    def staged(self, name: str, rows: DataFrame) -> DataFrame:
        """Rows computed once and put aside in the warehouse: what is read back depends on no table and no executor."""
        place = str(self.root / STAGING / self.run_id / name)
        rows.write.mode("overwrite").options(**STAGED).parquet(place)
        # a reader takes a place for a pattern: what is one sign of it in the warehouse's own path is escaped
        return self.spark.read.schema(rows.schema).parquet(GLOB.sub(r"\\\g<0>", place))

    def staged_batches(self, name: str, batches: Iterable[pa.Table], schema: str) -> DataFrame:
        """Rows that come in batches on the driver, put aside like those of `staged`: only one batch is in memory."""
        place = str(self.put_batches(name, batches))
        return self.spark.read.schema(schema).parquet(GLOB.sub(r"\\\g<0>", place))

    def put_batches(self, name: str, batches: Iterable[pa.Table]) -> Path:
        """Writes batches where `staged` puts rows aside -> the folder."""
        place = self.root / STAGING / self.run_id / name
        place.mkdir(parents=True, exist_ok=True)
        for number, batch in enumerate(batches):
            parquet.write_table(batch, place / f"part-{number:05d}.parquet")
        return place

    def drop_staged(self) -> None:
        """Removes what `staged` put aside."""
        shutil.rmtree(self.root / STAGING / self.run_id, ignore_errors=True)
        with suppress(OSError):  # another run's folder may lie beside it
            (self.root / STAGING).rmdir()

    def version(self, name: str) -> int:
        """The table's newest version number."""
        row = DeltaTable.forPath(self.spark, self.path(name)).history(1).select("version").first()
        if row is None:
            raise ConfigError("warehouse.root", f"table {name} has no history")
        return int(row["version"])

    def last_change(self, name: str) -> list[object] | None:
        """What tells the newest commit that changed rows from any other; None where upkeep alone fills the last few."""
        return delta_log.last_change(self.root / name)

    def added_since(self, name: str, change: object) -> delta_log.Added | None:
        """The data files that came since a `last_change`, where nothing else happened to rows; else None."""
        return delta_log.added_since(self.root / name, change)

    def append(self, name: str, rows: DataFrame) -> None:
        """Adds rows in one commit; columns that the rows lack become null."""
        aligned = self._aligned(name, rows)
        self._retried(lambda: aligned.write.format("delta").mode("append").save(self.path(name)))

    def overwrite(self, name: str, rows: DataFrame) -> None:
        """Makes `rows` the only rows of the table, in one commit; columns that they lack become null."""
        aligned = self._aligned(name, rows)
        self._retried(lambda: aligned.write.format("delta").mode("overwrite").save(self.path(name)))

    def insert(self, name: str, rows: DataFrame, key: Sequence[str]) -> None:
        """Adds those rows whose key the table lacks; keys are unique in `rows`. Only one writer may do so at a time."""
        if self.read(name).join(rows.select(*key), list(key), "left_semi").isEmpty():
            self.append(name, rows)  # half the price of a merge
        else:
            self.merge(name, rows, key, update=False)

    def merge(self, name: str, rows: DataFrame, key: Sequence[str], *, update: bool = True) -> None:
        """Inserts rows with a new key and, with `update`, replaces those whose key exists; keys are unique there."""
        aligned = self._aligned(name, rows)
        matched = _same(key)
        # by name: the table may have columns that this version does not know
        values: dict[str, str | Column] = {c: F.col(f"s.{c}") for c in aligned.columns}

        def commit() -> None:
            merge = DeltaTable.forPath(self.spark, self.path(name)).alias("t").merge(aligned.alias("s"), matched)
            merge = merge.whenMatchedUpdate(set=values) if update else merge
            merge.whenNotMatchedInsert(values=values).execute()

        self._retried(commit)

    def replace(self, name: str, rows: DataFrame, key: Sequence[str], whole: Sequence[str]) -> None:
        """Makes `rows` the only rows of their `whole` (a part of the key), in one commit; keys are unique there.

        Rows with a new key are inserted, known ones replaced, and those that `rows` no longer has are deleted.
        """
        aligned = self._aligned(name, rows)
        values: dict[str, str | Column] = {c: F.col(f"s.{c}") for c in aligned.columns}

        def commit() -> None:
            known = self.read(name).join(aligned.select(*whole).distinct(), list(whole), "left_semi").select(*key)
            over = known.join(aligned.select(*key), list(key), "left_anti").withColumn("over", F.lit(True))
            source = aligned.withColumn("over", F.lit(False)).unionByName(over, allowMissingColumns=True)
            merge = DeltaTable.forPath(self.spark, self.path(name)).alias("t").merge(source.alias("s"), _same(key))
            merge = merge.whenMatchedDelete("s.over").whenMatchedUpdate(set=values)
            merge.whenNotMatchedInsert(values=values).execute()

        self._retried(commit)

    def write_changed(self, name: str, desired: DataFrame, key: Sequence[str], *, few: bool = False) -> None:
        """Writes those rows of `desired` that the table lacks or holds with other values, in one commit; none, none.

        `few`: they are little beside the table, which is then read through them and not sorted.
        """
        columns = schemas.tables()[name].names
        table = self.read(name)
        if few:
            table = table.join(F.broadcast(desired.select(*key)), list(key), "left_semi")
        was = table.select(*key, F.struct(*columns).alias("was"))
        now = self._aligned(name, desired).select(*key, F.struct(*columns).alias("now"))
        differs = now.join(was, list(key), "left").where(~F.col("now").eqNullSafe(F.col("was")))
        changed = differs.select("now.*", F.col("was").isNotNull().alias("known")).localCheckpoint()
        known = {row["known"] for row in changed.select("known").distinct().collect()}
        if known == {False}:
            self.append(name, changed.drop("known"))
        elif known:
            self.merge(name, changed.drop("known"), key)

    def assign(self, name: str, rows: DataFrame, key: Sequence[str], columns: Sequence[str]) -> None:
        """Sets `columns` of existing rows from `rows` by key; keys that do not exist are passed over."""
        matched = _same(key)
        values: dict[str, str | Column] = {c: F.col(f"s.{c}") for c in columns}
        source = rows.select(*key, *columns)

        def commit() -> None:
            merge = DeltaTable.forPath(self.spark, self.path(name)).alias("t").merge(source.alias("s"), matched)
            merge.whenMatchedUpdate(set=values).execute()

        self._retried(commit)

    def remove(self, name: str, rows: DataFrame, key: Sequence[str]) -> None:
        """Deletes the rows whose key is in `rows`."""
        matched = _same(key)
        source = rows.select(*key).distinct()

        def commit() -> None:
            merge = DeltaTable.forPath(self.spark, self.path(name)).alias("t").merge(source.alias("s"), matched)
            merge.whenMatchedDelete().execute()

        self._retried(commit)

    def _aligned(self, name: str, rows: DataFrame) -> DataFrame:
        schema = schemas.tables()[name]
        extra = set(rows.columns) - set(schema.names)
        if extra:
            raise ValueError(f"table {name} has no columns {sorted(extra)}")
        types = {f.name: f.dataType.simpleString() for f in rows.schema}
        if list(types.items()) == [(f.name, f.dataType.simpleString()) for f in schema]:
            return rows
        return rows.select(
            *(
                f.name
                if types.get(f.name) == f.dataType.simpleString()
                else (F.col(f.name) if f.name in types else F.lit(None)).cast(f.dataType).alias(f.name)
                for f in schema
            )
        )

    def compact(self, name: str) -> tuple[int, int]:
        """Packs small data files of a table into large ones -> files before and after; few make no commit."""
        sizes = self._file_sizes(name)
        if sum(size < TARGET_BYTES // 2 for size in sizes) < MANY:
            return len(sizes), len(sizes)
        with self._configured(COMPACTION):
            self._retried(lambda: DeltaTable.forPath(self.spark, self.path(name)).optimize().executeCompaction())
        return len(sizes), len(self._file_sizes(name))

    def _file_sizes(self, name: str) -> list[int]:
        places = (unquote(urlsplit(place).path) for place in self._load(name).inputFiles())
        return [Path(place).stat().st_size for place in places]

    def lay_out(self) -> None:
        """Gives tables of earlier versions the statistics and the clustering of new ones; they count from then on."""
        if self._laid_out("features") and self._laid_out("altered_features") and self._laid_out("predictions"):
            return
        self.spark.sql(
            "ALTER TABLE punk.features SET TBLPROPERTIES "
            "('delta.dataSkippingStatsColumns' = 'clip_id,segment,genre,feature_set')"
        )
        self.spark.sql(
            "ALTER TABLE punk.altered_features SET TBLPROPERTIES "
            "('delta.dataSkippingStatsColumns' = 'clip_id,segment,genre,feature_set,alteration')"
        )
        self.spark.sql("ALTER TABLE punk.features CLUSTER BY (genre)")
        self.spark.sql("ALTER TABLE punk.altered_features CLUSTER BY (genre)")
        self.spark.sql("ALTER TABLE punk.predictions CLUSTER BY (model_id, protocol)")

    def _laid_out(self, name: str) -> bool:
        told = (
            DeltaTable.forPath(self.spark, self.path(name)).detail().select("properties", "clusteringColumns").first()
        )
        if told is None:
            return False
        clustered = tuple(told["clusteringColumns"] or ()) == CLUSTERED.get(name, ())
        return clustered and _statistics(name).items() <= told["properties"].items()

    def vacuum(self, name: str, hours: float) -> None:
        """Deletes files of the table that no version of the last `hours` names: left by killed runs, or replaced."""
        with self._configured(VACUUM):
            DeltaTable.forPath(self.spark, self.path(name)).vacuum(hours)

    @contextmanager
    def _configured(self, values: Mapping[str, str]) -> Iterator[None]:
        before = {key: self.spark.conf.get(key, None) for key in values}
        for key, value in values.items():
            self.spark.conf.set(key, value)
        try:
            yield
        finally:
            for key, was in before.items():
                self.spark.conf.unset(key) if was is None else self.spark.conf.set(key, was)

    def _retried(self, commit: Callable[[], object]) -> None:
        """Runs a commit again where another writer was first: Delta's optimistic concurrency expects writers to."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                commit()
                return
            except (PySparkException, Py4JJavaError) as error:
                if "concurrent" not in str(error).lower() or attempt == ATTEMPTS:
                    raise
                time.sleep(random.uniform(0.2, 0.5) * 2**attempt)


def _same(key: Sequence[str]) -> Column:
    """Condition of a merge: target `t` and source `s` agree on every key column, null equal to null."""
    return reduce(and_, (F.col(f"t.{k}").eqNullSafe(F.col(f"s.{k}")) for k in key))


def _statistics(name: str) -> dict[str, str]:
    """The table property for `STATISTICS`, if the table has any."""
    return {"delta.dataSkippingStatsColumns": ",".join(STATISTICS[name])} if name in STATISTICS else {}


def _some(names: Sequence[str]) -> str:
    """Names for people: all of a few, else the first ones and how many more."""
    more = len(names) - TOLD
    return ", ".join(names[:TOLD]) + (f" and {more} more" if more > 0 else "")
