"""A published table of classic features -> `clips` and `features`, without any audio."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.jobs import run_job
from classically_punk.spark.published_features import import_features


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("import_features", argv, import_features, checks.published_csv)


if __name__ == "__main__":
    sys.exit(main())
