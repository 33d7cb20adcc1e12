"""What a reader of the documentation has: data, photographs, archives, networks he trained, each in small."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from pixmix.corruptions._c.frost import FILES as FROST
from pixmix.train._command.corrupt import CorruptConfig, corrupt
from pixmix.train._runs.checkpoints import read_weights
from pixmix.train._runs.config import TrainConfig, recipe
from pixmix.train._training.run import train

TINYNET = "from torch import nn\n\n\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())\n"


def images(folder: Path, count: int, side: int = 32, seed: int = 0) -> Path:
    """Coarse random images as files."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for index in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
        coarse.resize((side, side)).save(folder / f"{index}.png")
    return folder


def tiny_classifier(num_classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes)
    )


class TinyCIFAR10(torch.utils.data.Dataset):
    """What torchvision downloads, in small."""

    def __init__(self, root: str, train: bool, download: bool, transform: Callable[[Any], Any] | None = None) -> None:
        self.data = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
        self.targets = [index % 10 for index in range(40)]
        self.transform = transform or (lambda image: image)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]


def make_world(root: Path) -> Path:
    """Put all of it into a folder; the folder."""
    for name in "abcdefghij":
        images(root / "tiny" / "train" / name, 2, seed=ord(name))
        images(root / "tiny" / "test" / name, 1, seed=ord(name) + 100)
    for copy in ("flowers", "PATH", "FOLDER"):
        shutil.copytree(root / "tiny", root / copy)
    shutil.copytree(root / "tiny" / "train", root / "STYLISED")
    for name in ("IMAGES", "my-set", "my-photographs", "OOD/textures", "OOD/svhn", "OOD/places69"):
        images(root / name, 6, side=40)
    images(root / "frost", 5, side=90)
    for file, name in zip(sorted((root / "frost").glob("*.png")), FROST, strict=True):
        Image.open(file).save(root / "frost" / name)
        file.unlink()
    for name in ("cat.jpg", "dog.jpg"):
        Image.open(root / "IMAGES" / "0.png").save(root / name)
    random = np.random.default_rng(0)
    np.save(root / "300K_random_images.npy", random.integers(0, 256, (24, 32, 32, 3), np.uint8))
    logits = random.normal(size=(200, 10)).astype(np.float32)
    np.savez(root / "logits.npz", logits=logits, labels=logits.argmax(1))
    (root / "tinynet.py").write_text(TINYNET)
    small = {"network": "wrn-10-1", "epochs": 1, "batch_size": 8, "threads": 1, "workers": 0, "suite": ("clean",)}
    run = root / "runs" / "cifar10-pixmix-0"
    train(TrainConfig(**{**vars(recipe("quick")), **small, "dataset": f"folder:{root / 'tiny'}", "out": run}))
    for copy in ("runs/cifar10-baseline-0", "runs/flowers", "ablations/cifar10/runs/baseline-s0", "sets/runs/own-s0"):
        shutil.copytree(run, root / copy)
    state = read_weights(run / "weights.safetensors")
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, root / "checkpoint.pth.tar")
    for suite, name in {"c": "CIFAR-10-C", "cbar": "CIFAR-10-C-Bar", "p": "CIFAR-10-P"}.items():
        source, frost = f"folder:{root / 'tiny'}", root / "frost"
        corrupt(CorruptConfig(dataset=source, out=root / name, suite=suite, frost=frost, workers=1))
    return root
