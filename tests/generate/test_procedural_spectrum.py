"""Spectra: the transform is the transform, magnitudes are the drawn ones, channels as correlated as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mixset.generate._drawing.rng import Draws
from mixset.generate._procedural import fourier, spectrum


@pytest.mark.parametrize("side", [32, 64, 256, 1024])
def test_the_transform_is_numpys(side: int) -> None:
    rng = np.random.default_rng(side)
    real, imaginary = rng.normal(size=(2, side, side)).astype(np.float32)
    expected = np.fft.ifft2((real + 1j * imaginary).astype(np.complex128)).T * side**2
    fourier.inverse(real, imaginary)
    assert np.abs(real + 1j * imaginary - expected).max() < 1e-6 * side * side**0.5


def magnitudes(side: int, a: float, b: float, turn: float) -> np.ndarray:
    """1 / (|u|^a + |v|^b) on NumPy's grid of frequencies, transposed as the fields are; 0 where none are drawn."""
    f = np.fft.fftfreq(side, 1 / side)
    v, u = np.meshgrid(f, f)
    c, s = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
    with np.errstate(divide="ignore"):
        out = 1 / (np.abs(c * u + s * v) ** a + np.abs(c * v - s * u) ** b)
    out[(u == -side // 2) | (v == -side // 2) | ((u == 0) & (v == 0))] = 0
    return out


@given(st.floats(0.5, 2.5), st.floats(0.5, 2.5), st.floats(0, 1), st.integers(1, 4), st.integers(0, 2**64 - 1))
@settings(max_examples=40, deadline=None)
def test_every_magnitude_is_the_drawn_one(a: float, b: float, turn: float, count: int, seed: int) -> None:
    """Random phases, exact magnitudes: at each frequency, in each of the fields."""
    fields = spectrum.synthesise(64, 32, a, b, turn, count, np.uint64(seed))
    expected = magnitudes(64, a, b, turn)
    expected *= 64**2 / np.sqrt((expected**2).sum())
    assert fields.shape == (count, 64, 64) and fields.dtype == np.float32
    for field in fields:
        assert field.mean() == pytest.approx(0, abs=1e-5) and field.std() == pytest.approx(1, rel=0.01)
        found = np.abs(np.fft.fft2(field.astype(np.float64)))
        np.testing.assert_allclose(found, expected, rtol=0.002, atol=2e-6 * expected.max() + 1e-3)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.7, 2.5])
def test_the_measured_slope_is_the_exponent(exponent: float) -> None:
    """Along an axis: of log magnitude over log frequency, and twice as steep of the power."""
    field = spectrum.synthesise(256, 128, exponent, exponent, 0.0, 1, np.uint64(1))[0]
    found = np.abs(np.fft.fft2(field.astype(np.float64)))
    f = np.arange(1, 120)
    for axis in (found[0, 1:120], found[1:120, 0]):
        assert np.polyfit(np.log(f), np.log(axis), 1)[0] == pytest.approx(-exponent, abs=0.02)
        assert np.polyfit(np.log(f), np.log(axis**2), 1)[0] == pytest.approx(-2 * exponent, abs=0.04)


def test_exponents_differ_between_the_axes_and_turn_with_them() -> None:
    field = spectrum.synthesise(256, 128, 0.6, 2.0, 0.25, 1, np.uint64(2))[0]
    found = np.abs(np.fft.fft2(field.astype(np.float64)))
    f = np.arange(1, 120)
    slopes = [-np.polyfit(np.log(f), np.log(axis), 1)[0] for axis in (found[0, 1:120], found[1:120, 0])]
    assert sorted(slopes) == pytest.approx([0.6, 2.0], abs=0.03)
    quarter = spectrum.synthesise(256, 128, 0.6, 2.0, 0.0, 1, np.uint64(2))[0]
    other = np.abs(np.fft.fft2(quarter.astype(np.float64)))
    np.testing.assert_allclose(found[1:120, 0], other[0, 1:120], rtol=1e-3)


