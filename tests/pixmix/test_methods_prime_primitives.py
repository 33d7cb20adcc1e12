"""PRIME's primitives and chains beside the original's numbers, and its fields folded to the grid."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from pixmix._common.philox import Key
from pixmix.methods import _prime_kernels as kernels, _prime_tensors as tensors
from pixmix.methods._base import as_float
from pixmix.methods._prime import mix_arrays
from pixmix.methods._prime_draws import FILTER, PrimeDraws, draw, field_temperatures, strengths
from pixmix.methods._prime_fields import amplitudes, fill_sum, sines
from pixmix.methods._settings import PrimeSettings

ORIGINAL = 4e-7
"""How far the original's float32 may be."""


def sample(side: int, *, second: bool = False) -> np.ndarray:
    """The images that the original was given: (3, H, W) float32."""
    y, x, c = np.mgrid[:side, :side, :3]
    first = 37 * y + 59 * x + 83 * c + 11 * x * y
    other = 200 + 101 * y + 29 * x + 53 * c + 17 * (y + 1) * (x + 2)
    return as_float(((other if second else first) % 256).astype(np.uint8)[None])[0]


NORMALS = np.array([[0.1, -0.2, 0.05], [0.3, 0.4, -0.1], [-0.25, 0.15, 0.2]], np.float32)
FILTERED = {
    "published": [
        [0.4608824, 0.8, 1.0, 0.1941177],
        [0.7042157, 1.0, 0.392549, 0.1538236],
        [0.9319608, 0.275, 0.7171569, 0.1439216],
        [0.0334314, 0.1937255, 0.0681373, 0.1480392],
    ],
    "centred": [
        [0.0412745, 0.3372549, 0.6517648, 0.8882353],
        [0.2414706, 0.5808824, 0.8474510, 1.0],
        [0.4260784, 0.7299020, 1.0, 0.3831373],
        [0.4687255, 0.9898039, 0.2210784, 0.6617647],
    ],
}


