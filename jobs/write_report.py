"""Every table -> `report.html`, `slides.pptx`, `metrics.json` and `plots/` below `reports.root`."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.jobs import run_job
from classically_punk.spark.pipeline import report


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("write_report", argv, report, checks.reports)


if __name__ == "__main__":
    sys.exit(main())
