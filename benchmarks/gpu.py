"""Every check and benchmark that wants a GPU, as one short table: `python benchmarks/gpu.py`.

Checks that a Wide ResNet gives the same logits on the GPU as on the CPU, and measures how many pictures a second it
trains on in full precision and as `--amp auto` has it, beside each other, medians of several rounds. Where there is no
GPU it says so and ends.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from pixmix.train.networks import network_spec
from pixmix.train.processes import precision

BATCH, STEPS, ROUNDS = 128, 50, 5


def rate(step: Callable[[], None]) -> float:
    """Pictures a second over some steps, the median of several rounds."""
    for _ in range(10):
        step()
    rates = []
    for _ in range(ROUNDS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        torch.cuda.synchronize()
        rates.append(BATCH * STEPS / (time.perf_counter() - start))
    return statistics.median(rates)


def training_step(amp: torch.dtype | None) -> Callable[[], None]:
    """A step of the paper's CIFAR recipe on random pictures."""
    device = torch.device("cuda")
    network = network_spec("wrn-40-4", classes=10, dropout=0.3).build().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    images = torch.rand(BATCH, 3, 32, 32, device=device).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (BATCH,), device=device)

    def step() -> None:
        with torch.autocast("cuda", dtype=amp, enabled=amp is not None):
            logits = network(images)
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def largest_difference() -> float:
    """Of the logits of a fresh WRN-40-4 between CPU and GPU, relative to their size."""
    torch.manual_seed(0)
    network = network_spec("wrn-40-4", classes=10).build().eval()
    images = torch.rand(16, 3, 32, 32)
    with torch.no_grad():
        expected = network(images)
        found = network.cuda()(images.cuda()).cpu()
    return float((found - expected).abs().max() / expected.abs().max())


def main() -> None:
    if not torch.cuda.is_available():
        print("no GPU can be used here: nothing checked, nothing measured")
        return
    amp = precision("auto", torch.device("cuda"))
    full, mixed = rate(training_step(None)), rate(training_step(amp))
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print(f"logits of CPU and GPU differ by at most     {largest_difference():.1e} of their size")
    print(f"WRN-40-4 training, full precision           {full:10,.0f} pictures/s")
    print(f"WRN-40-4 training, {str(amp).removeprefix('torch.'):25}{mixed:10,.0f} pictures/s   {mixed / full:.1f}x")


if __name__ == "__main__":
    main()
