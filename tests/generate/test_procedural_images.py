"""Images of the procedural families: the same bits everywhere, as rich as they must be, made as any others are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plainest_cpu import printed_on_the_plainest_cpu

from mixset import MixingSet
from mixset._common.errors import InputError
from mixset._store import statistics
from mixset.generate import make
from mixset.generate._drawing import filters
from mixset.generate._drawing.rng import image_seed
from mixset.generate._fractals.canvas import canvas_of
from mixset.generate._job.families import FAMILIES, load
from mixset.generate._job.recipe import SetRecipe
from mixset.generate._procedural import deadleaves, julia, moire, plasma, recipes, spectrum, visualatom
from mixset.generate._programs import programs

MODULES: dict[str, Any] = {
    "deadleaves": deadleaves,
    "spectrum": spectrum,
    "julia": julia,
    "plasma": plasma,
    "programs": programs,
    "moire": moire,
    "visualatom": visualatom,
}
STYLES = {
    recipe.family: recipe.styles
    for recipe in (
        recipes.DeadLeavesRecipe,
        recipes.SpectrumRecipe,
        recipes.JuliaRecipe,
        recipes.PlasmaRecipe,
        recipes.ProgramsRecipe,
        recipes.MoireRecipe,
        recipes.VisualAtomRecipe,
    )
}
ALL = [(family, style) for family, styles in STYLES.items() for style in styles]

GOLDEN = {
    ("deadleaves", "textured", 64, 0, 0): "5ead1912209c2f0a",
    ("deadleaves", "textured", 96, 2**64 - 1, 1): "4d40452c6fd8d081",
    ("deadleaves", "squares", 64, 0, 1): "8e9913814763bd76",
    ("deadleaves", "squares", 96, 1, 12345): "8003b1b2ec0234b3",
    ("deadleaves", "oriented", 64, 0, 2): "562cb587ee13dca4",
    ("deadleaves", "oriented", 96, 2, 1): "391bdf880fe4cd94",
    ("deadleaves", "shapes", 64, 0, 3): "fed74414b0275441",
    ("deadleaves", "shapes", 96, 3, 1): "d8ef9202ba3f7c73",
    ("spectrum", "colour", 64, 0, 0): "044b6d1412b58a80",
    ("spectrum", "colour", 96, 2**64 - 1, 1): "cd63434deb07e659",
    ("spectrum", "grey", 64, 0, 1): "1d57417fd8a6ce6a",
    ("spectrum", "grey", 96, 1, 12345): "d5058e3ce026b4a9",
    ("julia", "mixed", 64, 0, 0): "ee7d1298f41976f7",
    ("julia", "mixed", 96, 2**64 - 1, 1): "af5a9b46c4eed726",
    ("julia", "julia", 64, 0, 1): "7e65b8ae62c35898",
    ("julia", "julia", 96, 1, 12345): "c5b3a33e5d74d960",
    ("julia", "mandelbrot", 64, 0, 2): "a73988502dcaee6c",
    ("julia", "mandelbrot", 96, 2, 1): "3a1df28a9eaa4e85",
    ("julia", "newton", 64, 0, 3): "6fd664c2175adb56",
    ("julia", "newton", 96, 3, 1): "e82f9c82a3e5bb84",
    ("plasma", "layered", 64, 0, 0): "b60c595f47767a3d",
    ("plasma", "layered", 96, 2**64 - 1, 1): "5727768435792f4e",
    ("plasma", "clouds", 64, 0, 1): "0dec106191402735",
    ("plasma", "clouds", 96, 1, 12345): "ef65971cfa1cb965",
    ("plasma", "marble", 64, 0, 2): "d1c77e3b3b152081",
    ("plasma", "marble", 96, 2, 1): "a2a42b89fff5a8b4",
    ("plasma", "ridges", 64, 0, 3): "1e2eb2acc38d3bb9",
    ("plasma", "ridges", 96, 3, 1): "a053d307f2887725",
    ("plasma", "rough", 64, 0, 4): "254ba19581b19ccf",
    ("plasma", "rough", 96, 4, 1): "626c55b402710968",
    ("programs", "colour", 64, 0, 0): "5513193a976edcc6",
    ("programs", "colour", 96, 2**64 - 1, 1): "2ab5b32128449077",
    ("programs", "grey", 64, 0, 1): "07af799637612da9",
    ("programs", "grey", 96, 1, 12345): "2765159dfc9eca01",
    ("moire", "sized", 64, 0, 0): "edd1a6fc6a1a1d2f",
    ("moire", "sized", 96, 2**64 - 1, 1): "630aef94ca6098a1",
    ("moire", "classic", 64, 0, 1): "bd951cbc259fb718",
    ("moire", "classic", 96, 1, 12345): "577d4392d839e80b",
    ("moire", "colour", 64, 0, 1): "6d0736e8088c69b9",
    ("moire", "colour", 96, 1, 12345): "1bfbbeeebaa868df",
    ("moire", "stripes", 64, 0, 1): "d595c8bbde0978c2",
    ("moire", "stripes", 96, 1, 12345): "6b8b33035e7c1ebd",
    ("moire", "planes", 64, 0, 1): "eed965a6d3a7318e",
    ("moire", "planes", 96, 1, 12345): "eed72a24d2843a72",
    ("visualatom", "filled", 64, 0, 0): "16b61b9111585276",
    ("visualatom", "filled", 96, 2**64 - 1, 1): "b904d9207491c9fa",
    ("visualatom", "classic", 64, 0, 1): "fd1b20cbddc3dcd7",
    ("visualatom", "classic", 96, 1, 12345): "a23881091f83bd7a",
}
"""(family, style, size, seed, index): the head of the SHA-256 of the image's bytes."""


