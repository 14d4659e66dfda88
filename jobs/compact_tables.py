"""Tables of many small files -> the same rows in few large ones."""

import sys
from collections.abc import Sequence

from classically_punk.spark.compact import compact_tables
from classically_punk.spark.jobs import run_job


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("compact_tables", argv, compact_tables)


if __name__ == "__main__":
    sys.exit(main())
