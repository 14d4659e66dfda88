"""Clips that lack the current features, or hold those of an older definition -> `features`."""

import sys
from collections.abc import Sequence

from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.jobs import run_job


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("extract_features", argv, extract_features)


if __name__ == "__main__":
    sys.exit(main())
