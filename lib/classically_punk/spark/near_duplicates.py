"""Altered copies of one recording among the present clips: `fingerprints` in, `clips.near_duplicate_of` out.

All of it is derived anew from the fingerprints of the clips that have a file now, at a cost linear in their number;
only rows that differ are then written.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import fingerprint
from classically_punk.modelling import near_duplicates
from classically_punk.spark.present import live
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

PAIRS = "a long, b long"
SAME = "one string, other string"
FIRSTS = "clip_id string, near_duplicate_of string"


def write_fingerprints(warehouse: Warehouse, described: DataFrame) -> None:
    """(clip_id, described) of accepted clips -> rows of `fingerprints` that are not there yet."""
    rows = described.select(
        "clip_id",
        F.lit(fingerprint.DEFINITION).alias("definition"),
        F.col("described.fingerprint").alias("words"),
        F.col("described.sketch").alias("sketch"),
    )
    warehouse.merge("fingerprints", rows, ("clip_id", "definition"), update=False)


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
    run.counts["near_duplicates"] = len(firsts)
    if firsts:
        say(f"{len(firsts)} clips are near-duplicates of another")
    found = warehouse.spark.createDataFrame(sorted(firsts.items()), FIRSTS)
    return clips.drop("near_duplicate_of").join(F.broadcast(found), "clip_id", "left")


def same_recordings(prints: DataFrame) -> list[tuple[str, str]]:
    """(clip_id, words, sketch), a row a clip -> pairs of clip_id whose fingerprints are of one recording, sorted.

    Clips are linked within a partition that holds whole buckets; what is then compared is read again by clip_id.
    """
    # 60 bits of the clip_id stand for it among the words: should two agree, both are compared
    prints = prints.withColumn("key", F.conv(F.substring("clip_id", 1, 15), 16, 10).cast("long"))
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
