"""Compiled code that is ready before the first clip: one process fills numba's cache, all others only read it.

Two processes that compile into one cache at once corrupt it, and every later one dies on loading. So set-up runs
`python -m classically_punk.features.warm`, and a worker calls `read_only_cache` before it describes anything. The cache
lies where numba looks by itself: beside the compiled modules, or in the user's cache folder if that cannot be written.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

import numpy as np
from numba.core import caching

from classically_punk.features.analysis import MIN_SAMPLES, SAMPLE_RATE_HZ
from classically_punk.features.describe import describe_clip, describe_segments
from classically_punk.features.exhibit import exhibit_of

LIBROSA_WITH_CODE = (
    "beat",
    "core",
    "decompose",
    "display",
    "effects",
    "feature",
    "filters",
    "onset",
    "segment",
    "util",
)
"""Parts of librosa that compile functions while they are imported, or are used by whoever draws a clip."""


def fill_cache() -> None:
    """Runs every kernel on a clip, its segments and a very short clip, so that numba's cache on disk is complete.

    One process at a time.
    """
    for name in LIBROSA_WITH_CODE:
        importlib.import_module(f"librosa.{name}")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * SAMPLE_RATE_HZ).astype(np.float32)
    describe_segments(noise, segment_s=3.0)
    describe_clip(noise[:MIN_SAMPLES], SAMPLE_RATE_HZ)
    exhibit_of(noise)


def read_only_cache() -> None:
    """From now on this process loads compiled code from numba's cache and never writes any; call it before librosa.

    What the cache lacks is compiled in memory. Nothing is created beside the cached files either: numba's own probe
    (a temporary file in the folder) gives way to the question whether the folder holds code of that module.
    """
    if caching._CacheLocator.ensure_cache_path is _filled_before:
        return
    caching._CacheLocator.ensure_cache_path = _filled_before  # type: ignore[method-assign]
    caching.Cache.save_overload = _not_saved  # type: ignore[method-assign]
    caching.CacheImpl._locator_classes = [*caching.CacheImpl._locator_classes, _Nowhere]


class _Nowhere(caching.InTreeCacheLocator):
    """The last resort of a process whose cache was never filled: finds nothing, saves nothing."""

    def ensure_cache_path(self) -> None:
        """Accepts any folder."""


def _filled_before(locator: Any) -> None:
    module = Path(locator._py_file).stem
    if not any(Path(locator.get_cache_path()).glob(f"*{module}.*.nbi")):
        raise FileNotFoundError(f"no compiled code of {module} in {locator.get_cache_path()}")


def _not_saved(cache: Any, signature: Any, compiled: Any) -> None:
    """Stands in for numba's `Cache.save_overload`."""


if __name__ == "__main__":
    began = time.perf_counter()
    fill_cache()
    print(f"compilation cache filled in {time.perf_counter() - began:.1f} s")