def recipe_of(family: str, style: str, *, count: int = 8, size: int = 48, seed: int = 0) -> SetRecipe:
    return load(FAMILIES[family].recipe)(count=count, size=size, seed=seed, style=style)


def render_of(family: str) -> Callable[..., tuple[np.ndarray, int, dict[str, Any]]]:
    return MODULES[family].FORMULA.render


def digest(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("family", "style", "size", "seed", "index"), GOLDEN)
def test_golden_images(family: str, style: str, size: int, seed: int, index: int) -> None:
    """When this fails on purpose, raise the recipe's content_version and write the new digests here."""
    recipe = recipe_of(family, style, count=index + 1, size=size, seed=seed)
    assert digest(render_of(family)(recipe, index)[0]) == GOLDEN[family, style, size, seed, index]


def test_golden_images_are_of_every_style() -> None:
    assert {golden[:2] for golden in GOLDEN} == set(ALL)


@pytest.mark.slow
def test_other_cpu_features_make_the_same_bits(tmp_path: Path) -> None:
    """Kernels compiled for the plainest x86-64 or ARM, NumPy without its wide loops: the golden images still."""
    code = (
        "import hashlib, json, sys; from mixset.generate._job.families import FAMILIES, load\n"
        "for family, style, size, seed, index in json.loads(sys.argv[1]):\n"
        "    recipe = load(FAMILIES[family].recipe)(count=index + 1, size=size, seed=seed, style=style)\n"
        "    image, _, _ = next(load(FAMILIES[family].render)(recipe, [index]))\n"
        "    print(hashlib.sha256(image.tobytes()).hexdigest()[:16])"
    )
    assert printed_on_the_plainest_cpu(code, list(GOLDEN), tmp_path) == list(GOLDEN.values())


@pytest.mark.parametrize(("family", "style"), ALL)
@pytest.mark.parametrize("size", [32, 129, 300])
def test_every_style_at_every_size(family: str, style: str, size: int) -> None:
    image, seed, params = render_of(family)(recipe_of(family, style, size=size, seed=9), 3)
    assert image.shape == (size, size, 3) and image.dtype == np.uint8 and image.flags.c_contiguous
    assert seed == image_seed(9, 3)
    assert image.std() > 20
    assert len(json.dumps(params)) < 700


@pytest.mark.parametrize("family", MODULES)
def test_the_largest_size(family: str) -> None:
    image, _, _ = render_of(family)(recipe_of(family, STYLES[family][0], size=1024), 1)
    assert image.shape == (1024, 1024, 3) and image.std() > 20


