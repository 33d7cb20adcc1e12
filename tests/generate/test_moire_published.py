"""Moiré as published, and its baselines: rings, their coloured layers, plane waves."""

from __future__ import annotations

import colorsys
from collections import Counter

import numpy as np
import pytest

from mixset.generate._drawing.rng import Draws, image_seed
from mixset.generate._procedural import moire, published


def test_plane_waves_are_the_formula() -> None:
    waves = np.array([[3.0, 0.1, 0.2], [17.0, 0.47, 0.9]])
    found = published.plane_waves(waves, 80)
    y, x = (np.mgrid[:80, :80] + 0.5) / 80
    for n, (frequency, turn, phase) in enumerate(waves):
        way = 2 * np.pi * turn
        wave = np.sin(2 * np.pi * (frequency * (x * np.cos(way) + y * np.sin(way)) + phase))
        assert np.abs(found[..., n] - (127.5 + 127.5 * wave)).max() <= 0.51


@pytest.mark.parametrize(("style", "waves"), [("stripes", 1), ("planes", 3)])
def test_plane_waves_have_whole_frequencies_and_full_contrast(style: str, waves: int) -> None:
    frequencies: Counter[float] = Counter()
    for index in range(60):
        image, summary = moire.draw(style, (64, 64), image_seed(1, index), 0)
        frequencies.update(summary["frequencies"])
        assert len(summary["frequencies"]) == waves
        assert (image == image[..., :1]).all() == (waves == 1)
        for channel, frequency in enumerate(summary["frequencies"]):
            if 2 < frequency < 12:  # of whole waves of several pixels all values occur
                assert image[..., channel].min() < 12 and image[..., channel].max() > 243
                shares = np.abs(np.fft.fft2(image[..., channel] - image[..., channel].mean(dtype=float)))
                down, across = np.unravel_index(shares.argmax(), shares.shape)
                found = np.hypot(min(down, 64 - down), min(across, 64 - across))
                assert abs(found - frequency) < 1
    assert all(frequency in range(1, 101) for frequency in frequencies)
    assert len(frequencies) > 30 and max(frequencies) > 90


@pytest.mark.parametrize("style", ["colour", "stripes", "planes"])
def test_an_image_that_is_not_square_is_the_middle_of_one_that_is(style: str) -> None:
    for index in range(6):
        wide, whole = (moire.draw(style, shape, image_seed(0, index), 0)[0] for shape in ((40, 64), (64, 64)))
        np.testing.assert_array_equal(wide, whole[12:52])


def ramp(draws: Draws) -> np.ndarray:
    ends = [colorsys.hsv_to_rgb(draws.uniform(), draws.uniform(0.5, 0.95), draws.uniform(0.85, 1.0)) for _ in range(2)]
    return np.array(ends) * 255


def test_layers_are_as_opaque_as_they_are_bright() -> None:
    """Of images of one layer on one colour, drawn here once more."""
    seen = 0
    for index in range(60):
        seed = image_seed(2, index)
        image, summary = moire.draw("colour", (48, 48), seed, 0)
        if summary["ground"] != "solid" or len(summary["frequencies"]) != 1:
            continue
        seen += 1
        draws = Draws(seed, 0, "moire colour")
        assert draws.choice(("solid", "linear", "soft")) == "solid"
        ground = ramp(draws)[0]
        assert draws.whole(1, 2) == 1
        grey, frequencies = published._rings(draws, 48)
        assert [frequencies] == summary["frequencies"]
        dark, light = ramp(draws)
        share = grey[..., None] / 255
        wanted = ground + share**1.15 * (dark + share * (light - dark) - ground)
        assert np.abs(image - wanted).max() <= 0.51
    assert seen >= 5


def test_grounds_and_layers_take_turns() -> None:
    summaries = [moire.draw("colour", (32, 32), image_seed(3, index), 0)[1] for index in range(90)]
    grounds = Counter(summary["ground"] for summary in summaries)
    layers = Counter(len(summary["frequencies"]) for summary in summaries)
    assert grounds.keys() == {"solid", "linear", "soft"} and min(grounds.values()) > 15
    assert layers.keys() == {1, 2} and min(layers.values()) > 25


@pytest.mark.parametrize("kind", ["solid", "linear", "soft"])
def test_grounds_lie_between_two_colours(kind: str) -> None:
    spans = []
    for seed in range(20):
        ground = published._ground(Draws(seed, 0), 40, kind)
        first, last = ramp(Draws(seed, 0))
        low, high = np.minimum(first, last), np.maximum(first, last)
        assert (ground >= low - 1e-9).all() and (ground <= high + 1e-9).all()
        channel = np.abs(last - first).argmax()
        places = (ground[..., channel] - first[channel]) / (last - first)[channel]
        spans.append(np.ptp(places))
        assert np.abs(np.diff(places, axis=0)).max() < 0.25 and np.abs(np.diff(places, axis=1)).max() < 0.25
    assert (max(spans) == 0) if kind == "solid" else (np.median(spans) > (0.85 if kind == "linear" else 0.4))


@pytest.mark.parametrize("style", ["colour", "stripes"])
def test_broad_waves_are_the_same_at_every_size(style: str) -> None:
    compared = 0
    for index in range(60):
        seed = image_seed(4, index)
        small, summary = moire.draw(style, (60, 60), seed, 0)
        if np.max(np.hstack(summary["frequencies"])) <= 12:
            large = moire.draw(style, (180, 180), seed, 0)[0].reshape(60, 3, 60, 3, 3).mean((1, 3))
            assert np.corrcoef(large.ravel(), small.ravel())[0, 1] > 0.97
            compared += 1
    assert compared >= 2