def filtered(image: np.ndarray, taps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of both forms."""
    made = np.empty_like(image)
    kernels.correlate(image, taps, made)
    return made, tensors.correlate(torch.from_numpy(image[None]), torch.from_numpy(taps[None]))[0].numpy()


def test_filters_are_the_originals() -> None:
    total = dict.fromkeys(FILTERED, 0.0)
    for (form, expected), second in itertools.product(FILTERED.items(), (False, True)):
        one = strengths(PrimeSettings(filter=form), (4, 4)).one
        taps = np.float32(0.5) * (NORMALS.T if second else NORMALS).copy()
        taps[one, one] += 1
        for made in filtered(sample(4, second=second), taps):
            total[form] += made.sum() / 2
            if not second:
                np.testing.assert_allclose(made[0], expected, atol=ORIGINAL, rtol=0)
    assert total == pytest.approx({"published": 38.977749, "centred": 59.214806}, abs=1e-4)


@pytest.mark.parametrize("form", ["published", "centred"])
def test_a_filter_without_strength_moves_the_image_by_a_pixel_as_published_and_not_when_centred(form: Any) -> None:
    draws = draw(PrimeSettings(filter=form, sigma=0), (4, 4), Key(0), np.arange(20))
    (taps,) = np.unique(draws.taps[draws.op == FILTER], axis=0)
    image = sample(4)
    moved = np.zeros_like(image)
    moved[:, :-1, :-1] = image[:, 1:, 1:]
    for made in filtered(image, taps):
        np.testing.assert_allclose(made, image if form == "centred" else moved, atol=1e-7)


COEFFICIENTS = np.array(
    [
        [[1, -0.5, 0.25], [0.5, 0.2, -1], [-0.3, 0.6, 0.9]],
        [[-1, 0.5, 0.1], [0.2, -0.2, 0.3], [0.8, 0.4, -0.6]],
    ],
    np.float32,
)
RECOLOURED = {
    1: (
        [
            [0, 0.3059517, 0.5912327, 0.9647567],
            [0.2030585, 0.5285503, 0.9647567, 1],
            [0.371248, 0.832845, 1, 0.314755],
            [0.550644, 1, 0.212990, 0.672571],
        ]
    ),
    2: (
        [
            [0, 0.3480303, 0.6030334, 0.480736],
            [0.205264, 0.5890335, 0.480736, 0.900319],
            [0.444306, 0.535102, 0.770649, 0.361236],
            [0.596358, 0.510503, 0.217725, 0.595663],
        ]
    ),
}
"""Red of the first image, by the lowest frequency."""


def recoloured(image: np.ndarray, waves: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    made = np.empty_like(image)
    for c in range(3):
        kernels.add_waves(image[c].reshape(-1), waves[c], first, made[c].reshape(-1))
    given = torch.from_numpy(image[None]), torch.from_numpy(waves[None]), torch.tensor([float(first)])
    return made, tensors.add_waves(*given, np.array([waves.shape[1]]))[0].numpy()


@pytest.mark.parametrize("first", RECOLOURED)
def test_colour_curves_are_the_originals(first: int) -> None:
    total = 0.0
    for second in (False, True):
        waves = np.float32(np.sqrt(0.04)) * COEFFICIENTS[int(second), :, : 4 - first].copy()
        for made in recoloured(sample(4, second=second), waves, first):
            total += made.sum() / 2
            if not second:
                np.testing.assert_allclose(made[0], RECOLOURED[first], atol=1e-6, rtol=0)
    if first == 1:
        assert total == pytest.approx(50.266212, abs=1e-4)


@pytest.mark.parametrize(("first", "count", "within"), [(1, 100, 2e-5), (1, 1, 2e-7), (480, 20, 2e-4)])
def test_a_recurrence_gives_the_sum_of_sines(first: int, count: int, within: float) -> None:
    """At the highest frequencies float32 cannot hold the angle any better."""
    values = np.linspace(0, 1, 3 * 40 * 30).astype(np.float32).reshape(3, 40, 30)
    waves = 0.02 * np.random.default_rng(first).normal(size=(3, count))
    angles = np.pi * np.arange(first, first + count)[:, None, None, None] * values.astype(float)
    expected = np.clip(values + (waves.T[:, :, None, None] * np.sin(angles)).sum(axis=0), 0, 1)
    for made in recoloured(values, waves.astype(np.float32), first):
        np.testing.assert_allclose(made, expected, atol=within, rtol=0)


def test_displacements_are_the_originals() -> None:
    """Its first axis of coefficients goes with x."""
    along_x = np.array([[0.5, -1, 0.3], [0.2, 0.7, -0.4], [-0.6, 0.1, 0.9]])
    deviations, table = amplitudes(3, 6, 6), sines(6)
    expected = [[0.7071068, 0.4472136, 0.3162278], [0.4472136, 0.3535534, 0], [0.3162278, 0, 0]]
    np.testing.assert_allclose(deviations, expected, atol=1e-7)
    moves = np.empty((2, 6, 6), np.float32)
    for axis, normals in enumerate((along_x.T, -0.5 * along_x)):
        fill_sum((normals * deviations).astype(np.float32), table, table, np.float32(1), moves[axis])
    np.testing.assert_allclose(moves[0, 1], [0, 0.09297112, 0.1137467, -0.224756, -0.454738, 0], atol=1e-6)
    np.testing.assert_allclose(moves[0, 3], [0, 0.090308, 0.58732, 0.65833, 0.205204, 0], atol=1e-6)
    assert moves[0].sum() == pytest.approx(3.136773, abs=1e-5)
    moves *= np.float32(np.sqrt(0.01) * 6)
    image, made = sample(6), np.empty((3, 6, 6), np.float32)
    kernels.displace(image, moves, made)
    other = tensors.displace(torch.from_numpy(image[None]), torch.from_numpy(moves[None]))[0].numpy()
    for form in (made, other):
        np.testing.assert_allclose(form[0, 1], [0.145098, 0.409478, 0.679357, 0.854327, 0.328469, 0.513726], atol=2e-6)
        np.testing.assert_allclose(form[0, 2], [0.290196, 0.603163, 0.827925, 0.290058, 0.648435, 0.87451], atol=2e-6)
        np.testing.assert_allclose(form[0, 4], [0.580392, 0.923943, 0.592394, 0.56523, 0.36688, 0.592157], atol=2e-6)
        assert form.sum() == pytest.approx(54.316948, abs=1e-4)


@pytest.mark.parametrize(
    ("side", "cut", "least", "most"),
    [
        (32, 2, 4.48460706e-4, 0.0465290487),
        (32, 10, 1.35000216e-4, 5.60266401e-4),
        (32, 21, 1.021012e-4, 1.021012e-4),  # where the originals cross, and the lower counts
        (32, 100, 6.75001e-5, 6.75001e-5),
        (224, 2, 9.15225931e-6, 0.0465290487),
        (224, 500, 1.02080e-6, 1.02080e-6),
    ],
)
def test_temperatures_of_displacements_are_the_originals(side: int, cut: int, least: float, most: float) -> None:
    assert field_temperatures(cut, side) == pytest.approx((least, most), rel=1e-6)


@pytest.mark.parametrize(("cut", "size"), [(5, (9, 9)), (30, (9, 9)), (17, (6, 11)), (40, (4, 3)), (3, (2, 1))])
def test_folded_coefficients_have_the_variance_of_all_that_look_alike(cut: int, size: tuple[int, int]) -> None:
    """Each frequency's sines on the pixels are one row of the table, or its negative, or 0: found by comparing them."""

    def rows(side: int) -> dict[int, int]:
        grid, found = np.arange(side) / max(side - 1, 1), {}
        for k in range(1, cut + 1):
            wave = np.sin(np.pi * k * grid)
            for row, known in enumerate(sines(side)):
                if min(abs(wave - known).max(), abs(wave + known).max()) < 1e-5:
                    found[k] = row
            assert k in found or abs(wave).max() < 1e-5
        return found

    by_row, by_column = rows(size[0]), rows(size[1])
    variance = np.zeros((max(size[0] - 2, 0), max(size[1] - 2, 0)))
    for i, j in itertools.product(by_row, by_column):
        if np.hypot(i, j) < cut + 0.5:
            variance[by_row[i], by_column[j]] += 1 / (i * i + j * j)
    made = amplitudes(cut, *size)
    shape = tuple(min(cut, side) for side in variance.shape)
    np.testing.assert_allclose(made, np.sqrt(variance[: shape[0], : shape[1]]), rtol=1e-5)
    assert made.shape == shape
    assert not variance[shape[0] :].any() and not variance[:, shape[1] :].any()
    other = tensors.amplitudes(torch.tensor([cut, 2]), max(cut, 2), size)
    np.testing.assert_allclose(other[0, : shape[0], : shape[1]], made, rtol=1e-5)


def plain_draws(op: np.ndarray, taps: np.ndarray, share: np.ndarray, weights: np.ndarray) -> PrimeDraws:
    """Of primitives that draw nothing."""
    zeros = np.zeros(op.shape, np.int32)
    numbers = {"seed": np.uint64(0), "epoch": np.uint64(0), "indices": np.arange(len(op))}
    other = {"temperature": zeros.astype(np.float32), "first": zeros, "number": zeros}
    field = np.zeros((*op.shape[:2], 2), np.int64)
    return PrimeDraws(**numbers, share=share, weights=weights, op=op, taps=taps, **other, field=field)


def test_chains_are_weighed_as_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the primitives that the original was tried with, x / 2 and 1 − x; of the kernel, halves alone."""
    share, weights = np.array([0.4, 0.7], np.float32), np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]], np.float32)
    depth = np.array([[1, 3, 2], [2, 1, 3]])
    ops = np.array([[[0, 1, 0], [0, 0, 1], [0, 1, 0]], [[1, 1, 0], [1, 0, 1], [1, 0, 1]]])
    op = np.where(np.arange(3) < depth[..., None], ops, -1).astype(np.int8)
    halves = np.zeros((2, 3, 3, 3, 3), np.float32)
    halves[..., 1, 1] = 0.5
    draws, images = plain_draws(op, halves, share, weights), np.stack([sample(4), sample(4, second=True)])
    monkeypatch.setattr(tensors, "_PRIMITIVES", {0: lambda x, *_: x / 2, 1: lambda x, *_: 1 - x})
    made = tensors.mix_tensors(torch.from_numpy(images), draws)
    expected = [
        [0.2, 0.3457647, 0.4915294, 0.6372942],
        [0.2914118, 0.464353, 0.6372942, 0.8102353],
        [0.3828235, 0.5829412, 0.7830588, 0.3507059],
        [0.4742353, 0.7015294, 0.2963529, 0.5236471],
    ]
    np.testing.assert_allclose(made[0, 0], expected, atol=ORIGINAL)
    assert made.sum().item() == pytest.approx(50.794434, abs=1e-4)
    alike = draws._replace(op=np.minimum(op, 0))
    factors = (1 - share) + share * (weights * 0.5**depth).sum(axis=1)
    np.testing.assert_allclose(mix_arrays(images, alike), factors[:, None, None, None] * images, atol=1e-6)
