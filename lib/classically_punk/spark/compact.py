"""Tables of many small files, as many small runs leave them -> the same rows in few large ones."""

from __future__ import annotations

from classically_punk.settings import Settings
from classically_punk.spark import schemas
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse


def compact_tables(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Compacts every table that has got many small files; old versions stay readable until `clean_warehouse`."""
    with run.stage("compact"):
        warehouse.lay_out()
        files = {name: warehouse.compact(name) for name in schemas.tables()}
    fewer = {name: count for name, count in files.items() if count[0] != count[1]}
    run.counts["tables_compacted"] = len(fewer)
    run.counts["data_files_before"] = sum(before for before, _ in files.values())
    run.counts["data_files_after"] = sum(after for _, after in files.values())
    for name, (before, after) in fewer.items():
        say(f"table {name}: {before} data files made {after}")
    if not fewer:
        say("no table has got many small files")
