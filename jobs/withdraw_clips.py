"""Clips that are named -> none of them in any table, file or model, and a model made without them."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.jobs import run_job
from classically_punk.spark.withdraw import withdraw_clips


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("withdraw_clips", argv, withdraw_clips, checks.withdrawal)


if __name__ == "__main__":
    sys.exit(main())
