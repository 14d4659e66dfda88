"""`clips` + `features` + the model's settings -> `predictions` and `metrics` on clips that were held out."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.jobs import run_job
from classically_punk.spark.pipeline import evaluate


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("evaluate_genres", argv, evaluate, checks.protocols, checks.column_weights)


if __name__ == "__main__":
    sys.exit(main())
