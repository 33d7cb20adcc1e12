"""Filters and redraws: planted weak images are refused by name, and how often is bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from mixset._store.tiles import flat_tiles
from mixset.generate._drawing.filters import Filter, figures
from mixset.generate._drawing.redraws import Formula
from mixset.generate._fractals import rendering
from mixset.generate._fractals.recipe import FractalRecipe
from mixset.generate._procedural import julia, spectrum

RNG = np.random.default_rng(0)
RICH = np.asarray(
    Image.fromarray(RNG.integers(0, 256, (20, 20, 3), dtype=np.uint8)).resize((128, 128), Image.Resampling.BICUBIC)
)
"""Blobs of many colours that no filter refuses."""


def stripes(turn: float) -> np.ndarray:
    """Straight bands of several widths and colours."""
    y, x = np.mgrid[:128, :128] / 128
    along = x * np.cos(turn) + y * np.sin(turn)
    bands = [127 + 120 * np.sin(2 * np.pi * along * number + number) for number in (3, 4, 7)]
    return np.stack(bands, axis=2).astype(np.uint8)


def with_flat_tiles(share: float) -> np.ndarray:
    """Noise, of which the first tiles of 8 pixels are one grey: `share` of the 256."""
    image = RNG.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    for tile in range(round(share * 256)):
        y, x = tile // 16 * 8, tile % 16 * 8
        image[y : y + 8, x : x + 8] = 128
    return image


def test_a_rich_image_passes_every_filter() -> None:
    for filters in (rendering.FILTERS, julia.FILTERS, spectrum.FILTERS):
        for bounds in filters.values():
            assert bounds.refuses(figures(RICH)) is None


@pytest.mark.parametrize("turn", [0.0, 0.4, 1.0, 1.6, 2.5])
def test_straight_stripes_are_refused_as_escape_times_and_welcome_as_spectra(turn: float) -> None:
    assert julia.FILTERS["mixed"].refuses(figures(stripes(turn))) == "stripes"
    assert figures(stripes(turn)).stripes > 0.9 > 0.3 > figures(RICH).stripes
    assert spectrum.FILTERS["colour"].refuses(figures(stripes(turn))) is None


def test_noise_alone_is_refused_as_escape_times() -> None:
    coarse = RNG.integers(0, 256, (36, 36, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    assert abs(figures(coarse).smoothness) < 0.1
    assert julia.FILTERS["mixed"].refuses(figures(coarse)) == "rough"


def test_blurred_spectra_are_refused() -> None:
    field = np.random.default_rng(2).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    blur = np.asarray(Image.fromarray(field).resize((128, 128), Image.Resampling.BICUBIC))
    assert spectrum.FILTERS["colour"].refuses(figures(blur)) in ("blurred", "flat_tiles")
    assert Filter(1.0, 0.0, 0.0, blurred=0.97).refuses(figures(blur)) == "blurred"
    steep = [spectrum.draw("colour", (64, 64), seed, 0) for seed in range(60)]
    refused = [spectrum.FILTERS["colour"].refuses(figures(image)) == "blurred" for image, _ in steep]
    slopes = np.array([min(summary["exponents"]) for _, summary in steep])
    assert 0 < sum(refused) < 12 and slopes[refused].min() > 1.2


def test_flames_that_leave_their_ground_alone_are_refused() -> None:
    bounds = rendering.FILTERS["flame"]
    assert bounds.refuses(figures(RICH), 0.05) == "ink"
    assert bounds.refuses(figures(RICH), 0.2) is None
    summaries = [rendering.draw("flame", (32, 32), seed, 0)[1] for seed in range(80)]
    assert 0 < sum(summary["ink"] < 0.12 for summary in summaries) < 16
    recipe = FractalRecipe(count=80, size=32, style="flame")
    kept = [rendering.FORMULA.render(recipe, index)[2] for index in range(40)]
    assert min(params["ink"] for params in kept) >= 0.12
    assert any("ink" in params["refused"] for params in kept)


@pytest.mark.parametrize(("style", "limit"), [("layered", 0.15), ("single", 0.5), ("flame", 0.5), ("grey", 0.8)])
def test_the_flat_tile_limit(style: str, limit: float) -> None:
    bounds = rendering.FILTERS[style]._replace(contrast=0.0, colour_entropy=0.0)
    assert bounds.refuses(figures(with_flat_tiles(limit + 0.02))) == "flat_tiles"
    assert bounds.refuses(figures(with_flat_tiles(limit - 0.02))) is None


@pytest.mark.parametrize(("step", "share"), [(9, 1.0), (10, 0.0)])
def test_a_tile_is_flat_below_a_deviation_of_4_75(step: int, share: float) -> None:
    """Two greys, half of each: deviations of 4.5 and 5."""
    image = np.full((64, 96, 3), 100, np.uint8)
    image[:, ::2] += step
    assert flat_tiles(image) == share


@pytest.mark.parametrize("shape", [(128, 128), (128, 192), (301, 200)])
def test_figures_are_those_of_a_plain_computation(shape: tuple[int, int]) -> None:
    """Smoothness and stripes by NumPy, of cells that whole pixels fill."""
    image = np.asarray(Image.fromarray(RICH).resize((180, 144), Image.Resampling.BICUBIC))
    found = figures(image)
    cells = image.reshape(36, 4, 45, 4, 3).mean(axis=(1, 3)) @ np.array([0.299, 0.587, 0.114])
    d = cells - cells.mean()
    smooth = ((d[:, 1:] * d[:, :-1]).mean() + (d[1:] * d[:-1]).mean()) / 2 / d.var()
    east, south = (cells[1:-1, 2:] - cells[1:-1, :-2]).ravel(), (cells[2:, 1:-1] - cells[:-2, 1:-1]).ravel()
    low, high = np.linalg.eigvalsh(
        np.cov(np.stack([east, south]), bias=True) + np.outer(*[[east.mean(), south.mean()]] * 2)
    )
    assert found.smoothness == pytest.approx(smooth, rel=1e-6)
    assert found.stripes == pytest.approx((high - low) / (high + low), rel=1e-6)
    grey = np.asarray(Image.fromarray(image).convert("L"), float)
    assert found.coarse_share == pytest.approx(cells.std() / grey.std(), rel=1e-3)
    assert 0 <= figures(np.asarray(Image.fromarray(RICH).resize(shape[::-1]))).flat_tiles < 0.1


def test_fine_noise_is_refused_for_its_small_share_of_coarse_contrast() -> None:
    fine = RNG.integers(0, 256, (288, 288, 3), dtype=np.uint8)
    bounds = Filter(1.0, 0.0, 0.0, coarse=0.4)
    assert figures(fine).coarse_share == pytest.approx(1 / 8, rel=0.05)
    assert bounds.refuses(figures(fine)) == "coarse" and bounds.refuses(figures(RICH)) is None


def test_an_image_is_drawn_eight_times_at_most() -> None:
    calls = []

    def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
        calls.append((style, shape, attempt))
        return np.full((*shape, 3), attempt, np.uint8), {}

    formula = Formula(draw, {"layered": Filter(0.0, 0.0, 0.0)})
    image, _, params = formula.render(FractalRecipe(count=1, size=(32, 48)), 0)
    assert calls == [("layered", (32, 48), attempt) for attempt in range(8)]
    assert (image == 7).all() and params["attempt"] == 7 and params["refused"] == ["flat_tiles"] * 8
    assert params["size"] == [32, 48]


def test_the_first_draw_that_passes_is_kept() -> None:
    formula = Formula(
        lambda style, shape, seed, attempt: (RICH if attempt == 3 else np.zeros_like(RICH), {"ink": 1.0}),
        {"layered": Filter(0.5, 20.0, 2.0)},
    )
    image, _, params = formula.render(FractalRecipe(count=1, size=128), 0)
    assert image is RICH and params["attempt"] == 3 and params["refused"] == ["flat_tiles"] * 3
