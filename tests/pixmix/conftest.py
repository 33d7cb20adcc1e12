"""Fixtures of the tests of PixMix."""

from __future__ import annotations

import pixmix_samples
import pytest
import torch


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
