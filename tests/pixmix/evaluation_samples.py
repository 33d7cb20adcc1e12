"""Tiny networks and image sets in the official layouts, for the tests of evaluators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import reader_layouts as layouts
import torch
from PIL import Image
from scipy.io import savemat
from torch import Tensor, nn

import pixmix

R_WNIDS = ("n01443537", "n01514859", "n02099601")
"""Three of ImageNet-R's classes, with places of their own among ImageNet's 1,000: 1, 8 and 207."""


class Counting(nn.Module):
    """A body in float64, so that a batch's size does not change its logits; `seen` counts the images."""

    def __init__(self, classes: int = 10, side: int = 32, *, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            pool, features = side // 8, 5 * 7 * 7
            self.body = nn.Sequential(
                nn.AvgPool2d(pool), nn.Conv2d(3, 5, 2), nn.Tanh(), nn.Flatten(), nn.Linear(features, classes)
            ).double()
            with torch.no_grad():  # of many classes the sets show but ten
                self.body[-1].bias[:10] += 1
        self.seen = 0
        self.stop_at: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        if self.stop_at is not None and self.seen > self.stop_at:
            raise KeyboardInterrupt
        return 12 * self.body(x.double())


def network(classes: int = 10, side: int = 32, *, seed: int = 0) -> pixmix.Normalized:
    return pixmix.Normalized(Counting(classes, side, seed=seed), [0.5] * 3, [0.5] * 3)


def logits(net: nn.Module, images: np.ndarray) -> np.ndarray:
    """(N, classes) of (N, H, W, 3) uint8, in one pass."""
    with torch.no_grad():
        return net(torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 255).float().numpy()


def test_images(count: int = 57, side: int = 32, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    labels = np.random.default_rng(5).integers(0, classes, count)
    return layouts.bytes_of(count, side, side, 3, seed=77), labels


def imagenet_r(root: Path, per_class: int = 3) -> Path:
    """ImageNet-R: WNID/STYLE_N.jpg, of any size."""
    for label, wnid in enumerate(R_WNIDS):
        for number in range(per_class):
            coarse = layouts.bytes_of(6, 8, 3, seed=10 * label + number)
            image = np.asarray(Image.fromarray(coarse).resize((64 + 8 * number, 48), Image.Resampling.BICUBIC))
            layouts.jpeg(root / wnid / f"art_{number}.jpg", image)
    return root


def outlier_sets(root: Path, *, without: tuple[str, ...] = ()) -> Path:
    """The three photographed sets in three forms, and two that are not in the mean, one of them of another size."""
    (root / "dtd" / "banded").mkdir(parents=True)
    for number, image in enumerate(layouts.bytes_of(20, 32, 32, 3, seed=1)):
        Image.fromarray(image).save(root / "dtd" / "banded" / f"{number:02}.png")
    (root / "svhn").mkdir()
    savemat(root / "svhn" / "test_32x32.mat", {"X": layouts.bytes_of(32, 32, 3, 14, seed=2), "y": np.ones((14, 1))})
    np.save(root / "places69.npy", layouts.bytes_of(9, 32, 32, 3, seed=3))
    np.save(root / "lsun.npy", layouts.bytes_of(13, 48, 40, 3, seed=4))
    np.save(root / "noise.npy", layouts.bytes_of(30, 32, 32, 3, seed=6))
    for name in without:
        (root / name).unlink()
    return root
