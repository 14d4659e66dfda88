"""Compiled code that is ready before the first clip: one process makes it, all others only read it.

Set-up runs `python -m classically_punk.features.warm`; that compiles the kernels (see `compiled`) and lets librosa,
which draws the plots of a report, fill numba's own cache. Two processes that compile into numba's cache at once corrupt
it, and every later one dies on loading; so a worker calls `read_only_cache` before it does anything.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from numba.core import caching

from classically_punk.features import catalogue, compiled


def fill_cache() -> Path:
    """Compiles every kernel and writes them beside the sources, or into the user's cache folder; returns the file.

    One process at a time, for librosa's sake.
    """
    importlib.import_module("librosa.display")
    assert catalogue.CATALOGUE, "importing the catalogue imports every kernel"
    return compiled.fill_cache()


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
    file = fill_cache()
    print(f"kernels compiled in {time.perf_counter() - began:.1f} s: {file}")
