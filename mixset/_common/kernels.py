"""Numba kernels whose compiled code is kept under a key of all the sources it comes from."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np

from .cache import cache_folder, why_unusable

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGES = ("mixset.generate", "mixset", "pixmix")
_KEPT = 30 * 24 * 3600
"""Seconds after their last use for which kernels of other sources are kept."""


def kernel(function: F | None = None, **options: Any) -> Any:
    """Compile a function with Numba, cached, without the interpreter's lock.

    Numba's own cache looks at the file of the function alone, though its code includes every function that it calls:
    edit one of those, or install another version, and the old code goes on running. Here the cache's folder is named
    after a hash of that file and of all that it imports of these packages. With NUMBA_DISABLE_JIT=1 the function stays
    Python, with equal results.

    Args:
        options: further ones of `numba.njit`.
    """
    if function is None:
        return functools.partial(kernel, **options)
    if numba.config.DISABLE_JIT:
        # NumPy's scalars wrap and overflow as compiled ones do, but say so.
        return np.errstate(all="ignore")(function)
    # Numba reads the setting here, as the function is wrapped; it is another one for everybody else's kernels.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_folder(Path(function.__code__.co_filename)))
    try:
        return numba.njit(**{"cache": True, "nogil": True, **options})(function)
    finally:
        numba.config.CACHE_DIR = before


def gpu_kernel(function: F) -> Any:
    """Compile a function for an NVIDIA GPU with Numba, cached as `kernel` does; it may call the kernels of CPUs.

    Needs numba-cuda, or NUMBA_ENABLE_CUDASIM=1, which runs the function on the CPU, thread by thread.
    """
    from numba import cuda

    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        return cuda.jit(function)
    _load_array_functions()
    from numba.cuda.core import config

    before = config.CACHE_DIR
    config.CACHE_DIR = str(_folder(Path(function.__code__.co_filename)))
    try:
        return cuda.jit(cache=True)(function)
    finally:
        config.CACHE_DIR = before


def _load_array_functions() -> None:
    """Import what numba-cuda compiles arrays with, which up to 0.30 asks NumPy for a name that 2.5 has no more."""
    if hasattr(np, "row_stack"):
        return
    np.row_stack = np.vstack  # noqa: NPY201
    try:
        importlib.import_module("numba.cuda.np.arrayobj")
    finally:
        del np.row_stack  # noqa: NPY201


def gpu_function(function: F) -> Any:
    """A function that those of `gpu_kernel` call, for what only a GPU has: threads, barriers, shared memory."""
    from numba import cuda

    return cuda.jit(device=True)(function)


def cold(package: str) -> bool:
    """Whether all kernels of a package's loaded modules are yet to be compiled for these sources."""
    kernels = [
        value
        for name, module in list(sys.modules.items())
        if f"{name}.".startswith(f"{package}.")
        for value in vars(module).values()
        if isinstance(value, numba.core.dispatcher.Dispatcher)
    ]
    return bool(kernels) and not any(map(_compiled, kernels))


def _compiled(dispatcher: Any) -> bool:
    function = dispatcher.py_func
    return any(_folder(Path(function.__code__.co_filename)).rglob(f"*.{function.__qualname__}-*.nbi"))


_OURS = re.compile("kernels-[0-9a-f]{24}")
"""The name of every folder of kernels; `$NUMBA_CACHE_DIR` may have others that are not ours."""


@functools.cache
def _folder(source: Path) -> Path:
    """Where the kernels of a file are kept: beside the sources if those are this user's, else in `$NUMBA_CACHE_DIR` or
    the cache."""
    own = Path(__file__).parent / "__pycache__"
    named = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(named) if named else own
    if why_unusable(base) is not None:
        base = cache_folder()
    folder = base / f"kernels-{_key(source)}"
    if why_unusable(folder, links=False) is not None:
        folder = cache_folder() / folder.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.utime(folder)
    _remove_old(base)
    return folder


@functools.cache
def _remove_old(base: Path) -> None:
    for folder in base.glob("kernels-*"):
        if _OURS.fullmatch(folder.name) and folder.stat().st_mtime < time.time() - _KEPT:
            shutil.rmtree(folder, ignore_errors=True)


def _key(source: Path) -> str:
    """A hash of a file and of every file of these packages that it imports, directly or not."""
    sources = {source}
    waiting = [source]
    while waiting:
        imported = {*_imported(waiting.pop())} - sources
        sources |= imported
        waiting += imported
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(sources):
        digest.update(f"\0{_module_of(path)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


@functools.cache
def _imported(source: Path) -> tuple[Path, ...]:
    """The files of these packages that a file imports as it is loaded; what functions import is not compiled in."""
    inside = _module_of(source).split(".")
    package = inside if source.name == "__init__.py" else inside[:-1]
    names: list[str] = []
    for node in ast.parse(source.read_bytes()).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return tuple(path for name in names for path in _files_of(name))


def _module_of(path: Path) -> str:
    """The name under which a file is imported; its own name where it is of none of these packages."""
    for package, root in _roots().items():
        if path.is_relative_to(root):
            parts = path.relative_to(root).with_suffix("").parts
            return ".".join([package, *(part for part in parts if part != "__init__")])
    return path.stem


def _files_of(module: str) -> Iterator[Path]:
    """The file of a module of these packages, where there is one."""
    for package, root in _roots().items():
        if f"{module}.".startswith(f"{package}."):
            path = root.joinpath(*module[len(package) + 1 :].split("."))
            yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())
            return


@functools.cache
def _roots() -> dict[str, Path]:
    """The folder of each package, the longest name first: in a checkout `mixset.generate` lies beside `mixset`."""
    specs = {package: importlib.util.find_spec(package) for package in _PACKAGES}
    return {
        package: Path(folder)
        for package, spec in specs.items()
        if spec is not None
        for folder in spec.submodule_search_locations or ()
    }
