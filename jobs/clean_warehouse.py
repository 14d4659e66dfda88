"""Leftovers of killed runs and files that no version of a table needs -> nothing."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.clean import clean_warehouse
from classically_punk.spark.jobs import run_job


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("clean_warehouse", argv, clean_warehouse, checks.retention)


if __name__ == "__main__":
    sys.exit(main())
