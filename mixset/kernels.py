"""Numba kernels whose compiled code is kept under a key of all the sources it may come from."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np

from .cache import cache_folder, unfit

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGES = ("mixset", "mixset.generate", "pixmix")
_KEPT = 30 * 24 * 3600
"""Seconds after their last use for which kernels of other sources are kept."""


def kernel(function: F | None = None, **options: Any) -> Any:
    """Compile a function with Numba, cached, without the interpreter's lock.

    Numba's own cache looks at the file of the function alone, though its code includes every function that it calls:
    edit one of those, or install another version, and the old code goes on running. Here the cache's folder is named
    after all their sources. With NUMBA_DISABLE_JIT=1 the function stays Python, with equal results.

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
    numba.config.CACHE_DIR = str(_folder())
    try:
        return numba.njit(**{"cache": True, "nogil": True, **options})(function)
    finally:
        numba.config.CACHE_DIR = before


_OURS = re.compile("kernels-[0-9a-f]{24}")
"""The name of every folder of kernels; `$NUMBA_CACHE_DIR` may have others that are not ours."""


@functools.cache
def _folder() -> Path:
    """Beside the sources where these are this user's, else in `$NUMBA_CACHE_DIR` or the cache."""
    own = Path(__file__).parent / "__pycache__"
    named = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(named) if named else own
    if unfit(base) is not None:
        base = cache_folder()
    folder = base / f"kernels-{_key()}"
    if unfit(folder, links=False) is not None:
        folder = cache_folder() / folder.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.utime(folder)
    for other in base.glob("kernels-*"):
        if other != folder and _OURS.fullmatch(other.name) and other.stat().st_mtime < time.time() - _KEPT:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _key() -> str:
    """A hash of every source that a kernel may come from, wherever the packages are imported from."""
    digest = hashlib.sha256(numba.__version__.encode())
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations or () if spec is not None else ():
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(f"{package}\0{path.relative_to(folder)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:24]
