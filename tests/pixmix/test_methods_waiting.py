"""Batch transforms on a GPU: nothing waits for the device within a step, and the images stay there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from small_networks import assert_untouched, small_network, snapshot

from pixmix.methods import METHODS, make_method
from pixmix.methods._base import StepKey
from pixmix.methods._settings import ANTSettings, MethodSettings

HALF = (0.5,) * 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", [name for name, row in METHODS.items() if row.changes == "batch"])
@pytest.mark.parametrize("precision", [None, torch.bfloat16])
def test_a_step_waits_for_nothing(name: str, precision: torch.dtype | None) -> None:
    settings = MethodSettings(ant=ANTSettings(restart_steps=2))
    method = make_method(name, classes=4, size=(8, 8), mean=HALF, std=HALF, settings=settings)
    network = small_network().cuda()
    before = snapshot(network)
    images = torch.rand(32, 8, 8, 3, device="cuda").permute(0, 3, 1, 2)
    labels = torch.arange(32, device="cuda") % 4

    def batches(steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        yield from [(images, labels)] * steps

    def step(number: int, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        key = StepKey(seed=0, epoch=epoch, step=number)
        with torch.autocast("cuda", dtype=precision, enabled=precision is not None):
            return method.batch(images, labels, network=network, key=key, classes=4)

    for epoch in range(2):
        method.before_epoch(network, batches, key=StepKey(seed=0, epoch=epoch, step=0))
        step(0, epoch)  # libraries are loaded, what is kept on the device goes there
        torch.cuda.set_sync_debug_mode("error")
        try:
            results = [step(number, epoch) for number in range(1, 5)]
        finally:
            torch.cuda.set_sync_debug_mode("default")
        for made, targets in results:
            assert made.is_cuda and targets.is_cuda
            assert made.dtype == torch.float32 and made.isfinite().all()
    assert_untouched(network, before)
