"""Every check and benchmark that wants a GPU, as one short table: `python benchmarks/gpu.py`.

Checks that a Wide ResNet gives the same logits on the GPU as on the CPU, and measures how many pictures a second it
trains on in full precision and as `--amp auto` has it, beside each other, medians of several rounds. Then feature
visualisations of a ResNet-50 with random weights: the first batch of a set on GPU and CPU beside each other, and whole
sets at 224 px of early layers and of all, through the job as `mixset make fvis` runs it. Where there is no GPU it says
so and ends.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

from mixset.generate import FVisRecipe, make
from mixset.generate.fvis.pictures import render_all
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


def resnet50() -> torch.nn.Module:
    """With random weights, so that nothing is fetched; the same in every process."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return torchvision.models.resnet50()


def fvis_recipe(count: int, layers: str) -> FVisRecipe:
    return FVisRecipe(network="gpu:resnet50", count=count, size=224, layers=(layers,), batch=64)


def fvis_beside_cpu(device: str) -> tuple[float, float]:
    """Of 8 pictures of 64 px: the mean difference of a byte from the CPU's, and the mean score as its multiple."""
    recipe = dataclasses.replace(fvis_recipe(8, "early"), size=64, batch=8).resolved()
    (mine, _, my_params), (theirs, _, their_params) = (
        zip(*render_all(recipe, range(8), place), strict=True) for place in (device, "cpu")
    )
    scores = [statistics.mean(one["score"] for one in params) for params in (my_params, their_params)]
    return float(np.abs(np.subtract(mine, theirs, dtype=np.int16)).mean()), scores[0] / scores[1]


def fvis_rate(count: int, layers: str, device: str) -> float:
    """Pictures a second of 224 px, the start of the job included."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make(fvis_recipe(count, layers), Path(folder) / "set", devices=[device], quiet=True)
        return count / (time.perf_counter() - start)


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
    difference, score = fvis_beside_cpu("cuda")
    print(f"visualisations beside the CPU's: bytes differ by {difference:.1f}, scores are {score:.2f}x as large")
    for layers, count in (("early", 1024), ("all", 256)):
        made = fvis_rate(count, layers, "cuda")
        print(f"{count:,} visualisations of 224 px, {layers:<6}             {made:10,.1f} pictures/s")
    print(f"memory at its highest                        {torch.cuda.max_memory_allocated() / 2**30:10,.1f} GiB")


if __name__ == "__main__":
    main()
