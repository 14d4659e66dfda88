"""Altered copies of one recording among the present clips: `fingerprints` in, `clips.near_duplicate_of` out.

Derived anew from the fingerprints of all clips that have a file now, at a cost linear in their number (`marked`); or,
where little has changed, for the clusters that the change can have moved (`marked_again`), with the same outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import fingerprint
from classically_punk.modelling import near_duplicates
from classically_punk.modelling.arrays import Ints
from classically_punk.spark.derive import Known
from classically_punk.spark.present import live
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

PAIRS = "a long, b long"
SAME = "one string, other string"
FIRSTS = "clip_id string, near_duplicate_of string"
RULES = ":".join(
    str(rule)
    for rule in (
        *(fingerprint.DEFINITION, near_duplicates.REACH, near_duplicates.SHARED),
        *(near_duplicates.DIFFERENT, near_duplicates.SHORTEST, near_duplicates.TRIED),
    )
)
"""All that decides which clips are alike: under other rules everything is derived anew."""
MOST_ALIKE = 2_000
"""Clips of which clusters are derived on the driver; where a change moves more, all are derived anew."""


@dataclass(frozen=True)
class Moved:
    """A clip that a change touches: whether it stood in the buckets before, stands in them now, got another rank."""

    clip_id: str
    key: int
    was: bool
    now: bool
    ranked: bool


def write_fingerprints(warehouse: Warehouse, described: DataFrame) -> None:
    """(clip_id, described) of accepted clips -> rows of `fingerprints` that are not there yet."""
    rows = described.select(
        "clip_id",
        F.lit(fingerprint.DEFINITION).alias("definition"),
        F.col("described.fingerprint").alias("words"),
        F.col("described.sketch").alias("sketch"),
    )
    warehouse.insert("fingerprints", rows, ("clip_id", "definition"))


def current(warehouse: Warehouse) -> DataFrame:
    """The rows of `fingerprints` under the definition of this version."""
    return warehouse.read("fingerprints").where(F.col("definition") == fingerprint.DEFINITION)


def marked(warehouse: Warehouse, clips: DataFrame, files: DataFrame, run: Run) -> DataFrame:
    """`clips` with `near_duplicate_of` derived anew: the first clip of its cluster; null for that one and for the rest.

    First is the earliest ingested, then the smallest path. Clips without a present file, and exact duplicates, belong
    to no cluster.
    """
    prints = current(warehouse).join(clips.where("duplicate_of IS NULL").select("clip_id"), "clip_id", "left_semi")
    same = same_recordings(prints.join(live(files), "clip_id", "left_semi"))
    members = sorted({clip for pair in same for clip in pair})
    known = warehouse.spark.createDataFrame([(clip,) for clip in members], "clip_id string")
    ranks = clips.join(F.broadcast(known), "clip_id").select("ingested_at", "path", "clip_id")
    firsts = near_duplicates.firsts(same, {row["clip_id"]: tuple(row) for row in ranks.collect()} if same else {})
    _count(run, len(firsts))
    found = warehouse.spark.createDataFrame(sorted(firsts.items()), FIRSTS)
    return clips.drop("near_duplicate_of").join(F.broadcast(found), "clip_id", "left")


def _count(run: Run, clips: int) -> None:
    run.counts["near_duplicates"] = clips
    if clips:
        say(f"{clips} clips are near-duplicates of another")


def moved(warehouse: Warehouse, known: Known, clips: DataFrame, files: DataFrame, described: DataFrame) -> list[Moved]:
    """What a change does to the clips it touches, asked before the clips of `described` get their fingerprints."""
    before = known.clips.join(live(known.files).withColumn("was_live", F.lit(True)), "clip_id", "left")
    before = before.select(
        "clip_id",
        (F.col("duplicate_of").isNull() & F.col("was_live").isNotNull()).alias("was"),
        F.struct("ingested_at", "path").alias("was_rank"),
    )
    printed = current(warehouse).join(F.broadcast(clips.select("clip_id")), "clip_id", "left_semi")
    there = {
        "live": live(files),
        "printed": printed.select("clip_id"),
        "fresh": described.select("clip_id"),
    }
    rows = clips.join(before, "clip_id", "left")
    for name, ids in there.items():
        rows = rows.join(ids.distinct().withColumn(name, F.lit(True)), "clip_id", "left")
    is_there = {name: F.col(name).isNotNull() for name in there}
    now = F.col("duplicate_of").isNull() & is_there["live"] & (is_there["printed"] | is_there["fresh"])
    told = rows.select(
        "clip_id",
        _key(F.col("clip_id")).alias("key"),
        (F.coalesce("was", F.lit(False)) & is_there["printed"]).alias("was"),
        now.alias("now"),
        (~F.struct("ingested_at", "path").eqNullSafe(F.col("was_rank"))).alias("ranked"),
    )
    return [Moved(**row.asDict()) for row in told.collect()]


def marked_again(
    warehouse: Warehouse, clips: DataFrame, files: DataFrame, told: Sequence[Moved], run: Run, before: int
) -> DataFrame | None:
    """The touched `clips` with what `marked` would say of them, and every other clip that the change has moved.

    `before` is how many near-duplicates there were. None where so much has moved that all has to be derived anew.
    """
    comes_or_goes = {clip.key for clip in told if clip.was != clip.now}
    reranked = {clip.key for clip in told if clip.was and clip.now and clip.ranked}
    look = _Look(warehouse, told)
    # what comes without a pair belongs to no cluster, and what goes without one did not
    near = look.linked_otherwise(comes_or_goes) if comes_or_goes else set()
    if not near | reranked:
        _count(run, before)
        return clips
    members = look.clusters(near | reranked)
    if len(members) > MOST_ALIKE:
        return None
    same = look.same_recordings(members["key"].to_numpy())
    alike = sorted({clip for pair in same for clip in pair})
    known = warehouse.read("clips").join(clips.select("clip_id"), "clip_id", "left_anti")
    known = known.join(_ids(warehouse, members["clip_id"].tolist()), "clip_id", "left_semi")
    everyone = warehouse.staged("moved-clips", clips.unionByName(known))
    rank = everyone.join(_ids(warehouse, alike), "clip_id").select("ingested_at", "path", "clip_id")
    firsts = near_duplicates.firsts(same, {row["clip_id"]: tuple(row) for row in rank.collect()} if same else {})
    rows = [(clip, firsts.get(clip)) for clip in members["clip_id"]]
    found = warehouse.spark.createDataFrame(rows, "clip_id string, first string").withColumn("found", F.lit(True))
    at_last = everyone.join(F.broadcast(found), "clip_id", "left")
    first = F.when(F.col("found"), F.col("first")).otherwise(F.col("near_duplicate_of"))
    marked = at_last.withColumn("near_duplicate_of", first).drop("first", "found")
    then = warehouse.read("clips").join(everyone.select("clip_id"), "clip_id", "left_semi")
    counted = [rows.where("near_duplicate_of IS NOT NULL").count() for rows in (then, marked)]
    _count(run, before - counted[0] + counted[1])
    return marked


class _Look:
    """Questions about the buckets of a table of fingerprints, before and after a change."""

    def __init__(self, warehouse: Warehouse, told: Sequence[Moved]) -> None:
        self.warehouse, self.told = warehouse, told
        self.prints = current(warehouse).withColumn("key", _key(F.col("clip_id")))
        self.touched = {clip.key for clip in told}
        self.was = {clip.key for clip in told if clip.was}
        self.now = {clip.key for clip in told if clip.now}

    def linked_otherwise(self, comes_or_goes: set[int]) -> set[int]:
        """Clips of pairs that may be compared now and were not, or the other way round."""
        rows = self._buckets(comes_or_goes)
        keys = rows["key"].to_numpy()
        others = self._members(keys)
        was, now = (np.isin(keys, [*others, *here]) for here in (self.was, self.now))
        pairs = near_duplicates.relinked(rows["word"].to_numpy(), keys, was, now)
        often = np.maximum(pairs.before, pairs.now) >= near_duplicates.SHARED
        known = np.isin(pairs.a, list(comes_or_goes)) | np.isin(pairs.b, list(comes_or_goes))
        # of pairs of others only some of the buckets have been looked at
        found = {*pairs.a[known & often].tolist(), *pairs.b[known & often].tolist()}
        if not known.all():
            found |= self._sharing(pairs.a[~known], pairs.b[~known])
        return found

    def clusters(self, keys: set[int]) -> pd.DataFrame:
        """(clip_id, key) of these clips and of all in the clusters that they stood in."""
        clips = self.warehouse.read("clips").select(
            "clip_id", F.coalesce("near_duplicate_of", "clip_id").alias("first"), _key(F.col("clip_id")).alias("key")
        )
        firsts = clips.join(self._keys(keys), "key", "left_semi").select("first").distinct()
        rows = clips.join(firsts, "first", "left_semi").select("clip_id", "key").limit(MOST_ALIKE + 1).toPandas()
        own = [(clip.clip_id, clip.key) for clip in self.told if clip.key in keys]
        return pd.concat([rows, pd.DataFrame(own, columns=["clip_id", "key"])]).drop_duplicates(ignore_index=True)

    def same_recordings(self, among: Ints) -> list[tuple[str, str]]:
        """Pairs of one recording among these clips, as everything derived anew would find them."""
        there = set(self._members(among)) | (self.now & set(among.tolist()))
        if len(there) < 2:
            return []
        rows = self._buckets(there)
        keys = rows["key"].to_numpy()
        here = np.isin(keys, [*self._members(keys), *self.now])
        a, b = near_duplicates.links(rows["word"].to_numpy()[here], keys[here])
        inside = np.isin(a, list(there)) & np.isin(b, list(there))
        one, other, at = near_duplicates.distinct_pairs(a[inside], b[inside])
        often = np.bincount(at, minlength=one.size) >= near_duplicates.SHARED
        one, other = one[often], other[often]
        prints = self._prints({*one.tolist(), *other.tolist()}, "clip_id", "words")
        words: dict[int, list[tuple[str, bytes]]] = {}
        for key, clip, content in prints.itertuples(index=False):
            words.setdefault(key, []).append((clip, content))
        found = [
            (min(left, right), max(left, right))
            for i, j in zip(one.tolist(), other.tolist(), strict=True)
            for left, heard in words[i]
            for right, heard_there in words[j]
            if near_duplicates.same_recording(fingerprint.unpacked(heard), fingerprint.unpacked(heard_there))
        ]
        return sorted(found)

    def _buckets(self, keys: set[int]) -> pd.DataFrame:
        """(key, word) of every clip that shares a word of its sketch with one of these."""
        words = self.prints.join(self._keys(keys), "key", "left_semi").select(F.explode("sketch").alias("word"))
        rows = self.prints.select("key", F.explode("sketch").alias("word"))
        return rows.join(F.broadcast(words.distinct()), "word", "left_semi").select("key", "word").toPandas()

    def _members(self, keys: Ints) -> list[int]:
        """Those of these clips that the change does not touch and that stand in buckets before and after it."""
        others = set(keys.tolist()) - self.touched
        clips = self.warehouse.read("clips").where("duplicate_of IS NULL")
        clips = clips.withColumn("key", _key(F.col("clip_id"))).join(self._keys(others), "key", "left_semi")
        files = self.warehouse.read("files").withColumn("key", _key(F.col("clip_id")))
        there = live(files.join(self._keys(others), "key", "left_semi"))
        return [row["key"] for row in clips.join(there, "clip_id", "left_semi").select("key").collect()]

    def _sharing(self, a: Ints, b: Ints) -> set[int]:
        """Clips of those pairs that share words enough to be compared."""
        prints = self._prints({*a.tolist(), *b.tolist()}, "sketch")
        sketches = {key: set(sketch) for key, sketch in zip(prints["key"], prints["sketch"], strict=True)}
        pairs = zip(a.tolist(), b.tolist(), strict=True)
        often = [pair for pair in pairs if len(sketches[pair[0]] & sketches[pair[1]]) >= near_duplicates.SHARED]
        return {key for pair in often for key in pair}

    def _prints(self, keys: set[int], *columns: str) -> pd.DataFrame:
        return self.prints.join(self._keys(keys), "key", "left_semi").select("key", *columns).toPandas()

    def _keys(self, keys: set[int]) -> DataFrame:
        rows = pd.DataFrame({"key": np.asarray(sorted(keys), dtype=np.int64)})
        return F.broadcast(self.warehouse.spark.createDataFrame(rows, "key long"))


def _key(clip_id: Column) -> Column:
    """60 bits of the clip_id, which stand for it among the words: should two agree, both are compared."""
    return F.conv(F.substring(clip_id, 1, 15), 16, 10).cast("long")


def _ids(warehouse: Warehouse, clips: Sequence[str]) -> DataFrame:
    return F.broadcast(warehouse.spark.createDataFrame([(clip,) for clip in clips], "clip_id string"))


def same_recordings(prints: DataFrame) -> list[tuple[str, str]]:
    """(clip_id, words, sketch), a row a clip -> pairs of clip_id whose fingerprints are of one recording, sorted.

    Clips are linked within a partition that holds whole buckets; what is then compared is read again by clip_id.
    """
    prints = prints.withColumn("key", _key(F.col("clip_id")))
    rows = prints.select("key", F.explode("sketch").alias("word"))

    def link(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        # a bucket may not be cut by a batch, so a partition is taken as a whole
        frames = [batch for batch in batches if len(batch)]
        if frames:
            together = pd.concat(frames)
            a, b = near_duplicates.links(together["word"].to_numpy(), together["key"].to_numpy())
            yield pd.DataFrame({"a": a, "b": b})

    def compare(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            same = [
                near_duplicates.same_recording(fingerprint.unpacked(one), fingerprint.unpacked(other))
                for one, other in zip(batch["words_a"], batch["words_b"], strict=True)
            ]
            yield batch.loc[same, ["one", "other"]]

    partitions = int(prints.sparkSession.conf.get("spark.sql.shuffle.partitions", "4") or 4)
    linked = rows.repartition(partitions, "word").mapInPandas(link, PAIRS)
    pairs = linked.groupBy("a", "b").count().where(F.col("count") >= near_duplicates.SHARED).drop("count")
    for side, name in (("a", "one"), ("b", "other")):
        columns = (F.col("key").alias(side), F.col("clip_id").alias(name), F.col("words").alias(f"words_{side}"))
        pairs = pairs.join(prints.select(*columns), side)
    found = pairs.select("one", "other", "words_a", "words_b").mapInPandas(compare, SAME).collect()
    return sorted((min(row), max(row)) for row in found)
