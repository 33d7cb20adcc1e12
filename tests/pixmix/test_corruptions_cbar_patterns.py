"""What is characteristic of C-bar's patterns: spectra, tables, cells, stars, squares, lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from pixmix.corruptions._cbar import caustics, noise, perlin
from pixmix.corruptions._cbar.suite import CBAR
from pixmix.corruptions._shared.base import Stream

GREY = np.full((224, 224, 3), 100, np.uint8)


def stream_of(index: int = 0) -> Stream:
    return Stream(0, index, corruption=63, severity=1)


def corrupt(name: str, image: np.ndarray, severity: int, index: int = 0) -> np.ndarray:
    return CBAR[name](image, severity=severity, seed=0, index=index)


def radial_power(noise: np.ndarray) -> np.ndarray:
    """Mean squared amplitude of the transform at each whole distance from the lowest frequency: (S/2,)."""
    side = noise.shape[0]
    power = np.abs(np.fft.fftshift(np.fft.fft2(noise))) ** 2
    y, x = np.mgrid[:side, :side] - side / 2
    radius = np.rint(np.hypot(y, x)).astype(int)
    return np.bincount(radius.ravel(), power.ravel())[: side // 2] / np.bincount(radius.ravel())[: side // 2]


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (noise.draw_blue_noise, lambda r: r**2),
        (noise.draw_brownish_noise, lambda r: 1 / (r**2 + 1) ** 2),
    ],
)
def test_power_of_the_noise_goes_with_the_frequency(draw: Callable[..., Any], expected: Callable[..., Any]) -> None:
    size = (128, 128)
    amplitude = np.sqrt(expected(noise._frequencies(size)))
    powers = [
        radial_power(noise.noise_of(draw(stream_of(n), size, 1.0)["phases"], amplitude, 128)[0]) for n in range(20)
    ]
    radius = np.arange(3, 60)
    ratio = np.mean(powers, axis=0)[radius] / expected(radius.astype(float))
    slope = np.polyfit(np.log(radius), np.log(ratio), 1)[0]
    assert abs(slope) < 0.05
    np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=0.25)


def test_the_spectrum_is_not_hermitian() -> None:
    """The originals turn the phases round but keep their sign, so the real part halves what a Hermitian one has."""
    phases = noise.draw_blue_noise(stream_of(), (32, 32), 1.0)["phases"]
    power = noise._frequencies((32, 32))
    left = phases[0, :, :16]
    whole = np.concatenate([left, left[::-1, ::-1]], axis=1)
    spectrum = np.roll(power * np.exp(1j * whole), (16, 16), (0, 1))
    complex_noise = np.fft.ifft2(spectrum)
    assert complex_noise.imag.std() > 0.5 * complex_noise.real.std()
    expected = complex_noise.real / complex_noise.real.std()
    np.testing.assert_allclose(noise.noise_of(phases, power, 32)[0], expected, atol=1e-12)


def test_blue_noise_drops_as_many_pixels_as_a_normal_number_is_below_the_threshold() -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    for severity, raw in enumerate((0.7, 1.4, 2.1, 3.5, 4.2), start=1):
        dropped = np.mean([(corrupt("blue_noise_sample", white, severity, n) == 0).mean() for n in range(30)])
        assert dropped == pytest.approx(norm.cdf(0.3 * raw - 2.5), rel=0.15)


def test_dropped_pixels_keep_their_distance() -> None:
    """Blue noise has few low frequencies: among four neighbours of a dropped pixel fewer are dropped than elsewhere."""
    white = np.full((64, 64, 3), 255, np.uint8)
    beside, all_over = 0, 0
    for n in range(20):
        dropped = corrupt("blue_noise_sample", white, 5, n)[..., 0] == 0
        beside += (dropped[1:] & dropped[:-1]).mean() + (dropped[:, 1:] & dropped[:, :-1]).mean()
        all_over += 2 * dropped.mean() ** 2
    assert beside < 0.75 * all_over


def test_brownish_noise_has_the_deviation_of_its_severity() -> None:
    made = [corrupt("brownish_noise", GREY[:48, :48] + 28, 1, n).astype(float) for n in range(20)]
    spread = np.mean([(image - 128).std((0, 1)) for image in made])
    assert spread == pytest.approx(16, rel=0.05)


def test_perlin_tables_are_unit_gradients_and_a_permutation() -> None:
    for index in range(20):
        fields = perlin.draw_perlin_noise(stream_of(index), (32, 32), 5.0)
        assert sorted(fields["permutation"].tolist()) == list(range(256))
        np.testing.assert_allclose(np.hypot(*fields["gradients"].T), 1, atol=1e-12)


def test_a_perlin_gradient_of_zero_stays_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    def integers(self: Stream, low: int, high: int, *shape: int) -> np.ndarray:
        return np.full(shape, high // 2 if len(shape) == 2 else 0)

    monkeypatch.setattr(Stream, "integers", integers)
    assert (perlin.draw_perlin_noise(stream_of(), (32, 32), 5.0)["gradients"] == 0).all()


def test_the_shuffle_exchanges_from_the_last_index_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def integers(self: Stream, low: int, high: int, *shape: int) -> np.ndarray:
        return np.ones(shape, int) if len(shape) == 2 else np.arange(256)[::-1] // 2

    monkeypatch.setattr(Stream, "integers", integers)
    expected = np.arange(256)
    for index in range(255, -1, -1):
        expected[[index, index // 2]] = expected[[index // 2, index]]
    made = perlin.draw_perlin_noise(stream_of(), (32, 32), 5.0)["permutation"]
    np.testing.assert_array_equal(made, expected)


def test_perlin_noise_is_nothing_at_the_corners_of_its_cells() -> None:
    """Turbulence is 0 there in the coarsest octave and, as all octaves' cells end there, in each: grey of 0.5."""
    made = corrupt("perlin_noise", np.zeros((224, 224, 3), np.uint8), 5)
    assert (made[::32, ::32] == int(255 * 0.44 * 0.5)).all()
    assert (made >= int(255 * 0.44 * 0.5)).all()


