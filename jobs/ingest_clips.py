"""Audio files below `corpus.root` -> `files`, `clips`, `rejects`, `features`: only what is new or changed is opened."""

import sys
from collections.abc import Sequence

from classically_punk.spark import checks
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.jobs import run_job


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status is the return value."""
    return run_job("ingest_clips", argv, ingest_clips, checks.corpus, watches=True)


if __name__ == "__main__":
    sys.exit(main())
