"""Whole images: the same bits everywhere, as rich as they must be, and never kept when they are not."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plainest_cpu import printed_on_the_plainest_cpu

from mixset._store import statistics
from mixset.generate._drawing import filters, palettes, tone
from mixset.generate._drawing.rng import Draws, image_seed
from mixset.generate._fractals import canvas, density, grounds, rendering
from mixset.generate._fractals.recipe import FractalRecipe

GOLDEN = {
    ("layered", 64, 0, 0): "6dfefeedee11bf36",
    ("layered", 256, 0, 7): "4bfb38104ae9d5ae",
    ("layered", 301, 2**64 - 1, 123456): "29d8d583f58e4052",
    ("layered", 512, 3, 1): "3b4098ef5778ee70",
    ("single", 129, 1, 2): "3f8d748e95be8e00",
    ("grey", 64, 0, 5): "cc934ea5b8a511d6",
    ("grey", 100, 0, 6): "79b3ba869783e6c1",
    ("flame", 200, 5, 3): "fb55e12bed879cd9",
    ("flame", 32, 0, 0): "c30696e8bf9b3f9b",
    ("attractors", 200, 5, 3): "b6414f97c5e7630c",
    ("attractors", 64, 0, 0): "96fa50c0d3a9f9aa",
}
"""(style, size, seed, index): the head of the SHA-256 of the image's bytes."""


def digest(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("style", "size", "seed", "index"), GOLDEN)
def test_golden_images(style: str, size: int, seed: int, index: int) -> None:
    """When this fails on purpose, raise FractalRecipe.content_version and write the new digests here."""
    recipe = FractalRecipe(count=index + 1, size=size, seed=seed, style=style)
    assert digest(rendering.FORMULA.render(recipe, index)[0]) == GOLDEN[style, size, seed, index]


@pytest.mark.parametrize("style", FractalRecipe.styles)
@pytest.mark.parametrize("size", [32, 97, 128, 1024])
def test_every_style_at_every_size(style: str, size: int) -> None:
    image, seed, params = rendering.FORMULA.render(FractalRecipe(count=4, size=size, style=style, seed=9), 3)
    assert image.shape == (size, size, 3) and image.dtype == np.uint8 and image.flags.c_contiguous
    assert seed == image_seed(9, 3)
    assert image.std() > 10
    assert len(json.dumps(params)) < 700


