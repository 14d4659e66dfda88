"""`clips` + `features` -> `models` and the published JSON: one MLlib LinearRegression per genre."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.jobs import run_job
from classically_punk.spark.pipeline import train


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("train_genres", argv, train, checks.column_weights)


if __name__ == "__main__":
    sys.exit(main())
