"""What runs that were killed left behind, taken away. Whoever holds the warehouse's lock is the only run alive."""

from __future__ import annotations

import shutil
from pathlib import Path

from pyspark.sql import functions as F  # noqa: N812

from classically_punk import atomic
from classically_punk.modelling import published, training_clips
from classically_punk.settings import Settings
from classically_punk.spark import exhibits, schemas
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import STAGING, Warehouse


def clean_warehouse(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Removes staged rows, half-written files, what nothing names any more; marks dead runs; vacuums every table."""
    with run.stage("leftovers"):
        run.counts["staged_runs_removed"] = _staged(warehouse.root / STAGING)
        run.counts["half_files_removed"] = _half_written(warehouse.root)
        run.counts["clip_lists_removed"] = _superseded_lists(warehouse.root)
        run.counts["exhibits_removed"] = _exhibits(warehouse)
        run.counts["runs_lost"] = _lost_runs(warehouse, run)
    with run.stage("vacuum"):
        before = _data_files(warehouse)
        for name in schemas.tables():
            warehouse.vacuum(name, settings.warehouse.retention_hours)
        run.counts["data_files_removed"] = before - _data_files(warehouse)
    say(", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in run.counts.items()))


def _staged(folder: Path) -> int:
    places = list(folder.iterdir()) if folder.is_dir() else []
    for place in places:
        shutil.rmtree(place)
    if folder.is_dir():
        folder.rmdir()
    return len(places)


def _half_written(root: Path) -> int:
    found = [file for name in (published.FOLDER, exhibits.FOLDER) for file in (root / name).glob(atomic.LEFT_BEHIND)]
    for file in found:
        file.unlink()
    return len(found)


def _superseded_lists(root: Path) -> int:
    found = training_clips.superseded(root)
    for file in found:
        file.unlink()
    return len(found)


def _exhibits(warehouse: Warehouse) -> int:
    kept = exhibits.kept(warehouse.root)
    known = {row["clip_id"] for row in warehouse.read("clips").where(F.col("clip_id").isin(*kept)).collect()}
    for clip_id in kept - known:
        exhibits.drop(warehouse.root, clip_id)
    return len(kept - known)


def _lost_runs(warehouse: Warehouse, run: Run) -> int:
    dead = warehouse.read("runs").where((F.col("state") == "running") & (F.col("run_id") != run.run_id))
    lost = dead.select("run_id", F.lit("lost").alias("state"), F.lit("it ended without a word").alias("detail"))
    count = lost.count()
    if count:
        warehouse.assign("runs", lost, ("run_id",), ("state", "detail"))
    return count


def _data_files(warehouse: Warehouse) -> int:
    return sum(1 for name in schemas.tables() for _ in (warehouse.root / name).glob("*.parquet"))
