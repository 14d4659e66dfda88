"""What people said of clips they sent -> `clips` (decoder `feedback`) and `features`; unusable lines -> `rejects`.

The file is read whole each time, so a run can be repeated; of several labels for a clip the last one counts. A clip
that a file of the corpus holds keeps the corpus's label. What was taken in stays when the file is moved away.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.audio import inventory
from classically_punk.features import catalogue, feedback
from classically_punk.features.feedback import FeedbackError, Said
from classically_punk.reporting.findings import Sent
from classically_punk.settings import Settings
from classically_punk.spark import schemas
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.withdrawn import Refused

DECODER = STAGE = "feedback"
MOST_BYTES = 512 << 20
"""Some 30 000 lines, some 100 MB of numbers on the driver."""
MOST_BAD = 1000
"""Bad lines that get a row in `rejects` each; more are counted."""


def take_feedback(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Takes in the file of feedback under the warehouse folder, if there is one; a file too large fails the gate."""
    path = feedback.place(warehouse.root)
    if not path.is_file():
        return
    with run.stage("feedback"):
        if path.stat().st_size > MOST_BYTES:
            run.gate(f"{path} is larger than {MOST_BYTES >> 20} MiB: move it away; what was taken in stays")
            return
        said, bad = _read(path, settings.features.segment_s)
        refused = Refused.of(warehouse)
        said = {clip: one for clip, one in said.items() if not refused.has(clip, one.audio_sha256)}
        _write_rejects(warehouse, bad[:MOST_BAD], run)
        run.counts |= {"feedback_clips": len(said), "feedback_bad_lines": len(bad)}
        if said:
            _write(warehouse, said, settings, run)
    say(f"feedback: {len(said)} clips labelled by people, {len(bad)} lines that cannot be used")


def summary(warehouse: Warehouse, settings: Settings) -> Sent | None:
    """What people sent, as the report tells it; None where the server has kept nothing."""
    if not feedback.place(warehouse.root).parent.is_dir():
        return None
    labels = warehouse.read("clips").where(F.col("decoder") == DECODER).groupBy("genre").count().collect()
    bad = warehouse.read("rejects").where(F.col("stage") == STAGE).count()
    return Sent({row["genre"]: row["count"] for row in labels}, bad, settings.corpus.feedback)


def _read(path: Path, segment_s: float) -> tuple[dict[str, Said], list[tuple[str, str, str]]]:
    """The file -> the last word on each clip by clip_id, and (path:line, reason, detail) of every bad line."""
    said: dict[str, Said] = {}
    bad: list[tuple[str, str, str]] = []
    where = inventory.path_text(os.fsencode(path))
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # no line is half written while its size is taken
        size = os.fstat(file.fileno()).st_size
        fcntl.flock(file, fcntl.LOCK_UN)
        for number, line in feedback.lines(file, size):
            try:
                one = feedback.read_line(line, segment_s)
            except FeedbackError as error:
                bad.append((f"{where}:{number}", error.code, error.problem))
            else:
                said.pop(one.clip_id, None)
                said[one.clip_id] = one
    return said, bad


def _write_rejects(warehouse: Warehouse, bad: list[tuple[str, str, str]], run: Run) -> None:
    known = warehouse.read("rejects").where(F.col("stage") == STAGE)
    found = warehouse.spark.createDataFrame(bad, "path string, reason string, detail string")
    fresh = found.withColumns({"stage": F.lit(STAGE), "run_id": F.lit(run.run_id)})
    same = [c for c in schemas.REJECTS.names if c != "run_id"]
    changed = fresh.join(known.select(*same), same, "left_anti").localCheckpoint()
    if not changed.isEmpty():
        warehouse.merge("rejects", changed, ("path",))
    over = known.join(fresh, "path", "left_anti").select("path").localCheckpoint()
    if not over.isEmpty():
        warehouse.remove("rejects", over, ("path",))


def _write(warehouse: Warehouse, said: dict[str, Said], settings: Settings, run: Run) -> None:
    spark, every = warehouse.spark, list(said.values())
    told = pd.DataFrame(
        {
            "clip_id": [one.clip_id for one in every],
            "audio_sha256": [one.audio_sha256 for one in every],
            "genre": [one.label for one in every],
            "duration_s": [one.duration_s for one in every],
        }
    )
    known = warehouse.read("clips")
    of_files = known.where(F.col("decoder") != DECODER).select("clip_id")
    before = known.select("clip_id", "ingested_at", "run_id")
    clips = spark.createDataFrame(told).join(of_files, "clip_id", "left_anti").join(before, "clip_id", "left")
    clips = clips.withColumns(
        {
            "decoder": F.lit(DECODER),
            "warnings": F.array().cast("array<string>"),
            "ingested_at": F.coalesce("ingested_at", F.lit(run.started_at).cast("timestamp")),
            "run_id": F.coalesce("run_id", F.lit(run.run_id)),
        }
    )
    warehouse.write_changed("features", _rows(warehouse, every, of_files, settings), ("clip_id", "segment"))
    warehouse.write_changed("clips", clips, ("clip_id",))


def _rows(warehouse: Warehouse, every: list[Said], of_files: DataFrame, settings: Settings) -> DataFrame:
    """Rows of `features`, segment -1; those of a smaller feature set lack the columns of others."""
    parts = []
    for name in sorted({one.name for one in every}):
        mine = [one for one in every if one.name == name]
        keys = pd.DataFrame(
            {
                "clip_id": [one.clip_id for one in mine],
                "segment": -1,
                "start_s": 0.0,
                "duration_s": [one.duration_s for one in mine],
                "genre": [one.label for one in mine],
                "feature_set": catalogue.feature_set_id(name, settings.features.segment_s),
            }
        )
        columns = [column.name for column in catalogue.columns(name)]
        values = pd.DataFrame(np.stack([one.values for one in mine]), columns=columns)
        parts.append(warehouse.spark.createDataFrame(pd.concat([keys, values], axis=1)))
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.unionByName(part, allowMissingColumns=True)
    return rows.join(of_files, "clip_id", "left_anti")
