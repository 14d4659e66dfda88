"""One file in, one row out, without Spark: in a module of its own, which other processes can import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from classically_punk.audio import inventory
from classically_punk.settings import Settings


@lru_cache(maxsize=1)
def describer() -> Callable[[bytes], dict[str, Any]]:
    """What a Spark worker calls, without Spark: decodes in a child process, describes, takes the fingerprint."""
    from classically_punk.spark.worker import Task, worker_of_this_process

    settings = Settings()
    features = settings.features
    task = Task(settings.limits, features.segment_s, features.whole_clip_s, "bench", exhibits=False)
    return worker_of_this_process(task).describe_path


def describe(path: bytes) -> dict[str, Any]:
    """One file -> its row. Raises ValueError for a reject: a corpus of this benchmark has none."""
    row = describer()(path)
    if row.get("reason"):
        raise ValueError(f"{inventory.path_text(path)}: {row['reason']}")
    return row


def bare(files: Sequence[bytes]) -> None:
    """One process."""
    for file in files:
        describe(file)
