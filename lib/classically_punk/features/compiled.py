"""Compiled kernels: one signature each, and machine code that is made once and kept beside the sources.

`@kernel(signature)` makes a function a kernel. Its code is taken from `__pycache__/kernels-….bin`, which `fill_cache`
alone writes, in one piece and by renaming: a reader finds the whole file or none, however many start at once. What the
file lacks (another processor, other versions, changed sources) is compiled in memory. numba's own cache, which every
process writes and which two can spoil, takes no part. Helpers of kernels are marked `@inlined`: they become part of
every kernel that uses them.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

import llvmlite  # type: ignore[import-untyped]
import llvmlite.binding  # type: ignore[import-untyped]
import numba
from numba.core import compiler, serialize, sigutils
from numba.core.runtime.nrt import rtsys

Function = TypeVar("Function", bound=Callable[..., Any])

PORTABLE_CPU: Final = "x86-64-v3"
"""What code is made for wherever AVX2 and FMA are at hand: a cache filled in an image then serves other processors."""

_LOCK: Final = threading.RLock()
KERNELS: Final[dict[str, Kernel]] = {}
"""Every kernel that has been imported, by module and name."""


class Kernel:
    """A function that is loaded or compiled when it is first called; arguments of other types are a TypeError."""

    def __init__(self, function: Callable[..., Any], signature: str) -> None:
        self.name: Final = f"{function.__module__}.{function.__name__}"
        self.__doc__ = function.__doc__
        self._function = function
        self._signature = signature
        self._compiled: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return self.compiled(*arguments)

    @property
    def compiled(self) -> Any:
        """The compiled function, from the cache if it is there."""
        if self._compiled is None:
            with _LOCK:  # threads may want the same kernel first
                self._compiled = self._compiled or self._made()
        return self._compiled

    def _made(self) -> Any:
        dispatcher = numba.njit(nogil=True)(self._function)
        stored = _stored().get(self.name)
        if stored is None:
            dispatcher.compile(self._signature)
        else:
            rtsys.initialize(dispatcher.targetctx)
            dispatcher.add_overload(compiler.CompileResult._rebuild(dispatcher.targetctx, *pickle.loads(stored)))
        dispatcher.disable_compile()
        return dispatcher

    def machine_code(self) -> bytes:
        """Compiled now, whatever the cache holds; what `compiled` can be made of again."""
        dispatcher = numba.njit(nogil=True)(self._function)
        dispatcher.compile(self._signature)
        arguments, _ = sigutils.normalize_signature(self._signature)
        return bytes(serialize.dumps(dispatcher.overloads[tuple(arguments)]._reduce()))


def kernel(signature: str) -> Callable[[Function], Function]:
    """Decorator: a kernel for arguments of this numba signature."""

    def made(function: Function) -> Function:
        made_kernel: Any = Kernel(function, signature)
        KERNELS[made_kernel.name] = made_kernel
        return made_kernel  # type: ignore[no-any-return]

    return made


def inlined(function: Function) -> Function:
    """Decorator: a part of kernels."""
    part: Function = numba.njit(function)
    return part


def fill_cache() -> Path:
    """Compiles every kernel that has been imported and writes the cache; returns its file."""
    code = {name: each.machine_code() for name, each in KERNELS.items()}
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=folder, suffix=".partial")
        except OSError:
            continue  # not ours to write: the next one
        with os.fdopen(descriptor, "wb") as file:
            pickle.dump(code, file)
        Path(name).chmod(0o644)
        file_name = folder / _file_name()
        Path(name).replace(file_name)
        for old in folder.glob(f"kernels-{_abi()}-*.bin"):
            if old != file_name:
                old.unlink(missing_ok=True)
        _stored.cache_clear()
        return file_name
    raise PermissionError(f"none of {', '.join(map(str, _folders()))} can be written")


@cache
def _stored() -> dict[str, bytes]:
    for folder in _folders():
        file = folder / _file_name()
        if file.is_file():
            stored: dict[str, bytes] = pickle.loads(file.read_bytes())
            return stored
    return {}


def _folders() -> list[Path]:
    """Where the cache may lie: in a packaged environment, beside the sources, or in the user's own cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    packaged = Path(sys.prefix) / "share" / "classically_punk"  # serves the same sources in a --py-files zip, too
    own = [Path(__file__).parent / "__pycache__", Path(home) / "classically_punk"]
    return [packaged, *own] if packaged.is_dir() else own


def _abi() -> str:
    return f"{sys.implementation.cache_tag}{sys.abiflags}"


@cache
def _file_name() -> str:
    """Names all that machine code depends on: the sources of this folder, versions, processor."""
    folder = resources.files("classically_punk.features")  # a folder or, where imported from one, part of an archive
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".py")), key=lambda each: each.name)
    sources = [each.read_bytes() for each in files]
    made_for = (numba.__version__, llvmlite.__version__, sys.version, _processor())
    digest = hashlib.sha256(b"\0".join([*sources, repr(made_for).encode()])).hexdigest()
    return f"kernels-{_abi()}-{digest[:16]}.bin"


@cache
def _processor() -> tuple[str, str, str]:
    from numba.core.registry import cpu_target

    return tuple(map(str, cpu_target.target_context.codegen().magic_tuple()))  # type: ignore[return-value]


def _choose_processor() -> None:
    """Before numba makes its first code; says nothing where the user has chosen (NUMBA_CPU_NAME)."""
    config: Any = numba.config
    features = llvmlite.binding.get_host_cpu_features()
    if config.CPU_NAME is None and features.get("avx2") and features.get("fma"):
        config.CPU_NAME = PORTABLE_CPU
        config.CPU_FEATURES = ""


_choose_processor()
