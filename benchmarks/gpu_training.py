"""Training and evaluation for `benchmarks/gpu.py`: rates, and graphs compared with steps of Python. Runs on a CPU, too.

By itself it is one training among several on a card: `python benchmarks/gpu_training.py DEVICE COUNT` prints its rate.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gpu_engine
import numpy as np
import torch

import pixmix
from mixset._common.normalisation import HALF
from mixset.generate._networks.spec import network_spec
from pixmix._common.normalized import Normalized
from pixmix._common.precisions import EVAL_PRECISIONS
from pixmix.methods._base import Method
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._data.labelled import LabelledImages, TrainingData
from pixmix.train._runs.config import TrainConfig, recipe
from pixmix.train._runs.processes import Processes
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training.batches import Batch
from pixmix.train._training.loop import Training

SIDES = {"cifar": 32, "imagenet": 224}
"""Side of the images by recipe: WRN-40-4 at batch 128, ResNet-50 at batch 256."""
LOSSES = 50
"""Steps whose losses are compared."""


class Watched(Training):
    """A training that notes the loss of each step."""

    losses: list[float]

    def _step(self, batch: Batch) -> None:
        before = self.step.loss_sum.item()
        super()._step(batch)
        self.losses.append(self.step.loss_sum.item() - before)


def random_data(side: int, count: int) -> TrainingData:
    """Random images in memory for training, and ten for testing."""
    images = gpu_engine.random_images(64, side, side)
    labels = np.arange(count) % 10
    train = LabelledImages(labels, side, array=images[np.arange(count) % 64])
    test = LabelledImages(labels[:10], side, array=images[:10])
    return TrainingData(name="random", classes=tuple("0123456789"), train=train, test=test, mean=HALF, std=HALF)


def config_of(name: str, device: str, **changes: Any) -> TrainConfig:
    """A recipe for some epochs without workers."""
    return dataclasses.replace(recipe(name), **{"epochs": 4, "workers": 0, "device": device, **changes})


def trained(config: TrainConfig, side: int, count: int, *, mixed: bool, kind: type[Training] = Training) -> list[dict]:
    """The log's entries of a training in the loop of `pixmix train`; of a `Watched` one an entry a step."""
    data = random_data(side, count)
    torch.manual_seed(0)
    network = Normalized(network_spec(config.network, classes=10, dropout=config.dropout).build(), data.mean, data.std)
    method = PixMixMethod("pixmix", settings=config.mix, pool=gpu_engine.make_pool((side, side))) if mixed else Method()
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        processes = Processes(device=torch.device(config.device))
        training = kind(config, data, network, method, run, processes, lambda _: method)
        if isinstance(training, Watched):
            training.losses = []
        with contextlib.redirect_stderr(io.StringIO()):
            training.run()
        if isinstance(training, Watched):
            return [{"loss": loss} for loss in training.losses]
        return [json.loads(line) for line in run.log.read_text().splitlines()]


def rate(config: TrainConfig, side: int, count: int, *, mixed: bool) -> float:
    """Images per second: the median of the epochs but for the first, which captures and compiles."""
    entries = trained(config, side, count, mixed=mixed)
    return count / statistics.median(entry["seconds"] for entry in entries[1:])


def ways(device: str) -> tuple[str, ...]:
    """Steps of Python, and where they can be captured graphs."""
    return ("off", "on") if torch.device(device).type == "cuda" else ("off",)


def report_rates(device: str, *, counts: tuple[int, int] = (51_200, 5_120), **changes: Any) -> None:
    """Print images per second of both recipes, with and without PixMix, with and without graphs."""
    for (name, side), count in zip(SIDES.items(), counts, strict=True):
        for graph in ways(device):
            config = config_of(name, device, graph=graph, **changes)
            plain, mixed = (rate(config, side, count, mixed=mixed) for mixed in (False, True))
            what = f"{config.network}, {side} px, batch {config.batch_size}, graph {graph}"
            print(
                f"{what:44}{plain:10,.0f} images/s, with PixMix {mixed:,.0f}   {plain / mixed - 1:+.1%} of the time",
                flush=True,
            )


def report_agreement(device: str, *, side: int = 32, **changes: Any) -> None:
    """Print how far the losses of graphs are from those of Python's steps, and two runs of the latter from each other.

    On a GPU equal runs differ, too: some of its kernels add up in any order.
    """
    found = {}
    for name, graph in (("off", "off"), ("again", "off"), *((way, way) for way in ways(device)[1:])):
        config = config_of("cifar", device, graph=graph, epochs=1, **changes)
        count = LOSSES * config.batch_size + config.batch_size // 2  # the last batch is never a graph's
        entries = trained(config, side, count, mixed=True, kind=Watched)
        found[name] = np.array([entry["loss"] for entry in entries])
    for name, words in (("again", "the same run again"), ("on", "graphs")):
        if name in found:
            apart = np.abs(found[name] / found["off"] - 1)
            print(
                f"losses of {len(apart)} steps, {words:21} differ by at most {apart.max():.1e}, mean {apart.mean():.1e}"
            )


def report_evaluation(device: str, *, count: int = 50_000, attacked: int = 2_000, network: str = "wrn-40-4") -> None:
    """Print images per second of clean forwards and under PGD, in float32 and bfloat16."""
    images = gpu_engine.random_images(64, 32, 32)[np.arange(count) % 64]
    labels = np.arange(count) % 10
    torch.manual_seed(0)
    net = Normalized(network_spec(network, classes=10).build(), HALF, HALF).to(device)
    net = net.to(memory_format=torch.channels_last)
    for precision in EVAL_PRECISIONS:
        for suite, number in (("clean", count), ("adversaries", attacked)):
            options: dict[str, Any] = {"device": device, "batch_size": 500, "precision": precision}
            pixmix.evaluate(net, suite, (images[:500], labels[:500]), **options)
            start = time.perf_counter()
            pixmix.evaluate(net, suite, (images[:number], labels[:number]), **options)
            seconds = time.perf_counter() - start
            # The attack has two balls of 20 steps and goes over the clean images, too.
            print(
                f"{network}, {suite} in {precision:24}{number / seconds:10,.0f} images/s, {seconds:.1f} s", flush=True
            )


def report_together(device: str, *, count: int = 51_200, most: int = 3) -> None:
    """Print the rates of one, two and three trainings side by side on one card."""
    for number in range(1, most + 1):
        command = [sys.executable, __file__, device, str(count)]
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
        rates = [float(process.communicate()[0]) for process in started]
        each = ", ".join(f"{one:,.0f}" for one in rates)
        print(f"{number} side by side                              {sum(rates):10,.0f} images/s ({each})", flush=True)


if __name__ == "__main__":
    print(rate(config_of("cifar", sys.argv[1], epochs=6), 32, int(sys.argv[2]), mixed=True))
