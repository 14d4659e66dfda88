"""One thread a description: matrix products of float32 depend on how many threads share them, and so would features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    # looks through the process's libraries once; NumPy's and SciPy's are loaded by whoever gets here
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, BLAS works in one thread: the same samples give the same bits in a worker, a test and on a desk."""
    with _controller().limit(limits=1, user_api="blas"):
        yield
