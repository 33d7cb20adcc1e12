"""What smaller images cost: the comparison, and which samples are compared."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import stored_accuracy
from PIL import Image


def test_the_error_of_one_crop_an_image_is_mcnemars() -> None:
    """√(b + c − (b − c)²/n) / n for b images that only the originals and c that only the smaller ones have right."""
    labels = np.zeros(100, np.int64)
    original, smaller = np.zeros((1, 100), np.int64), np.zeros((1, 100), np.int64)
    original[0, 90:] = 1  # wrong
    smaller[0, 80:94] = 2  # ten of them wrong on the smaller images alone, four with another wrong class
    found = stored_accuracy.compare(smaller, original, labels)
    assert (found.top1, found.agreement) == pytest.approx((0.86, 0.80))
    b, c, n = 10, 6, 100
    assert (found.difference, found.error) == pytest.approx(((c - b) / n, math.sqrt(b + c - (b - c) ** 2 / n) / n))


def test_crops_of_one_image_do_not_count_as_images() -> None:
    labels, chance = np.zeros(50, np.int64), np.random.default_rng(0)
    original, smaller = chance.integers(0, 2, (2, 1, 50))
    once = stored_accuracy.compare(smaller, original, labels)
    thrice = stored_accuracy.compare(smaller.repeat(3, axis=0), original.repeat(3, axis=0), labels)
    assert thrice == pytest.approx(once) and once.error > 0


def test_samples_of_another_side_are_left_out(tmp_path: Path) -> None:
    for number, size in enumerate([(256, 300), (255, 300), (400, 256), (256, 256)]):
        folder = tmp_path / "samples" / f"n{number:08d}"
        folder.mkdir(parents=True)
        Image.new("RGB", size).save(folder / "a.png")
    assert stored_accuracy.choose(tmp_path / "samples", tmp_path / "data", None) == 3
    assert sorted(path.name for path in (tmp_path / "data" / "val").iterdir()) == [
        "n00000000",
        "n00000002",
        "n00000003",
    ]
    assert (tmp_path / "data" / "train" / "n00000002" / "a.png").is_file()
    assert stored_accuracy.choose(tmp_path / "samples", tmp_path / "two", 2) == 2
