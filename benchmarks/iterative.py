"""The cost of the method iterative compared with a baseline epoch: `python benchmarks/iterative.py [--device cuda]`.

Trains an epoch of a network on random images without PixMix and with PixMix in the training step, and in between
refreshes a pool of feature visualisations of the same network; medians of several rounds. On a CPU the CPU time of one
torch thread is measured, on a GPU the wall time in the precision of `--amp auto`. The time of a refresh depends on the
network and its layers' channels, not on the images.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from mixset.generate._networks.spec import network_spec
from pixmix._common.normalized import Normalized
from pixmix.methods import make_method
from pixmix.train._data.labelled import LabelledImages, TrainingData
from pixmix.train._runs.config import IterativeSettings, TrainConfig, recipe
from pixmix.train._runs.processes import Processes
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training.iterative import Iterative
from pixmix.train._training.loop import Training

DEFAULT = IterativeSettings()


def random_images(count: int) -> TrainingData:
    """A data set of random images of 32 px in ten classes, with only two for testing."""
    rng = np.random.default_rng(0)
    halves = [
        LabelledImages(rng.integers(0, 10, n), 32, array=rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8))
        for n in (count, 2)
    ]
    return TrainingData(name="random", classes=tuple("0123456789"), train=halves[0], test=halves[1])


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """The CPU time of a call, or its wall time on a GPU."""
    if device.type == "cpu":
        start = time.process_time()
        work()
        return time.process_time() - start
    torch.cuda.synchronize(device)
    begin = time.perf_counter()
    work()
    torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def measure(config: TrainConfig, data: TrainingData, repeats: int, scratch: Path) -> tuple[float, float, float]:
    """Median seconds of a baseline epoch, an epoch with PixMix in the step, and a refresh."""
    processes, folder = Processes(device=torch.device(config.device)), RunFolder(scratch)
    torch.manual_seed(0)
    body = network_spec(config.network, classes=10).build().to(processes.device)
    network = Normalized(body, data.mean, data.std)
    iterative = Iterative(config, data, body, folder, processes)
    baseline = make_method("baseline", classes=10, size=(32, 32), mean=data.mean, std=data.std)
    times: dict[str, list[float]] = {"baseline": [], "pixmix": [], "refresh": []}
    for turn in range(repeats + 1):
        spent = {"refresh": seconds(lambda: iterative.refresh(body), processes.device)}
        for name, method in (("baseline", baseline), ("pixmix", iterative)):
            training = Training(config, data, network, method, folder, processes, lambda _, method=method: method)
            with contextlib.redirect_stderr(io.StringIO()):
                spent[name] = seconds(training.run, processes.device)
        if turn:  # the first turn warms up
            for name, value in spent.items():
                times[name].append(value)
    epoch, mixed, refresh = (statistics.median(times[name]) for name in ("baseline", "pixmix", "refresh"))
    return epoch, mixed, refresh


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", default="wrn-16-1")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = dataclasses.replace(
        recipe("quick"),
        method="iterative",
        network=options.network,
        epochs=1,
        batch_size=options.batch_size,
        workers=0,
        device=options.device,
        iterative=dataclasses.replace(DEFAULT, every=10**9),  # refreshes are made, and measured, by themselves
    )
    with tempfile.TemporaryDirectory() as scratch:
        data = random_images(options.count)
        epoch, mixed, refresh = measure(config, data, options.repeats, Path(scratch))
    steps = -(-options.count // options.batch_size)
    where = torch.cuda.get_device_name() if options.device.startswith("cuda") else "one CPU thread"
    print(f"{where}, torch {torch.__version__}; {options.network}, 32 px, batch {options.batch_size}")
    print(f"a step of the baseline                     {1000 * epoch / steps:10,.1f} ms")
    print(f"a step with PixMix made in the step        {1000 * mixed / steps:10,.1f} ms")
    print(f"a refresh, {DEFAULT.batch} images in {DEFAULT.steps} steps        {1000 * refresh:10,.1f} ms")
    for every in (DEFAULT.every, 10, 1):
        whole = mixed / steps + refresh / every
        print(f"an epoch with a refresh every {every:2} steps: {whole * steps / epoch:6.2f} baseline epochs, ", end="")
        print(f"refreshes {refresh / every / whole:.0%} of it")


if __name__ == "__main__":
    main()