@pytest.mark.parametrize(("side", "cells"), [(32, 3), (64, 3), (65, 5), (224, 5)])
def test_pinch_and_twirl_moves_nothing_outside_its_circles(
    photographs: Callable[..., np.ndarray], side: int, cells: int
) -> None:
    image = photographs(1, side, side, seed=4)[0]
    made = corrupt("pinch_and_twirl", image, 5)
    cell = side // cells
    y, x = np.mgrid[:side, :side]
    inside = np.hypot(y % cell - cell / 2, x % cell - cell / 2) <= cell / 2
    inside &= (y < cells * cell) & (x < cells * cell)
    np.testing.assert_array_equal(made[~inside], image[~inside])
    for j in range(cells):
        for i in range(cells):
            here = inside & (y // cell == j) & (x // cell == i)
            assert (made[here] != image[here]).mean() > 0.2


def test_sparkles_are_white_in_their_middle_and_dim_outwards() -> None:
    fields = CBAR["sparkles"].draw(stream_of(2), (224, 224), 3.0)
    made = CBAR["sparkles"].apply(np.zeros((224, 224, 3), np.uint8), 3.0, fields).astype(float)[..., 0]
    y, x = np.mgrid[:224, :224]
    distance = np.min([np.hypot(y - row, x - column) for row, column in fields["centres"]], axis=0)
    rings = [made[(distance >= near) & (distance < near + 4)].mean() for near in (0, 8, 16, 32)]
    assert rings[0] > 250
    assert rings == sorted(rings, reverse=True)


def test_inverse_sparkles_show_the_image_in_the_middle_and_white_far_off() -> None:
    fields = CBAR["inverse_sparkles"].draw(stream_of(), (224, 224), 10.0)
    made = CBAR["inverse_sparkles"].apply(GREY, 10.0, fields).astype(float)[..., 0]
    y, x = np.mgrid[:224, :224]
    distance = np.hypot(y - fields["centre"][0], x - fields["centre"][1])
    assert made[distance < 15].mean() < 105
    assert made[distance > 120].mean() > 200


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_checkerboard_hides_its_share_of_every_other_square(severity: int) -> None:
    made = [corrupt("checkerboard_cutout", GREY, severity, n) for n in range(60)]
    assert set(np.unique(made)) <= {100, 128}
    hidden = np.mean([image[..., 0] == 128 for image in made])
    assert hidden == pytest.approx((severity + 1) / 10 / 2, rel=0.2)


@pytest.mark.parametrize(("severity", "count"), [(1, 1), (2, 3), (3, 4), (4, 6), (5, 8)])
def test_cifar_has_so_many_lines(severity: int, count: int) -> None:
    raw = CBAR["lines"].parameters(severity, (32, 32))
    assert CBAR["lines"].draw(stream_of(), (32, 32), raw)["points"].shape == (count, 2)


def test_a_very_small_image_may_have_no_line() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    assert not corrupt("lines", image, 1).any()


def test_a_turning_image_is_black_where_it_looks_outside() -> None:
    made = corrupt("circular_motion_blur", GREY, 5)
    assert made[0, 0, 0] < 60
    assert (made[60:160, 60:160] >= 99).all()


def test_a_rippled_image_is_black_where_it_looks_outside() -> None:
    black = []
    for n in range(20):
        fields = CBAR["ripple"].draw(stream_of(n), (224, 224), 8.0)
        made = CBAR["ripple"].apply(GREY, 8.0, fields)
        outside = 0.02 * 224 * np.sin(fields["phases"]) <= -1  # of the first row, of the first column
        assert [(made[0] == 0).all(), (made[:, 0] == 0).all()] == outside.tolist()
        assert (made[6:-6, 6:-6] >= 99).all()
        black += outside.tolist()
    assert 5 < sum(black) < 35


def test_chromatic_aberration_magnifies_two_channels_and_blurs_all() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[32, 16] = 255
    fields = {"scales": np.array([1.0, 1.25, 1.5])}
    made = CBAR["transverse_chromatic_abberation"].apply(image, 10.0, fields).astype(float)
    columns = (made * np.arange(64)[:, None]).sum((0, 1)) / made.sum((0, 1))
    np.testing.assert_allclose(columns - 31.5, (16 - 31.5) * fields["scales"], atol=0.7)
    assert made[32, 16, 0] == round(255 * (4 / 6) ** 2)  # scale 1, but smoothed by the spline


def test_one_frequency_bounds_the_other() -> None:
    """The two along x and y take turns at being the larger, which is uniform from −π to π."""
    pairs = np.array(
        [CBAR["single_frequency_greyscale"].draw(stream_of(n), (32, 32), 3.0)["frequencies"] for n in range(800)]
    )
    assert (np.abs(pairs) < math.pi).all()
    assert (np.abs(pairs[:, 0]) > np.abs(pairs[:, 1])).mean() == pytest.approx(0.5, abs=0.07)
    larger = pairs[np.arange(800), np.abs(pairs).argmax(1)]
    shares = np.histogram(larger, bins=4, range=(-math.pi, math.pi))[0] / 800
    np.testing.assert_allclose(shares, 0.25, atol=0.06)


def test_caustics_repeat_after_a_tile() -> None:
    light = np.empty((64, 64))
    caustics._caustics(1.3, 32.0, light)
    np.testing.assert_allclose(light[:32, :32], light[32:, 32:], atol=1e-9)
    assert light.min() >= 0
    assert light.max() <= 1
    assert light.std() > 0.05
