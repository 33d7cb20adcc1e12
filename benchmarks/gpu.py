"""All checks and benchmarks that need a GPU, as a short table: `python benchmarks/gpu.py [PART ...]`.

The parts, all by default: `networks`: the logits of a Wide ResNet on the GPU and the CPU, and its training images per
second in full precision and with `--amp auto`. `engine`: the CUDA kernels compared with Pillow, and whether the host
ever waits. `rates`: its images per second compared with the numba engine's, and its share of the memory's bandwidth.
`training`: images per second in the loop of `pixmix train`, with and without PixMix, steps of Python and CUDA graphs.
`loader`: images per second of JPEG files through the loader, of the steps of a ResNet-50, and of both.
`agreement`: the losses of both compared. `evaluation`: images per second in float32 and bfloat16, clean and attacked.
`together`: trainings side by side on one card. `fvis`: feature visualisations of a ResNet-50 with random weights, the
first batch of a set on GPU and CPU, and whole sets at 224 px of early layers and of all, through the job of
`mixset make fvis`. Rates are medians of several rounds. Without a GPU, nothing is measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import gpu_engine
import gpu_loader
import gpu_training
import numpy as np
import torch
import torch.nn.functional as F
import torchvision

from mixset.generate import FVisRecipe, make
from mixset.generate._fvis.rendering import render_all
from mixset.generate._networks.spec import network_spec
from pixmix.train._runs.processes import precision

BATCH, STEPS, ROUNDS = 128, 50, 5


def rate(step: Callable[[], None]) -> float:
    """Images per second over several steps, the median of several rounds."""
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
    """A step of the paper's CIFAR recipe on random images."""
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
    """The largest difference between the logits of a new WRN-40-4 on CPU and GPU, relative to their maximum."""
    torch.manual_seed(0)
    network = network_spec("wrn-40-4", classes=10).build().eval()
    images = torch.rand(16, 3, 32, 32)
    with torch.no_grad():
        expected = network(images)
        actual = network.cuda()(images.cuda()).cpu()
    return float((actual - expected).abs().max() / expected.abs().max())


def resnet50() -> torch.nn.Module:
    """A ResNet-50 with random weights, so that nothing is downloaded; the same in every process."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return torchvision.models.resnet50()


def fvis_recipe(count: int, layers: str) -> FVisRecipe:
    return FVisRecipe(network="gpu:resnet50", count=count, size=224, layers=(layers,), batch=64)


def fvis_beside_cpu(device: str) -> tuple[float, float]:
    """For 8 images of 64 px, the mean absolute difference of bytes from the CPU's, and the ratio of mean scores."""
    recipe = dataclasses.replace(fvis_recipe(8, "early"), size=64, batch=8).resolved()
    (mine, _, my_params), (theirs, _, their_params) = (
        zip(*render_all(recipe, range(8), index), strict=True) for index in (device, "cpu")
    )
    scores = [statistics.mean(image["score"] for image in params) for params in (my_params, their_params)]
    return float(np.abs(np.subtract(mine, theirs, dtype=np.int16)).mean()), scores[0] / scores[1]


def fvis_rate(count: int, layers: str, device: str) -> float:
    """Images per second at 224 px, including the start of the job."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make(fvis_recipe(count, layers), Path(folder) / "set", devices=[device], quiet=True)
        return count / (time.perf_counter() - start)


def report_networks() -> None:
    """Print how much a network's logits differ on the GPU, and how fast it trains."""
    amp = precision("auto", torch.device("cuda"))
    full, mixed = rate(training_step(None)), rate(training_step(amp))
    print(f"logits of CPU and GPU differ by at most     {largest_difference():.1e} of their size")
    print(f"WRN-40-4 training, full precision           {full:10,.0f} images/s")
    print(f"WRN-40-4 training, {str(amp).removeprefix('torch.'):25}{mixed:10,.0f} images/s   {mixed / full:.1f}x")


def report_fvis() -> None:
    """Print differences and rates of feature visualisations."""
    difference, score = fvis_beside_cpu("cuda")
    print(f"visualisations beside the CPU's: bytes differ by {difference:.1f}, scores are {score:.2f}x as large")
    for layers, count in (("early", 1024), ("all", 256)):
        images_per_second = fvis_rate(count, layers, "cuda")
        print(f"{count:,} visualisations of 224 px, {layers:<6}             {images_per_second:10,.1f} images/s")


PARTS: dict[str, Callable[[], None]] = {
    "networks": report_networks,
    "engine": lambda: gpu_engine.report_checks(torch.device("cuda", 0)),
    "rates": lambda: gpu_engine.report_rates(torch.device("cuda", 0)),
    "training": lambda: gpu_training.report_rates("cuda"),
    "loader": lambda: gpu_loader.report("cuda"),
    "agreement": lambda: gpu_training.report_agreement("cuda"),
    "evaluation": lambda: gpu_training.report_evaluation("cuda"),
    "together": lambda: gpu_training.report_together("cuda"),
    "fvis": report_fvis,
}
"""The parts by name."""


def main() -> None:
    parser = argparse.ArgumentParser(description="All checks and benchmarks that need a GPU.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; by default all")
    parts = parser.parse_args().parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part named {unknown.pop()}; there are {', '.join(PARTS)}")
    if not torch.cuda.is_available():
        print("no GPU can be used here: nothing checked, nothing measured")
        return
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    for part in parts:
        PARTS[part]()
    print(f"memory at its highest                        {torch.cuda.max_memory_allocated() / 2**30:10,.1f} GiB")


if __name__ == "__main__":
    main()
