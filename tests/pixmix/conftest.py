"""Fixtures of the tests of PixMix."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pixmix_samples
import pytest
import reader_layouts as layouts
import torch
from dataset_samples import Photographs, epochs
from PIL import Image
from pixmix_samples import ArrayPool
from torch_threads import one_thread as one_thread

from mixset._common import warned
from pixmix._augment.dataset import PixMixDataset
from pixmix.methods import Method, make_method


@pytest.fixture(scope="session", name="photographs")
def _photographs() -> Callable[..., Any]:
    return pixmix_samples.photographs


@pytest.fixture(scope="session", name="array_pool")
def _array_pool() -> Callable[..., Any]:
    return pixmix_samples.array_pool


@pytest.fixture
def folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photographs: Callable[..., np.ndarray]
) -> tuple[Path, Path]:
    """Two image folders of 4 and 2 images, and a cache of the test's own."""
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    for name, count, seed in (("one", 4, 1), ("two", 2, 2)):
        (tmp_path / name).mkdir()
        for n, image in enumerate(photographs(count, 48, 60, seed=seed)):
            Image.fromarray(image).save(tmp_path / name / f"{n}.png")
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture(scope="module")
def dataset(photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]) -> PixMixDataset:
    return PixMixDataset(Photographs(photographs(37, 32, 32)), array_pool(), seed=4)


@pytest.fixture(scope="module")
def expected(dataset: PixMixDataset) -> tuple[torch.Tensor, torch.Tensor]:
    return epochs(dataset, workers=0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with five images larger than 80 px."""
    root = tmp_path_factory.mktemp("files")
    for number, (index, shape) in enumerate(
        {
            "ant/one.png": (90, 130),
            "ant/two.png": (120, 100),
            "bee/deep/three.png": (200, 210),
            "bee/four.png": (92, 92),
            "bee/four.bmp": (100, 100),
        }.items()
    ):
        path = root / index
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixmix_samples.photographs(1, *shape, seed=number)[0]).save(path)
    return root


@pytest.fixture(scope="module")
def cifar_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layouts.cifar_c(tmp_path_factory.mktemp("sets") / "CIFAR-10-C")


@pytest.fixture(scope="module")
def imagenet_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layouts.imagenet_c(tmp_path_factory.mktemp("sets") / "imagenet-c")


@pytest.fixture
def broken(cifar_c: Path, tmp_path: Path) -> Path:
    return shutil.copytree(cifar_c, tmp_path / "CIFAR-10-C")


@pytest.fixture
def broken_folders(imagenet_c: Path, tmp_path: Path) -> Path:
    return shutil.copytree(imagenet_c, tmp_path / "imagenet-c")


@pytest.fixture
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has been said once is said again."""
    monkeypatch.setattr(warned, "_printed", set())


@pytest.fixture
def make(array_pool: Callable[..., ArrayPool]) -> Callable[..., Any]:
    """Makes the method of a name for 10 classes and images of 16 px, with a pool and outliers."""

    def made(name: str, **options: Any) -> Method:
        size = (16, 16)
        given = {"pool": array_pool(size), "outliers": np.zeros((5, *size, 3), np.uint8), **options}
        return make_method(
            name, classes=10, size=size, mean=(0.25, 0.5, 0.75), std=(0.5,) * 3, engine="pillow", **given
        )

    return made
