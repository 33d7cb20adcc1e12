"""Torch with one thread, for the tests of several folders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """What is promised bit for bit on a CPU is promised for one thread.

    Networks as small as those of the tests are slower with more, and very slow where other tests want the cores, too.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
