"""Laws of every drawn family: one image at every size and shape, and styles and families that share nothing."""

from __future__ import annotations

import functools
import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixset import InputError, MixingSet
from mixset.generate import FractalRecipe, FVisRecipe, make
from mixset.generate._drawing.rng import Draws, image_seed
from mixset.generate._fractals import grounds
from mixset.generate._job.families import FAMILIES, load

CASES = [
    ("fractals", "layered"),
    ("fractals", "single"),
    ("fractals", "flame"),
    ("fractals", "attractors"),
    ("deadleaves", "textured"),
    ("spectrum", "colour"),
    ("julia", "newton"),
    ("plasma", "layered"),
    ("programs", "colour"),
    ("moire", "sized"),
    ("visualatom", "filled"),
]


def drawn(family: str, style: str, shape: tuple[int, int], index: int) -> np.ndarray:
    draw = FAMILIES[family].draw
    assert draw is not None
    return load(draw)(style, shape, image_seed(0, index), 0)[0]


@functools.cache
def kept(family: str, style: str, shape: tuple[int, int], index: int) -> np.ndarray:
    """An image that several tests look at, read-only."""
    image = drawn(family, style, shape, index)
    image.setflags(write=False)
    return image


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two images scaled to 24 pixels."""
    small = [np.asarray(Image.fromarray(image).resize((24, 24), Image.Resampling.BOX)) for image in (one, other)]
    return float(np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1])


@pytest.mark.parametrize(("family", "style"), CASES)
@pytest.mark.parametrize("size", [64, 100, 300])
def test_an_image_is_the_same_at_every_size(family: str, style: str, size: int) -> None:
    alike = [likeness(kept(family, style, (size, size), i), kept(family, style, (200, 200), i)) for i in range(4)]
    assert min(alike) > 0.9, alike


@pytest.mark.parametrize("kind", ["julia", "warp", "plasma", "spiral", "gradient"])
def test_a_ground_is_the_same_at_every_size(kind: str) -> None:
    """As places on the circle of a palette: whole turns are the same colour."""
    fields = []
    for side in (128, 512, 700):
        out = np.empty((side, side), np.float32)
        grounds.sample_ground(Draws(4, 0), out, {kind: 1.0})
        places = (2 * np.arange(64) + 1) * side // 128
        fields.append(np.exp(2j * np.pi * out[places][:, places]))
    for one, other in itertools.combinations(fields, 2):
        assert np.mean(one * other.conj()).real > (0.8 if kind == "julia" else 0.95)


@pytest.mark.parametrize(("family", "style"), CASES)
@pytest.mark.parametrize("shape", [(160, 96), (60, 100)])
def test_an_image_that_is_not_square_is_the_middle_of_the_square_one(
    family: str, style: str, shape: tuple[int, int]
) -> None:
    height, width = shape
    side = max(shape)
    top, left = (side - height) // 2, (side - width) // 2
    for index in range(2):
        image, square = drawn(family, style, shape, index), kept(family, style, (side, side), index)
        assert image.shape == (*shape, 3) and image.flags.c_contiguous
        part = square[top : top + height, left : left + width]
        # Tones are stretched to what is kept.
        assert np.corrcoef(image.ravel(), part.ravel())[0, 1] > 0.95


def test_the_grey_style_is_cut_to_the_pixel() -> None:
    square = drawn("fractals", "grey", (160, 160), 5)
    np.testing.assert_array_equal(drawn("fractals", "grey", (160, 96), 5), square[:, 32:128])
    np.testing.assert_array_equal(drawn("fractals", "grey", (96, 160), 5), square[32:128])


def test_styles_of_one_seed_share_nothing() -> None:
    """Their images are as unlike as those of two seeds; where they shared a stream, these two shared their grounds."""
    singles, flames = ([drawn("fractals", style, (32, 32), i) for i in range(40)] for style in ("single", "flame"))
    same = np.mean([abs(likeness(one, other)) for one, other in zip(singles, flames, strict=True)])
    other = np.mean([abs(likeness(singles[i], flames[i - 1])) for i in range(40)])
    assert same < other + 0.08


def test_streams_of_two_names_share_no_word() -> None:
    names = ["", "fractals single", "fractals flame", "plasma clouds"]
    words = [{Draws(7, attempt, name).word() for _ in range(3)} for name in names for attempt in (0, 1)]
    assert len(set.union(*words)) == len(words)
    draws = Draws(7, 0, "fractals single"), Draws(7, 0, "fractals single")
    assert [draws[0].word() for _ in range(100)] == [draws[1].word() for _ in range(100)]


def test_every_family_draws_from_a_stream_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def refuse(self: Draws, seed: object, attempt: object, stream: str = "") -> None:
        seen.append(stream)
        raise ZeroDivisionError

    monkeypatch.setattr(Draws, "__init__", refuse)
    for family, style in CASES:
        with pytest.raises(ZeroDivisionError):
            drawn(family, style, (32, 32), 0)
    assert seen == [f"{family} {style}" for family, style in CASES]


def test_recipes_take_a_side_or_height_and_width() -> None:
    assert FractalRecipe(size=64).shape == (64, 64)
    wide = FractalRecipe(count=3, size=(64, 96))
    assert wide.shape == (64, 96) and wide.to_json()["size"] == [64, 96]
    assert FractalRecipe.from_json(wide.to_json(), count=3) == wide
    assert FractalRecipe(size=(64, 64)) == FractalRecipe(size=64), "a square has one recipe"
    for size in ((64, 31), (64, 1025), (64,), (64, 64, 3), (64, True), (64, 64.0)):
        with pytest.raises(InputError, match=r"^size: "):
            FractalRecipe(size=size)
    with pytest.raises(InputError, match=r"^size: .* square"):
        FVisRecipe(network="resnet18", size=(64, 96))


def test_a_set_that_is_not_square(tmp_path: Path) -> None:
    recipe = FractalRecipe(count=3, size=(40, 64), style="grey")
    images = MixingSet(make(recipe, tmp_path / "wide", workers=1, quiet=True))
    assert [image.shape for image in images] == [(40, 64, 3)] * 3
    assert "40 x 64 pixels" in images.details()[0]


def test_a_set_of_an_older_content_version_is_read_but_not_extended_or_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mixset._store import check
    from mixset.generate import render
    from mixset.generate._job.job import remake

    monkeypatch.setattr(FractalRecipe, "content_version", 1)
    old = make(FractalRecipe(count=2, size=32), tmp_path / "old", workers=1, quiet=True)
    monkeypatch.undo()
    assert len(MixingSet(old)) == 2 and not check.check(old, quiet=True).damage
    with pytest.raises(InputError, match="content_version"):
        make(FractalRecipe(count=3, size=32), old, workers=1, quiet=True)
    with pytest.raises(InputError, match=r"content_version 1, but this release makes 2; .* make a new set"):
        render(old, 0)
    (old / "fractals-00000.h5").unlink()
    with pytest.raises(InputError, match="content_version 1, but this release makes 2"):
        check.check(old, remake=remake, quiet=True)


@pytest.mark.parametrize(
    ("family", "style", "golden"),
    [
        ("fractals", "layered", "01ec3157469bce61"),
        ("spectrum", "colour", "937f3fc8a9ddcb02"),
        ("julia", "mixed", "2a91d06c8772bb99"),
    ],
)
def test_golden_images_that_are_not_square(family: str, style: str, golden: str) -> None:
    """When this fails on purpose, raise the recipe's content_version and write the new digests here."""
    image = drawn(family, style, (50, 80), 3)
    assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == golden