def test_phases_are_uniform_and_fields_independent() -> None:
    fields = spectrum.synthesise(128, 64, 0.5, 0.5, 0.1, 3, np.uint64(6))
    transforms = np.fft.fft2(fields.astype(np.float64))[:, 1:60, 1:60]
    for transform in transforms:
        phases = np.angle(transform).ravel()
        assert np.abs(np.exp(1j * phases).mean()) < 0.05 and np.abs(np.exp(2j * phases).mean()) < 0.05
    found = np.corrcoef(fields.reshape(3, -1))
    assert np.abs(found - np.eye(3)).max() < 0.05


def test_channels_are_correlated_as_told() -> None:
    """The covariance of the channels is that of light along grey and two smaller parts at right angles to it."""
    fields = spectrum.synthesise(256, 128, 0.6, 0.6, 0.0, 3, np.uint64(8))
    strengths, hue = np.array([1.0, 0.5, 0.2]), 0.15
    channels = spectrum.mix(fields, strengths, hue).reshape(3, -1).astype(np.float64)
    angles = 2 * np.pi * (hue - np.arange(3) / 3)
    axes = np.array([np.full(3, 3**-0.5), (2 / 3) ** 0.5 * np.cos(angles), (2 / 3) ** 0.5 * np.sin(angles)])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    expected = axes.T @ np.diag((0.2 * strengths) ** 2) @ axes
    np.testing.assert_allclose(np.cov(channels), expected, atol=0.05 * expected.max())
    np.testing.assert_allclose(np.sqrt(np.linalg.eigvalsh(np.cov(channels)))[::-1] / 0.2, strengths, rtol=0.05)


def test_strengths_are_mostly_light() -> None:
    strengths = np.array([spectrum.natural_strengths(Draws(seed, 0)) for seed in range(200)])
    assert (strengths[:, 0] == 1).all() and (np.diff(strengths, axis=1) < 0).all()
    assert strengths[:, 1].min() > 0.1 and strengths[:, 1].max() < 0.6


def test_grey_is_grey_and_colour_is_not() -> None:
    grey, _ = spectrum.draw("grey", (64, 64), 3, 0)
    colour, _ = spectrum.draw("colour", (64, 64), 3, 0)
    assert (np.ptp(grey, axis=2) == 0).all()
    assert np.ptp(colour, axis=2).mean() > 10


def test_a_spectrum_is_the_same_at_every_size() -> None:
    """Low frequencies keep their phases, seen from the frame's corner, when higher ones are added."""
    phases = []
    for side in (32, 128):
        fields = spectrum.synthesise(side, side // 2, 1.2, 0.9, 0.3, 2, np.uint64(7)).astype(np.float64)
        f = np.arange(1, 8)
        corner = np.exp(-1j * np.pi * (f[:, None] + f) / side)
        phases.append(np.angle(np.fft.fft2(fields)[:, 1:8, 1:8] * corner))
    np.testing.assert_allclose(np.exp(1j * phases[0]), np.exp(1j * phases[1]), atol=2e-3)


@pytest.mark.parametrize("side", [40, 50, 64, 100])
def test_resampling_keeps_waves(side: int) -> None:
    """A wave of few periods is the same wave at any size."""
    y, x = (np.mgrid[:64, :64] + 0.5) / 64
    fields = np.stack([np.sin(2 * np.pi * (3 * x + 2 * y)), np.cos(2 * np.pi * 5 * y)]).astype(np.float32)
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    expected = np.stack([np.sin(2 * np.pi * (3 * x + 2 * y)), np.cos(2 * np.pi * 5 * y)])
    np.testing.assert_allclose(spectrum.resample(fields, side), expected, atol=0.02)


def test_a_side_that_is_no_power_of_two() -> None:
    image, _ = spectrum.draw("colour", (100, 100), 3, 0)
    assert image.shape == (100, 100, 3)
