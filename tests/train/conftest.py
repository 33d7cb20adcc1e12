"""Small data sets and mixing sets that train in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_images(folder: Path, count: int, side: int, colour: tuple[int, int, int], seed: int) -> None:
    """Noisy images of one colour as PNG files."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for index in range(count):
        noise = random.integers(-60, 60, (side, side, 3))
        image = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{index:03d}.png")


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
def one_thread() -> Iterator[None]:
    """Torch with one thread: what is promised bit for bit on a CPU is promised for one."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
