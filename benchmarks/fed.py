"""What share of its time a network waits for the loader of `pixmix train`, and where, without a GPU.

    python benchmarks/fed.py [--repeats 3] [--images FOLDER] [--cases sleeping files saving]

The training loop is the real one, but its network is a GPU that only lets time pass: a step takes a fixed time, in
which no core works, and the host runs ahead of it as it does of a GPU. So what such a GPU waits for is what the loop
and the loader cost. Each case is run at steps that take 75 and 90 % of the loader's own images per second, over epochs
of 30 and of 300 steps, with a test of ten images after each.

- `sleeping`: 14 workers that sleep as long for an image as an H100 machine's took (2.77 ms), batches of 256: the
  order of events on a machine of 16 cores, though this one may have two.
- `files`: two workers that cut crops from JPEG files like ImageNet's (500 x 375, 113 kB), batches of 64. The loader
  alone is measured before and after each run, since cores that others use are no constant.
- `saving`: `sleeping` at steps of 0.05 s, with a ResNet-50's weights and momenta in the checkpoints: what a checkpoint
  costs the GPU, and from that an epoch of 5,005 steps with one each 1,000 steps.

Of the first two, `before` is the test as it was up to 0.2: by processes that are started for each.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from fed_before import StartingTest
from fed_gpu import SleepingGpu
from gpu_training import config_of
from input_ways import training_images
from torch import Tensor, nn

from mixset._common.decoding import list_image_files
from mixset._common.normalisation import HALF
from pixmix._common.normalized import Normalized
from pixmix.methods._base import Method
from pixmix.train._data.labelled import LabelledImages, TrainingData
from pixmix.train._data.sources import Files
from pixmix.train._data.unreadable import Broken
from pixmix.train._runs.processes import Processes
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training.batches import Batch, BatchPlan, TrainingSet
from pixmix.train._training.loader import training_loader
from pixmix.train._training.loop import Training

GPU = torch.device("cuda", 0)
SECONDS = 0.00277
"""Of a core for an image: 15 workers of the H100's machine gave 5,420 images/s."""
SHARES = (0.75, 0.9)
"""Of the loader's own rate that the network takes."""
RESNET50, STEP, LONG = 25_557_032, 0.05, 5_005
"""Its weights; seconds of a step; and steps of an epoch of ImageNet at batch 256."""


class Case(NamedTuple):
    """A loader and the epochs that it is measured in."""

    files: Files
    """What an epoch's images are in, as often as it takes."""
    workers: int
    batch: int
    kind: type[TrainingSet]


class SleepingSet(TrainingSet):
    """Images for which workers sleep."""

    def make(
        self, epoch: int, indices: np.ndarray, result: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, tuple[Broken, ...]]:
        time.sleep(SECONDS * len(indices))
        return np.empty(0, np.uint8), self.images.labels[indices], ()


class SleepingImages(LabelledImages):
    """Images for testing for which workers sleep."""

    def share(self, rank: int, world: int) -> LabelledImages:
        return self

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        time.sleep(SECONDS)
        return np.zeros((self.size, self.size, 3), np.uint8), 0


class Idle(nn.Module):
    """A network that takes no time, with as many weights as one says."""

    def __init__(self, weights: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(weights))

    def forward(self, images: Tensor) -> Tensor:
        return images.new_zeros(len(images), 10) + self.weight[0]


class Epoch(NamedTuple):
    """The GPU's time from the first step of an epoch to that of the next, in seconds."""

    whole: float
    idle: dict[str, float]
    """Where it took no step."""


class Timed(Training):
    """A training whose steps a sleeping GPU takes."""

    gpu: SleepingGpu
    step_seconds: float

    def begin(self, gpu: SleepingGpu, step_seconds: float) -> None:
        """Whose steps, and how long one takes."""
        self.gpu, self.step_seconds = gpu, step_seconds
        self.training_set.device = GPU
        self.epochs: list[Epoch] = []
        self.ended = self.begun = 0.0
        self.idle: dict[str, float] = defaultdict(float)
        self.between: dict[str, float] = defaultdict(float)
        """What the host has done since the last step, while the GPU had none."""

    def _step(self, batch: Batch) -> None:
        begin = self.gpu.launch(self.step_seconds)
        gap, first = begin - self.ended, self.position == 0
        for what, seconds in self.between.items():
            self.idle[what] += seconds
            gap -= seconds
        self.between.clear()
        self.idle["first batch" if first else "later batches"] += max(gap, 0.0)
        if first:
            if self.begun:
                self.epochs.append(Epoch(begin - self.begun, dict(self.idle)))
            self.begun = begin
            self.idle.clear()
        self.ended = self.gpu.free

    def test(self) -> tuple[float, bool]:
        with self._noted("test"):
            return super().test()

    def save(self) -> None:
        with self._noted("checkpoint"):
            super().save()

    @contextlib.contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        self.gpu.synchronize()  # all that is done here comes after the last step
        start = time.monotonic()
        yield
        self.gpu.synchronize()
        self.between[what] += time.monotonic() - start


