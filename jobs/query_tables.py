"""Spark SQL over schema `punk`: runs each `-e` statement, or reads statements from the terminal."""

import sys
from collections.abc import Sequence

from classically_punk.spark.sql_shell import query


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the shell; the exit status is the return value."""
    return query(argv)


if __name__ == "__main__":
    sys.exit(main())
