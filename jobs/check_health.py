"""Is the warehouse in order? Tables, rows that fit together, the published model; exit status 3 where it is not."""

import sys
from collections.abc import Sequence

from classically_punk.spark.health import check_health


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the check; the exit status is the return value."""
    return check_health(argv)


if __name__ == "__main__":
    sys.exit(main())