@pytest.mark.parametrize("family", MODULES)
def test_the_same_image_for_any_count_order_and_thread(family: str) -> None:
    recipe, render = recipe_of(family, STYLES[family][0], count=10), render_of(family)
    alone = [digest(render(replace(recipe, count=i + 1), i)[0]) for i in reversed(range(10))][::-1]
    other = recipe_of(family, STYLES[family][1], size=64)
    with ThreadPoolExecutor(3) as pool:
        # Images of another size in between: nothing may be left over in a thread's buffers.
        mixed = list(pool.map(lambda i: digest(render(other if i % 3 == 2 else recipe, i // 3)[0]), range(30)))
    assert [mixed[3 * i] for i in range(10)] == alone == [mixed[3 * i + 1] for i in range(10)]
    assert len(set(alone)) == 10


@pytest.mark.parametrize("family", MODULES)
def test_nothing_of_an_earlier_image_shows(family: str) -> None:
    recipe, render = recipe_of(family, STYLES[family][0], size=129), render_of(family)
    clean = [digest(render(recipe, i)[0]) for i in range(4)]
    buffers = canvas_of(129)
    for array in (buffers.levels, buffers.tints, buffers.colours, buffers.field, buffers.palettes, buffers.looks):
        array[:] = np.nan
    assert [digest(render(recipe, i)[0]) for i in range(4)] == clean


@pytest.mark.parametrize("family", MODULES)
def test_sets_are_the_same_for_any_workers_and_can_be_extended(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, family, FAMILIES[family]._replace(shard=4))
    recipe = recipe_of(family, STYLES[family][0], count=11, size=32)
    first = make(replace(recipe, count=6), tmp_path / "one", workers=1, quiet=True)
    make(recipe, first, workers=1, quiet=True)
    second = make(recipe, tmp_path / "two", workers=2, quiet=True)
    names = sorted(path.name for path in first.glob("*.h5"))
    assert names == [f"{family}-{shard:05d}.h5" for shard in range(3)]
    assert [(first / name).read_bytes() for name in names] == [(second / name).read_bytes() for name in names]
    images = MixingSet(second)
    assert len(images) == 11
    for index in (0, 5, 10):
        np.testing.assert_array_equal(images[index], render_of(family)(recipe, index)[0])


@pytest.mark.parametrize(("family", "style"), ALL)
def test_params_make_the_image_again(family: str, style: str) -> None:
    image, seed, params = render_of(family)(recipe_of(family, style, seed=5), 7)
    again, summary = MODULES[family].draw(params["style"], (48, 48), seed, params["attempt"])
    assert (again == image).all()
    assert summary.items() <= params.items()
    assert params["index"] == 7 and json.loads(json.dumps(params)) == params


@pytest.mark.parametrize("family", MODULES)
def test_seeds_and_styles_differ(family: str) -> None:
    seen = {
        digest(render_of(family)(recipe_of(family, style, size=32, seed=seed), 0)[0])
        for seed in (0, 1, 2**64 - 1)
        for style in STYLES[family]
    }
    # A mixed image may be the one of the style that was drawn.
    assert len(seen) >= 3 * len(STYLES[family]) - (3 if family == "julia" else 0)


@pytest.mark.parametrize(("family", "style"), ALL)
def test_redraws_are_bounded_and_recorded(family: str, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES[family].FILTERS, style, filters.Filter(1.0, 0.0, 99.0))
    _, _, params = render_of(family)(recipe_of(family, style, size=32), 0)
    assert params["attempt"] == 7
    assert params["refused"] == ["colour_entropy"] * 8


@pytest.mark.parametrize("family", MODULES)
def test_a_refused_draw_is_followed_by_another(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    style = STYLES[family][0]
    for index in range(30):
        drawn = [MODULES[family].draw(style, (32, 32), image_seed(0, index), attempt)[0] for attempt in (0, 1)]
        first, second = (filters.figures(image).contrast for image in drawn)
        if second > first + 5:
            break
    monkeypatch.setitem(MODULES[family].FILTERS, style, filters.Filter(1.0, (first + second) / 2, 0.0))
    image, _, params = render_of(family)(recipe_of(family, style, count=30, size=32), index)
    assert params["attempt"] == 1 and params["refused"] == ["contrast"]
    assert (image == drawn[1]).all()


BARS = {
    "deadleaves": (0.1, 40, 1.6, 4.5),
    "spectrum": (0.1, 40, 0.9, 4.5),
    "julia": (0.15, 45, 1.6, 4),
    "plasma": (0.1, 45, 1.5, 4.5),
    "programs": (0.1, 50, 1.6, 4.5),
    "moire": (0.1, 50, 1.6, 4.5),
    "visualatom": (0.1, 45, 1.6, 5),
}


@pytest.mark.parametrize("family", MODULES)
def test_default_styles_are_as_rich_as_photographs(family: str) -> None:
    """Medians over 24 images at 256 pixels; those of photographs are in `mixset._store.statistics.PHOTOGRAPHS`."""
    recipe = recipe_of(family, STYLES[family][0], count=24, size=256, seed=11)
    assert recipe == load(FAMILIES[family].recipe)(count=24, size=256, seed=11)
    found = statistics.medians([image for image, _, _ in MODULES[family].FORMULA.render_all(recipe, range(24))])
    flat, contrast, bits, colours = BARS[family]
    assert found.flat_tiles <= flat and found.contrast >= contrast
    assert found.bits_per_pixel >= bits and found.colour_entropy >= colours


def test_nothing_here_draws_from_numpys_global_generator() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for family, style in ALL:
        render_of(family)(recipe_of(family, style, size=32), 0)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize("family", MODULES)
@pytest.mark.parametrize(
    ("field", "value"), [("size", 31), ("size", 64.0), ("seed", -1), ("seed", 2**64), ("count", 0), ("count", True)]
)
def test_bad_fields_are_refused_by_name(family: str, field: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"^{field}: ") as error:
        load(FAMILIES[family].recipe)(**{field: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("family", MODULES)
def test_recipes_know_their_styles_and_their_json(family: str) -> None:
    known = ", ".join(STYLES[family])
    with pytest.raises(InputError, match=rf"^style: unknown style 'oil'; known ones are {known}$"):
        recipe_of(family, "oil")
    for style in STYLES[family]:
        recipe = recipe_of(family, style, seed=2**64 - 1)
        values = json.loads(json.dumps(recipe.to_json()))
        assert values["family"] == family and "count" not in values
        assert type(recipe).from_json(values, count=recipe.count) == recipe
    with pytest.raises(InputError, match=r"^recipe: family 'fractals'"):
        type(recipe).from_json(values | {"family": "fractals"}, count=1)
