"""`metrics.json`: every row of the evaluation with full precision, beside where it came from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from classically_punk import atomic
from classically_punk.reporting.findings import Findings


def write_metrics(findings: Findings, path: Path) -> None:
    """Write the metrics of `findings` as JSON, sorted, so that the same numbers give the same bytes."""
    runs = {row.run_id for row in findings.metrics} | {findings.run_id}
    content: dict[str, Any] = {
        "run_id": findings.run_id,
        "started_at": findings.started_at,
        "feature_set": findings.feature_set,
        "model_id": findings.model.model_id if findings.model else None,
        "counts": asdict(findings.counts),
        "runs": {run: findings.date_of(run) for run in sorted(runs)},
        "protocols": [asdict(findings.protocol(name)) for name in sorted({row.protocol for row in findings.metrics})],
        "table_versions": dict(findings.table_versions),
        "metrics": sorted(
            (asdict(row) for row in findings.metrics), key=lambda row: [str(row[name] or "") for name in ORDER]
        ),
    }
    atomic.replace(path, (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


ORDER: tuple[str, ...] = ("protocol", "condition", "metric", "genre", "predicted_genre", "model_id", "run_id")
