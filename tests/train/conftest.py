"""Small data sets and mixing sets that train in seconds."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluate_samples import C, P, write_images
from PIL import Image
from recorded_steps import CpuRecorder
from run_samples import quick
from torch import nn
from torch_threads import one_thread as one_thread

from pixmix.corruptions._making import manifest
from pixmix.methods._base import Method
from pixmix.train._runs.config import TrainConfig
from pixmix.train._training import graph, loop, optimizer, state, step as step_module
from pixmix.train._training.batches import Batch, TrainingSet
from pixmix.train._training.run import train


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image-folder data set: 3 classes, 45 images for training and 30 for testing, 16 px."""
    root = tmp_path_factory.mktemp("data") / "colours"
    for label, (name, colour) in enumerate(
        {"blue": (60, 80, 180), "green": (70, 160, 70), "red": (190, 70, 60)}.items()
    ):
        write_images(root / "train" / name, 15, 16, colour, label)
        write_images(root / "test" / name, 10, 16, colour, 100 + label)
    return root


@pytest.fixture(scope="session")
def mixing_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder of 12 coarse random images, 40 px: a mixing set."""
    root = tmp_path_factory.mktemp("mixing") / "set"
    root.mkdir()
    random = np.random.default_rng(7)
    for index in range(12):
        coarse = random.integers(0, 256, (5, 5, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((40, 40)).save(root / f"{index}.png")
    return root


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def run(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    train(quick(colours, out))
    return out


@pytest.fixture
def own(run: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be measured further."""
    return Path(shutil.copytree(run, tmp_path / "own"))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """C and P of 16 px for three classes, 7 and 3 images."""
    root = tmp_path_factory.mktemp("sets")
    random = np.random.default_rng(0)
    (root / "c").mkdir()
    for name in C:
        np.save(root / "c" / f"{name}.npy", random.integers(0, 256, (35, 16, 16, 3), dtype=np.uint8))
    np.save(root / "c" / "labels.npy", np.tile(np.arange(7) % 3, 5))
    manifest.begin(root / "p", {"suite": "p", "dataset": "x", "pictures": 3, "size": 16, "seed": 5, "severities": None})
    for name in P:
        np.save(root / "p" / f"{name}.npy", random.integers(0, 256, (3, 16, 16, 16, 3), dtype=np.uint8))
    return root


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of networks in its own package."""
    (tmp_path / "lib" / "mynets").mkdir(parents=True)
    (tmp_path / "lib" / "mynets" / "__init__.py").touch()
    (tmp_path / "lib" / "mynets" / "flat.py").write_text(
        "import os, time\nimport torch\nfrom torch import nn\n\n\n"
        "class Slow(nn.Sequential):\n"
        "    def forward(self, x):\n"
        "        time.sleep(float(os.environ.get('SECONDS_A_BATCH', 0)))\n"
        "        return super().forward(x)\n\n\n"
        "def make(num_classes=3):\n"
        "    return Slow(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, num_classes))\n\n\n"
        "def imagenet():\n    return make(1000)\n\n\n"
        "def vit():\n"
        "    import torchvision\n\n"
        "    return torchvision.models.VisionTransformer(224, 32, 1, 1, 8, 8)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    return tmp_path


@pytest.fixture
def steps_left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps a training may still take before it is broken off; empty for any number."""
    step, left = loop.Training._step, list[int]()

    def breaking(training: loop.Training, batch: Batch) -> None:
        if left == [0]:
            raise KeyboardInterrupt
        left[:] = [number - 1 for number in left]
        step(training, batch)

    monkeypatch.setattr(loop.Training, "_step", breaking)
    return left


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Iterator[type[CpuRecorder]]:
    """Training as on a GPU: images made on tensors, many steps' at once, the fused update, and graphs unless `off`."""
    monkeypatch.setattr(CpuRecorder, "recorded", 0)
    monkeypatch.setattr(CpuRecorder, "replayed", 0)
    monkeypatch.setattr(loop, "CudaRecorder", CpuRecorder)
    monkeypatch.setattr(state, "TrainingSet", functools.partial(TrainingSet, tensors=True))

    def fused(config: TrainConfig, network: nn.Module, *, fused: bool) -> torch.optim.Optimizer:
        return optimizer.make_optimizer(config, network, fused=True)

    monkeypatch.setattr(step_module, "make_optimizer", fused)
    obstacle = graph._obstacle

    def on_cpu(config: TrainConfig, device: torch.device, world: int, method: Method | None) -> str:
        why = obstacle(config, device, world, method)
        if "GPU" in why:  # the one obstacle that the recorder takes away
            return "" if method is None or method.in_graph else f"the method {config.method} needs the host"
        return why

    monkeypatch.setattr(graph, "_obstacle", on_cpu)
    yield CpuRecorder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """83 image files of several sizes and formats, of which one is broken."""
    folder, chance = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    found = []
    for number in range(83):
        sides = int(chance.integers(60, 120)), int(chance.integers(60, 120))
        pixels = chance.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        image = Image.fromarray(pixels).resize(sides, Image.Resampling.BICUBIC)
        found.append(folder / f"{number:02d}.{'png' if number % 7 == 0 else 'jpg'}")
        (image.convert("L") if number % 5 == 0 else image).save(found[-1])
    found[40].write_bytes(found[40].read_bytes()[:200])
    return found