def test_the_same_image_for_any_count_order_and_thread() -> None:
    recipe = FractalRecipe(count=20, size=48)
    alone = [digest(rendering.FORMULA.render(replace(recipe, count=i + 1), i)[0]) for i in reversed(range(20))][::-1]
    other = FractalRecipe(count=3, size=64, style="flame")
    with ThreadPoolExecutor(4) as pool:
        # Images of another size in between: nothing may be left over in a thread's buffers.
        mixed = list(
            pool.map(lambda i: digest(rendering.FORMULA.render(other if i % 3 == 2 else recipe, i // 3)[0]), range(60))
        )
    assert [mixed[3 * i] for i in range(20)] == alone == [mixed[3 * i + 1] for i in range(20)]
    assert len(set(alone)) == 20


@pytest.mark.slow
def test_other_cpu_features_make_the_same_bits(tmp_path: Path) -> None:
    """Kernels compiled for the plainest x86-64 or ARM, NumPy without its wide loops: the golden images still."""
    code = (
        "import hashlib, json, sys; from mixset.generate._fractals.rendering import FORMULA;"
        "from mixset.generate._fractals.recipe import FractalRecipe\n"
        "for style, size, seed, index in json.loads(sys.argv[1]):\n"
        "    image = FORMULA.render(FractalRecipe(count=index + 1, size=size, seed=seed, style=style), index)[0]\n"
        "    print(hashlib.sha256(image.tobytes()).hexdigest()[:16])"
    )
    assert printed_on_the_plainest_cpu(code, list(GOLDEN), tmp_path) == list(GOLDEN.values())


@pytest.mark.parametrize("size", [129, 255])
def test_nothing_of_an_earlier_image_shows(size: int) -> None:
    """Odd sizes, whose half planes do not fit twice, and buffers full of rubbish."""
    recipe = FractalRecipe(count=8, size=size)
    clean = [digest(rendering.FORMULA.render(recipe, i)[0]) for i in range(8)]
    buffers = canvas.canvas_of(size)
    for plane in (buffers.full, buffers.half):
        plane.grid[:] = 1 << 45
        for array in (plane.count, plane.scratch, plane.level, plane.tint):
            array[:] = np.nan
    for array in (buffers.levels, buffers.tints, buffers.colours, buffers.field):
        array[:] = np.nan
    assert [digest(rendering.FORMULA.render(recipe, i)[0]) for i in range(8)] == clean


def test_another_process_makes_the_same_bits() -> None:
    recipe = FractalRecipe(count=5, size=40)
    code = (
        "import hashlib; from mixset.generate._fractals.rendering import FORMULA;"
        "from mixset.generate._fractals.recipe import FractalRecipe;"
        "print(hashlib.sha256(FORMULA.render(FractalRecipe(count=5, size=40), 4)[0].tobytes()).hexdigest()[:16])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest(rendering.FORMULA.render(recipe, 4)[0])


@pytest.mark.parametrize("style", FractalRecipe.styles)
def test_params_make_the_image_again(style: str) -> None:
    recipe = FractalRecipe(count=8, size=64, style=style, seed=5)
    image, seed, params = rendering.FORMULA.render(recipe, 7)
    again, summary = rendering.draw(params["style"], (64, 64), seed, params["attempt"])
    assert (again == image).all()
    assert summary.items() <= params.items()
    assert params["index"] == 7 and json.loads(json.dumps(params)) == params


def test_seeds_and_styles_differ() -> None:
    seen = {
        digest(rendering.FORMULA.render(FractalRecipe(count=1, size=32, seed=seed, style=style), 0)[0])
        for seed in (0, 1, 2**64 - 1)
        for style in FractalRecipe.styles
    }
    assert len(seen) == 3 * len(FractalRecipe.styles)


def test_a_refused_draw_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound between the figures of the first two draws refuses the poorer one."""
    recipe = FractalRecipe(count=30, size=32)
    for index in range(30):
        seed = image_seed(0, index)
        draws = [rendering.draw("layered", (32, 32), seed, attempt)[0] for attempt in (0, 1)]
        first, second = (filters.figures(image).contrast for image in draws)
        if second > first + 5:
            break
    monkeypatch.setitem(rendering.FILTERS, "layered", filters.Filter(1.0, (first + second) / 2, 0.0))
    image, _, params = rendering.FORMULA.render(recipe, index)
    assert params["attempt"] == 1 and params["refused"] == ["contrast"]
    assert (image == draws[1]).all()


def test_filters_refuse_what_is_poor() -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    empty = np.zeros((64, 64, 3), np.uint8)
    grey_ramp = np.broadcast_to(ramp[:, None, None], (64, 64, 3))
    noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    low = (noise // 16 + 100).astype(np.uint8)
    bounds = rendering.FILTERS["layered"]
    assert bounds.refuses(filters.figures(empty)) == "flat_tiles"
    assert bounds.refuses(filters.figures(low)) in {"contrast", "flat_tiles"}
    assert filters.Filter(0.5, 20.0, 4.0).refuses(filters.figures(np.ascontiguousarray(grey_ramp))) is not None
    assert filters.Filter(0.5, 20.0, 4.0).refuses(filters.figures(noise)) is None


@pytest.mark.parametrize("size", [256, 512])
def test_figures_are_those_of_the_statistics(size: int) -> None:
    for seed in range(3):
        image, _ = rendering.draw("layered" if seed else "single", (size, size), seed, 0)
        ours, theirs = filters.figures(image), statistics.statistics(image)
        if size == 256:
            assert ours.flat_tiles == pytest.approx(theirs.flat_tiles, abs=0.005)
        assert ours.colour_entropy == pytest.approx(theirs.colour_entropy, abs=1e-9 if size == 256 else 0.05)
        assert ours.contrast == pytest.approx(theirs.contrast, rel=0.12)


def test_the_default_style_is_as_rich_as_photographs() -> None:
    """The bars of the project, medians over 48 images at 256 pixels."""
    recipe = FractalRecipe(count=48, size=256, seed=11)
    found = statistics.medians([rendering.FORMULA.render(recipe, i)[0] for i in range(48)])
    assert found.flat_tiles <= 0.10
    assert found.contrast >= 35
    assert found.bits_per_pixel >= 1.3
    assert found.colour_entropy >= 4


def test_layers_are_two_to_four_and_the_grey_style_is_grey() -> None:
    layers = [rendering.draw("layered", (32, 32), seed, 0)[1]["layers"] for seed in range(60)]
    assert {len(names) for names in layers} == {2, 3, 4}
    kinds = {name.split()[0] for names in layers for name in names}
    assert kinds == {"zoom", "rose", "spiral", "lattice", "scatter", "flame"}
    for seed in range(6):
        image, summary = rendering.draw("grey", (64, 64), seed, 0)
        assert set(np.unique(image)) == {0, 127} and (image[..., 0] == image[..., 2]).all()
        assert isinstance(summary["patches"], bool)


def test_oklab_palettes_are_ottossons() -> None:
    keys = np.array([[0.6, 0.1, -0.05], [0.3, -0.02, 0.04]])
    palette = palettes.oklab_ramp(keys)
    assert palette.shape == (3, 256) and palette.dtype == np.float32
    root = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
    )
    linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    for index, key in ((0, keys[0]), (128, keys[1])):
        light = np.clip(linear @ (root @ key) ** 3, 0, 1)
        expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.allclose(palette[:, index], expected, atol=1e-5)
    # No step anywhere, not even from the last colour to the first.
    assert np.abs(np.diff(palette, axis=1, append=palette[:, :1])).max() < 0.03


def test_palettes_stay_in_range() -> None:
    for seed in range(100):
        draws = Draws(seed, 0)
        palette = palettes.sample_palette(draws, palettes.Harmony(draws))
        assert palette.min() >= 0 and palette.max() <= 1 and palette.std() > 0.02


def test_grounds_are_finite_varied_and_without_seams() -> None:
    kinds = set()
    for seed in range(40):
        field = np.empty((128, 128), np.float32)
        kind = grounds.sample_ground(Draws(seed, 0), field)
        kinds.add(kind)
        assert np.isfinite(field).all() and np.abs(field).max() < 1e4 and field.std() > 0.01
        if kind in {"spiral", "gradient", "warp"}:
            # Whole turns are the same colour, so steps are counted to the nearest turn.
            steps = np.diff(field, axis=1)
            steps -= np.round(steps)
            assert np.quantile(np.abs(steps), 0.98) < 0.35
    assert kinds == {"julia", "warp", "plasma", "spiral", "gradient"}


def test_levels_rise_from_nothing_to_one() -> None:
    table = density.level_table(12.0)
    assert table[0] == 0 and (np.diff(table) >= 0).all() and table[-1] == 1


def test_smoothing_keeps_even_densities_and_spreads_single_points() -> None:
    side = 32
    table, scratch, level = (
        density.level_table(20.0),
        np.empty((4, side, side), np.float32),
        np.empty((side, side), np.float32),
    )
    count, tint = np.full((side, side), 5.0, np.float32), np.full((side, side), 2.0, np.float32)
    density.smooth(count, tint, scratch, 5.0, table, level)
    assert np.ptp(level) == 0 and np.allclose(tint, 0.4, atol=1e-5)
    count[:], tint[:] = 0, 0
    count[16, 16], tint[16, 16] = 1, 0.7
    density.smooth(count, tint, scratch, 0.05, table, level)
    assert level[16, 16] > level[16, 18] > level[16, 26] == 0
    assert tint[16, 16] == pytest.approx(0.7, abs=0.01)
    assert np.allclose(level, level.T)


def test_unpack_splits_the_words() -> None:
    grid = np.zeros((6, 6), np.uint64)
    grid[1, 1] = (3 << 40) + 2 * 65535
    grid[0, 3] = 9 << 40
    count, tint = np.empty((4, 4), np.float32), np.empty((4, 4), np.float32)
    assert density.unpack(grid, count, tint) == 1
    assert count[0, 0] == 3 and tint[0, 0] == pytest.approx(2) and count.sum() == 3


def test_enlarging_is_bilinear() -> None:
    plane = np.arange(16, dtype=np.float32).reshape(4, 4)
    out = np.empty((8, 8), np.float32)
    density.enlarge(plane, out)
    assert out[0, 0] == 0 and out[7, 7] == 15
    assert out[1, 1] == pytest.approx(0.75 * (0.75 * 0 + 0.25 * 1) + 0.25 * (0.75 * 4 + 0.25 * 5))
    assert out.mean() == pytest.approx(plane.mean())
    odd = np.full((7, 7), np.nan, np.float32)
    density.enlarge(plane, odd)
    assert (odd == out[:7, :7]).all()


def test_finish_stretches_to_the_full_range() -> None:
    colours = np.random.default_rng(0).uniform(0.4, 0.6, (3, 128, 128)).astype(np.float32)
    image = np.empty((64, 64, 3), np.uint8)
    tone.finish(colours, 1.0, 0.45, image)
    assert image.min() < 10 and image.max() > 245
    assert 90 < np.median(image) < 140


def test_nothing_here_draws_from_numpys_global_generator() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    rendering.FORMULA.render(FractalRecipe(count=1, size=32), 0)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
