"""Audio files in, a genre report out: ingest, extract, train, evaluate and report in one session."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.jobs import run_job
from classically_punk.spark.pipeline import run_all


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job(
        "run_pipeline", argv, run_all, checks.corpus, checks.reports, checks.protocols, checks.column_weights
    )


if __name__ == "__main__":
    sys.exit(main())
