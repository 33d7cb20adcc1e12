"""VisualAtom: orbits as published, and as regions that fill the frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mixset.generate import VisualAtomRecipe
from mixset.generate._drawing.rng import Draws, image_seed
from mixset.generate._procedural import orbits, shells, visualatom
from mixset.generate._procedural.noise import shared_noise
from mixset.generate._procedural.orbits import Atom

STILL = Atom(np.array([0.5, 0.5]), np.array([0.1, 0.2]), 12, 360, 0.01, 0.0, np.array([3.0, 5.0]), 1.5)
"""Without noise."""


def test_orbits_without_noise_are_the_published_formula() -> None:
    points = orbits.orbits(STILL, np.uint64(1))
    t = 2 * np.pi * np.arange(360) / 360
    outwards = 0.01 * (0.5 * np.sin(3 * t) + 0.5 * np.sin(5 * t) + 1.5)
    for k in (0, 1, 11):
        np.testing.assert_allclose(points[k, :, 0], 0.5 + (0.1 + k * outwards) * np.cos(t), atol=1e-6)
        np.testing.assert_allclose(points[k, :, 1], 0.5 + (0.2 + k * outwards) * np.sin(t), atol=1e-6)


def test_noise_is_new_for_each_vertex_coordinate_and_orbit() -> None:
    noisy = STILL._replace(noise=2.0)
    moves = np.diff(orbits.orbits(noisy, np.uint64(1)), axis=0)
    t = 2 * np.pi * np.arange(360) / 360
    steady = 0.5 * np.sin(3 * t) + 0.5 * np.sin(5 * t) + 1.5
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 1 - (moves[..., 0] / (0.01 * np.cos(t)) - steady) / 2
        q = 1 - (moves[..., 1] / (0.01 * np.sin(t)) - steady) / 2
    kept = (abs(np.cos(t)) > 0.1) & (abs(np.sin(t)) > 0.1)
    p, q = p[:, kept], q[:, kept]
    assert abs(p).max() <= 1 and p.std() > 0.1 and abs(p.mean()) < 0.02
    for one, other in ((p[:, 1:], p[:, :-1]), (p[1:], p[:-1]), (p, q)):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.06


def test_lines_are_closed_and_one_pixel_wide() -> None:
    square = np.array([[[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]])
    plane = np.zeros((64, 64), np.float32)
    orbits.stroke(square, np.array([200.0], np.float32), plane)
    assert plane[:, 32].sum() == pytest.approx(400, rel=1e-3) and plane[32].sum() == pytest.approx(400, rel=1e-3)
    assert plane[:14].max() == 0 and plane[20:44, 20:44].max() == 0
    outside = np.zeros((64, 64), np.float32)
    orbits.stroke(square + 3.0, np.array([200.0], np.float32), outside)
    assert not outside.any()


def test_density_weighs_the_same_at_every_size() -> None:
    points = orbits.orbits(STILL, np.uint64(1))
    means = []
    for side in (128, 256, 512):
        level, tint = np.full((2, side, side), np.nan, np.float32)
        orbits.spray(points, level, tint, 1e-3)
        assert tint.min() >= 0 and tint.max() <= 1 and level.max() < 1
        means.append(level.mean())
    assert max(means) < 1.03 * min(means)


def test_shells_are_the_orbits_inverse() -> None:
    """A vertex of the drawn orbit k lies on orbit k of the analytic field."""
    c, first, second, dense = 1.5, 0.5, 0.5, 9.0
    numbers = np.zeros((2, shells.NUMBERS), np.float32)
    numbers[:] = [0, 0, 1, 0, 1, dense, c, first, second, 3, 5, 0, 0, 0, 0.25, 0]
    atom = Atom(np.zeros(2), np.full(2, 1e-9), 6, 200, 1 / dense, 0.0, np.array([3.0, 5.0]), c)
    points = orbits.orbits(atom, np.uint64(0))
    for k in (1, 3, 5):
        for x, y in points[k, ::17]:
            found, fine = np.empty(1, np.float32), np.empty(1, np.float32)
            row = np.array([x], np.float32)
            shells._orbit(numbers[0], np.float32(y), row, found, fine, shared_noise())
            assert found[0] == pytest.approx(k, abs=0.03)


def test_shells_fill_the_frame_within_bounds() -> None:
    for seed in range(30):
        out = np.full((4, 64, 64), np.nan, np.float32)
        shells.lay_shells(visualatom._shells(Draws(seed, 0)), shared_noise(), out)
        assert out.min() >= -1e-5 and out.max() <= 1 + 1e-5
        assert all(field.std() > 0.02 for field in out)


def test_shells_do_not_fold() -> None:
    """c stays above the sum of the waves' heights, so that the inverse never divides by nothing."""
    for seed in range(200):
        for n in visualatom._shells(Draws(seed, 0)).numbers:
            assert n[6] - n[7] - n[8] > 0.3


@pytest.mark.parametrize("size", [64, 300])
def test_images_are_the_same_at_every_size(size: int) -> None:
    recipe, alike = VisualAtomRecipe(count=16, size=256), []
    for index in range(16):
        image, seed, params = visualatom.FORMULA.render(recipe, index)
        other = visualatom.draw("filled", (size, size), seed, params["attempt"])[0]
        small = [
            np.asarray(Image.fromarray(one).resize((32, 32), Image.Resampling.BOX)).ravel() for one in (image, other)
        ]
        alike.append(np.corrcoef(*small)[0, 1])
    assert np.median(alike) > 0.98 and np.sort(alike)[1] > 0.97 and min(alike) > 0.9, np.sort(alike)[:4]


def test_classic_images_are_grey_on_black() -> None:
    shares = []
    for index in range(30):
        image, summary = visualatom.draw("classic", (96, 96), image_seed(0, index), 0)
        assert (image == image[..., :1]).all()
        assert 200 <= summary["vertices"] <= 1000 and 1 <= summary["orbits"] <= 200
        assert len(set(summary["waves"])) == 2 and max(summary["waves"]) <= 20
        shares.append((image == 0).mean())
    assert 0.2 < np.mean(shares) < 0.9
