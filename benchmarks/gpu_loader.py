"""The loader of `pixmix train` beside the network, for `benchmarks/gpu.py`: files, a ResNet-50 with PixMix, and both.

Runs on a CPU, too. The files are JPEGs like ImageNet's (500 x 375, 113 kB), some hundred, repeated: what is measured is
decoding, not the disk.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import gpu_engine
import numpy as np
import PIL
import torch
from gpu_training import config_of
from paper import photographs, write_like_imagenet

from mixset._common import jpegs
from mixset._common.normalisation import IMAGENET_MEAN, IMAGENET_STD
from mixset.generate._networks.spec import network_spec
from pixmix._common.normalized import Normalized
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._data.labelled import LabelledImages, TrainingData
from pixmix.train._runs.config import TrainConfig
from pixmix.train._runs.processes import Processes, loader_workers, own_cores
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training import loop
from pixmix.train._training.batches import Batch, BatchPlan, TrainingSet
from pixmix.train._training.loader import Loader, training_loader

DISTINCT = 400
"""Files: 45 MB of them."""


class Kept(Loader):
    """The same crops on the device for each batch: a loader that takes no time but at the first one."""

    crops: torch.Tensor | None = None

    def __iter__(self) -> Iterator[Batch]:
        for indices in self.plan.parts(self.plan.epoch, self.plan.start, self.plan.steps - self.plan.start):
            labels, numbers = torch.from_numpy(self.images.images.labels[indices]), torch.from_numpy(indices)
            if self.crops is None:
                made = self.images.batch(0, indices).images  # of a full batch
                assert made is not None
                self.crops = made.to(self.images.device)
            yield Batch(self.crops[: len(indices)], labels, numbers)


class Alone(NamedTuple):
    """Rates of a loader without a network."""

    clock: float
    """Images per second."""
    core: float
    """Images per second of the workers' CPU time."""


def data_of(folder: Path, side: int, count: int, distinct: int) -> TrainingData:
    """`count` training images in `distinct` files, and ten for testing."""
    files = write_like_imagenet(photographs("china.jpg", distinct, 500), folder)
    labels = np.arange(count) % 10
    train = LabelledImages(labels, side, files=[files[number % distinct] for number in range(count)])
    test = LabelledImages(labels[:10], side, files=train.files[:10])
    classes = tuple("0123456789")
    return TrainingData(name="files", classes=classes, train=train, test=test, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def alone(data: TrainingData, config: TrainConfig, workers: int, epochs: int) -> Alone:
    """The loader and the copy of its batches to the device; the median of the epochs but for the first."""
    device = torch.device(config.device)
    images = TrainingSet(data.train, method_of(config, data.size), seed=0, flip=True, device=device)
    plan, clock, core = BatchPlan(len(images), config.batch_size, seed=0), [], []
    with closing(training_loader(images, plan, workers=workers)) as loader:
        for epoch in range(epochs + 1):
            plan.set_epoch(epoch)
            start, before = time.perf_counter(), loader.processor
            for batch in loader:
                assert batch.images is not None
                batch.images.to(device, non_blocking=True)
            clock.append(time.perf_counter() - start)
            core.append(loader.processor - before)
    return Alone(len(images) / statistics.median(clock[1:]), len(images) / max(statistics.median(core[1:]), 1e-9))


def method_of(config: TrainConfig, side: int) -> PixMixMethod:
    return PixMixMethod("pixmix", settings=config.mix, pool=gpu_engine.make_pool((side, side)))


def trained(data: TrainingData, config: TrainConfig, *, kept: bool) -> list[dict]:
    """The log's entries of a training from the files, or with crops kept on the device."""
    torch.manual_seed(0)
    network = Normalized(network_spec(config.network, classes=10, dropout=0.0).build(), data.mean, data.std)
    made = patch.object(loop, "training_loader", lambda images, plan, workers, epochs: Kept(images, plan))
    with tempfile.TemporaryDirectory() as folder, made if kept else contextlib.nullcontext():
        run = RunFolder(Path(folder))
        processes = Processes(device=torch.device(config.device))
        method = method_of(config, data.size)
        training = loop.Training(config, data, network, method, run, processes, lambda _: method)
        with contextlib.redirect_stderr(io.StringIO()):
            training.run()
        return [json.loads(line) for line in run.log.read_text().splitlines()]


def report(
    device: str, *, count: int = 20_480, side: int = 224, distinct: int = DISTINCT, epochs: int = 3, **changes: Any
) -> None:
    """Print images per second of the loader, of ResNet-50's step, and of both, and what share was waited for data."""
    config = config_of("imagenet", device, **{"epochs": epochs, "workers": None, **changes})
    workers = loader_workers(config.workers, torch.device(device))
    decoder = f"Pillow {PIL.__version__}" if jpegs.simplejpeg is None else f"simplejpeg {jpegs.simplejpeg.__version__}"
    print(f"loader: {decoder}, {own_cores()} cores, {config.network}, {side} px, batch {config.batch_size}")
    with tempfile.TemporaryDirectory() as folder:
        data = data_of(Path(folder), side, count, distinct)
        for number in sorted({min(8, workers), workers}):
            rates = alone(data, config, number, epochs - 1)
            print(
                f"loader alone, {number:2} workers {' ' * 17}{rates.clock:10,.0f} images/s, {rates.core:,.0f} a core",
                flush=True,
            )
        found = {}
        for kept in (True, False):
            entries = trained(data, config, kept=kept)[1:]
            found[kept] = count / statistics.median(entry["seconds"] for entry in entries)
        waited = statistics.median(entry["waited_share"] for entry in entries)
    print(f"steps alone, images on the device           {found[True]:10,.0f} images/s")
    print(
        f"steps fed by the loader                     {found[False]:10,.0f} images/s, "
        f"{found[False] / found[True]:.1%} of that, waited for data {waited:.1%}"
    )