def alone(case: Case, steps: int) -> float:
    """Images per second of the loader, when nobody takes any time for them."""
    images, plan = training_set(case, steps), BatchPlan(steps * case.batch, case.batch, seed=0)
    with (
        SleepingGpu().in_place_of_cuda(),
        closing(training_loader(images, plan, workers=case.workers, epochs=2)) as loader,
    ):
        for epoch in range(2):
            plan.set_epoch(epoch)
            start, count = time.monotonic(), 0
            for batch in loader:
                count += len(batch.labels)
    return count / (time.monotonic() - start)


def training_set(case: Case, steps: int) -> TrainingSet:
    """As many images as an epoch takes, to be cropped for a GPU."""
    return case.kind(images_of(case, steps), Method(), seed=0, flip=True, device=GPU, tensors=True)


def images_of(case: Case, steps: int) -> LabelledImages:
    count, files = steps * case.batch, case.files
    return LabelledImages(np.arange(count) % 10, 224, files=[files[number % len(files)] for number in range(count)])


def fed(case: Case, seconds: float, steps: int, epochs: int, *, before: bool = False, weights: int = 1) -> list[Epoch]:
    """The epochs but for the first and the last of a training whose steps take so many seconds.

    Args:
        before: whether each test starts its own processes.
        weights: of the network.
    """
    train = training_set(case, steps)
    test = train.images.take(np.arange(10))
    if case.kind is SleepingSet:
        test = SleepingImages(test.labels, test.size, files=test.files)
    data = TrainingData(name="files", classes=tuple("0123456789"), train=train.images, test=test)
    changes: dict[str, Any] = {"epochs": epochs, "workers": case.workers, "batch_size": case.batch}
    config = config_of("imagenet", "cpu", **changes)
    gpu = SleepingGpu()
    with tempfile.TemporaryDirectory() as folder, gpu.in_place_of_cuda():
        run, method, network = RunFolder(Path(folder)), train.method, Normalized(Idle(weights), HALF, HALF)
        training = Timed(config, data, network, method, run, Processes(device=torch.device("cpu")), lambda _: method)
        training.training_set = train
        training.begin(gpu, seconds)
        if before:
            training.tester = StartingTest(training)
        if weights > 1:
            for parameter in network.parameters():
                training.step.optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        with contextlib.redirect_stderr(io.StringIO()):
            training.run()
    return training.epochs[1:]


def idle_of(epochs: Sequence[Epoch]) -> tuple[float, str]:
    """The median share of an epoch in which the GPU had no step, and the milliseconds of each place."""
    idle = statistics.median(sum(epoch.idle.values()) / epoch.whole for epoch in epochs)
    places = ("first batch", "later batches", "test", "checkpoint")
    spent = {place: 1e3 * statistics.median(epoch.idle.get(place, 0.0) for epoch in epochs) for place in places}
    return idle, ", ".join(f"{place} {milliseconds:,.0f}" for place, milliseconds in spent.items())


def report(name: str, case: Case, share: float, steps: int, repeats: int) -> None:
    """Print what share of epochs of so many steps the GPU had none, and where, with both kinds of tests."""
    for before in (True, False):
        rate, note = case.workers / SECONDS, ""
        if case.kind is not SleepingSet:
            rate = alone(case, 30)
        found = fed(case, case.batch / (share * rate), steps, repeats + 2, before=before)
        if case.kind is not SleepingSet:
            note = f", then {alone(case, 30):,.0f}"
        idle, places = idle_of(found)
        what = f"{name} {'before' if before else 'now':6} {share:.0%} of {rate:,.0f} images/s{note}"
        print(f"{what}, epochs of {steps} steps: idle {idle:.1%}; ms an epoch: {places}", flush=True)


def report_saving(case: Case, repeats: int) -> None:
    """Print what a ResNet-50's checkpoint costs, and what that is in an epoch of ImageNet."""
    plain, whole = (fed(case, STEP, 100, repeats + 2, weights=weights) for weights in (1, RESNET50))
    (_, without), (_, places) = idle_of(plain), idle_of(whole)
    print(f"saving: one weight, ms an epoch of 100 steps: {without}")
    print(f"saving: {RESNET50:,} weights: {places}")
    lost = statistics.median(sum(e.idle.values()) for e in whole) - statistics.median(
        sum(e.idle.values()) for e in plain
    )
    saves = LONG // 1000 + 1
    print(f"{saves} x {lost:.2f} s / ({LONG:,} x {STEP} s) = {saves * lost / (LONG * STEP):.2%} of an epoch")


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    cases = ("sleeping", "files", "saving")
    parser.add_argument("--images", type=Path, help="a folder of images to make the training files from")
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases)
    parser.add_argument("--steps", type=int, nargs="+", default=(30, 300), help="lengths of epochs")
    parser.add_argument("--repeats", type=int, default=3, help="epochs that are measured")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sleeping = Case([Path("none.jpg")], 14, 256, SleepingSet)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.cases:
            if name == "saving":
                report_saving(sleeping._replace(batch=192), arguments.repeats)
                continue
            case = sleeping
            if name == "files":
                own = list_image_files(arguments.images)[:125] if arguments.images else []
                case = Case(training_images(224, 125, Path(folder), own).files, 2, 64, TrainingSet)
            for share in SHARES:
                for steps in arguments.steps:
                    report(name, case, share, steps, arguments.repeats)


if __name__ == "__main__":
    main()
