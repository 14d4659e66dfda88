"""Unlabelled audio below `corpus.root` (and clips of earlier runs) -> `predictions`, by the published model."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.classify import classify_clips
from classically_punk.spark.jobs import run_job


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("classify_clips", argv, classify_clips, checks.unlabelled, watches=True)


if __name__ == "__main__":
    sys.exit(main())
