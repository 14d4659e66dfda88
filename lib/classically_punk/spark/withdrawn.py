"""What has been withdrawn and is never taken in again: table `withdrawn`, hashes and nothing else of a clip."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.errors import WithdrawnError
from classically_punk.spark.extract import DESCRIBED
from classically_punk.spark.tables import Warehouse

TABLE = "withdrawn"
CODE, STAGE = WithdrawnError.code, "withdraw"
BYTES, AUDIO = "these bytes were withdrawn", "this audio was withdrawn, as other bytes"


@dataclass(frozen=True)
class Refused:
    """clip_id of the bytes, and SHA-256 of the audio, that are not taken in."""

    ids: frozenset[str]
    audio: frozenset[str]

    @classmethod
    def of(cls, warehouse: Warehouse) -> Refused:
        """The table as it is now."""
        rows = warehouse.read(TABLE).select("clip_id", "audio_sha256").collect()
        return cls(frozenset(row[0] for row in rows), frozenset(row[1] for row in rows if row[1] is not None))

    def has(self, clip_id: str, audio_sha256: str | None = None) -> bool:
        """Whether these bytes, or this audio, were withdrawn."""
        return clip_id in self.ids or audio_sha256 in self.audio


def refused(warehouse: Warehouse, described: DataFrame) -> DataFrame:
    """Freshly described files -> the same rows; what was withdrawn, by bytes or by audio, is now a reject."""
    known = warehouse.read(TABLE)
    if known.limit(1).isEmpty():
        return described
    ids = known.select(F.col("clip_id").alias("withdrawn_id"), F.lit(True).alias("bytes_known"))
    audio = known.where("audio_sha256 IS NOT NULL").select(F.col("audio_sha256").alias("withdrawn_audio")).distinct()
    audio = audio.withColumn("audio_known", F.lit(True))
    both = described.join(F.broadcast(ids), F.col("described.clip_id") == F.col("withdrawn_id"), "left")
    both = both.join(F.broadcast(audio), F.col("described.audio_sha256") == F.col("withdrawn_audio"), "left")
    told = {"reason": F.lit(CODE), "stage": F.lit(STAGE), "clip_id": F.col("described.clip_id")}
    told["detail"] = F.when(F.col("bytes_known"), F.lit(BYTES)).otherwise(F.lit(AUDIO))
    reject = F.struct(
        *(told.get(field.name, F.lit(None)).cast(field.dataType).alias(field.name) for field in DESCRIBED.fields)
    )
    hit = F.coalesce("bytes_known", "audio_known", F.lit(False)) & F.col("described.reason").isNull()
    both = both.withColumn("described", F.when(hit, reject).otherwise(F.col("described")))
    return both.select(*described.columns)
