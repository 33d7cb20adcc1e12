"""Fixtures of the tests of PixMix."""

from __future__ import annotations

from pathlib import Path

import pixmix_samples
import pytest
import torch

import pixmix


def _drop_stale_kernels() -> None:
    """Numba's cache notices a change in a kernel's own file, not in those it calls: drop what is older than any."""
    folder = Path(pixmix.__file__).parent
    kernels = [path for path in folder.rglob("*.py") if "from numba import" in path.read_text()]
    newest = max(path.stat().st_mtime for path in kernels)
    for compiled in folder.rglob("*.nbi"):
        if compiled.stat().st_mtime < newest:
            compiled.unlink(missing_ok=True)


_drop_stale_kernels()


@pytest.fixture(scope="session", name="photographs")
def _photographs():
    return pixmix_samples.photographs


@pytest.fixture(scope="session", name="array_pool")
def _array_pool():
    return pixmix_samples.array_pool


@pytest.fixture(scope="module")
def one_thread():
    """Networks this small are slower with more, and very slow where other tests want the cores, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
