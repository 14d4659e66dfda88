"""Whether the tables still are as the last derivation left them: only then may a part be derived alone.

`warehouse.root/_derived.json` names the newest change of every table that a derivation reads and writes. A run that
died half way, a commit that a power failure took, another job's rows: each leaves another newest change, and the next
run that changes anything derives everything anew. Without the file, too. Upkeep that moves no row does not count.
"""

from __future__ import annotations

import json

from classically_punk import atomic
from classically_punk.spark import near_duplicates
from classically_punk.spark.tables import Warehouse

FILE = "_derived.json"
TABLES = ("files", "clips", "rejects", "features", "fingerprints")
RULES = f"1 {near_duplicates.RULES}"
"""To be raised with every change of what is derived."""


def remembered(warehouse: Warehouse) -> int | None:
    """How many near-duplicates the last derivation found, where the tables still are as it left them; else None."""
    try:
        told = json.loads((warehouse.root / FILE).read_bytes())
        near = int(told["near_duplicates"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    as_it_was = told.get("rules") == RULES and told.get("tables") == _changes(warehouse)
    return near if as_it_was else None


def remember(warehouse: Warehouse, near_duplicates: int) -> None:
    """Notes that everything is derived from what is there now."""
    changes = _changes(warehouse)
    if None not in changes.values():
        told = {"rules": RULES, "tables": changes, "near_duplicates": near_duplicates}
        atomic.replace(warehouse.root / FILE, json.dumps(told).encode())


def _changes(warehouse: Warehouse) -> dict[str, list[object] | None]:
    return {name: warehouse.last_change(name) for name in TABLES}
