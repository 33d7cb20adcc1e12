"""Moiré: beats that last when their gratings are too fine to be seen, and rings as published."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mixset._store import statistics
from mixset.generate import MoireRecipe
from mixset.generate._drawing.rng import Draws, image_seed
from mixset.generate._procedural import gratings, moire
from mixset.generate._procedural.gratings import KINDS, Gratings


def rows(kind: str, n: list[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Places u, v, and the phases and frequencies of a grating there."""
    u, v = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 300)).astype(np.float32)
    out, fine = np.empty(300, np.float32), np.empty(300, np.float32)
    gratings._phases(KINDS.index(kind), np.array(n, np.float32), u, v, out, fine)
    return u, v, out, fine


@pytest.mark.parametrize("kind", KINDS)
def test_frequencies_are_those_of_finite_differences(kind: str) -> None:
    for seed in range(6):
        n = np.array(moire._group(Draws(seed, 0), kind)[0], np.float32)
        u, v, here, fine = rows(kind, n.tolist())
        step, slopes = np.float32(1e-3), []
        for east, south in ((step, 0), (0, step)):
            there, unused = np.empty_like(here), np.empty_like(here)
            gratings._phases(KINDS.index(kind), n, u + np.float32(east), v + np.float32(south), there, unused)
            leap = there - here
            slopes.append((leap - np.round(leap)) / step)
        found = np.hypot(*slopes)
        ratio = np.median(found / np.abs(fine))
        # A bound, or near to it: what is squeezed or waved is finer in places than in others.
        assert 0.3 < ratio < 1.1, (seed, ratio)


def flat_pair(frequency: float, beat: float, carrier: float) -> Gratings:
    """Upright lines and others a beat finer, without a bend."""
    n = [1.0, 0, 0, 0, frequency, 1, 0, 0, 0, 0]
    other = [*n[:4], frequency + beat, *n[5:]]
    numbers = np.array([[n, other, other]], np.float32)
    one = np.ones(1, np.float32)
    return Gratings(np.zeros(1, np.int64), numbers, 0.5 * one, carrier * one, 0 * one, np.zeros(6, np.float32))


def test_a_pattern_is_the_product_of_its_gratings() -> None:
    out = np.empty((4, 128, 128), np.float32)
    gratings.lay(flat_pair(10.0, 3.0, 1.0), 0, np.ones((2, 1), np.float32), out)
    x = (np.arange(128) + 0.5) / 128 - 0.5
    product = np.sin(2 * np.pi * 10 * x) * np.sin(2 * np.pi * 13 * x)
    np.testing.assert_allclose(out[1], np.broadcast_to(0.5 + 0.5 * product, (128, 128)), atol=2e-4)
    np.testing.assert_allclose(out[3, 5], 0.5 + 0.5 * np.cos(2 * np.pi * 3 * x), atol=2e-4)


def test_of_gratings_too_fine_to_show_the_beat_is_left() -> None:
    out = np.empty((4, 64, 64), np.float32)
    gratings.lay(flat_pair(40.0, 3.0, 1.0), 0, np.ones((2, 1), np.float32), out)
    x = (np.arange(64) + 0.5) / 64 - 0.5
    np.testing.assert_allclose(out[1, 0], 0.5 + 0.25 * np.cos(2 * np.pi * 3 * x), atol=2e-4)


def test_fields_are_within_bounds() -> None:
    for seed in range(30):
        draws = Draws(seed, 0)
        found, _ = moire._gratings(draws, 1 + seed % 3)
        out = np.full((4, 40, 40), np.nan, np.float32)
        gratings.lay(found, seed % 3, np.full((2, 1 + seed % 3), 0.5, np.float32), out)
        assert out.min() >= -1e-5 and out.max() <= 1 + 1e-5


def test_images_are_strong_at_training_size_where_the_published_ones_are_not() -> None:
    ours, theirs = (
        np.median(
            [
                statistics.contrast(moire.FORMULA.render(MoireRecipe(count=40, size=256, style=style), i)[0])
                for i in range(40)
            ]
        )
        for style in ("sized", "classic")
    )
    assert ours >= 50 and theirs < 15


@pytest.mark.parametrize("size", [64, 300])
def test_images_are_the_same_at_every_size(size: int) -> None:
    alike = []
    for index in range(16):
        images = [moire.draw("sized", (side, side), image_seed(0, index), 0)[0] for side in (size, 256)]
        small = [np.asarray(Image.fromarray(one).resize((32, 32), Image.Resampling.BOX)).ravel() for one in images]
        alike.append(np.corrcoef(*small)[0, 1])
    assert min(alike) > 0.97, np.sort(alike)[:4]


def test_classic_images_are_grey_rings_that_reach_black_and_white() -> None:
    counts = set()
    for seed in range(40):
        image, summary = moire.draw("classic", (48, 64), seed, 0)
        assert (image == image[..., :1]).all()
        square = moire.draw("classic", (64, 64), seed, 0)[0]
        np.testing.assert_array_equal(square[8:56], image)
        assert square.min() == 0 and square.max() == 255
        frequencies = summary["frequencies"]
        assert len(set(frequencies)) == len(frequencies) and all(1 <= f <= 100 for f in frequencies)
        counts.add(len(frequencies))
    assert counts == {1, 2, 3}
