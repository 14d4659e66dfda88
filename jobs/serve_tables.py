"""Schema `punk` for Spark Connect: `scripts/sql --remote` and notebooks elsewhere; stays until it is told to end."""

import sys
from collections.abc import Sequence

from classically_punk.spark.connect import serve_tables


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the server; the exit status is the return value."""
    return serve_tables(argv)


if __name__ == "__main__":
    sys.exit(main())
