"""The recipe: what it refuses, and what it says of itself."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from mixset._common.errors import InputError
from mixset.generate._fractals.recipe import FractalRecipe


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 31),
        ("size", 1025),
        ("size", float("nan")),
        ("size", 64.0),
        ("size", "64"),
        ("size", True),
        ("seed", -1),
        ("seed", 2**64),
        ("seed", None),
        ("count", 0),
        ("count", -5),
        ("count", float("inf")),
    ],
)
def test_bad_fields_are_refused_by_name(field: str, value: float | str | None) -> None:
    with pytest.raises(InputError, match=rf"^{field}: ") as error:
        FractalRecipe(**{field: value})
    assert "\n" not in str(error.value)


def test_an_unknown_style_gets_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"^style: unknown style 'oil'; known ones are layered, single, grey, flame, attractors$"
    ):
        FractalRecipe(style="oil")


def test_json_holds_all_but_the_count() -> None:
    recipe = FractalRecipe(count=5, size=64, seed=2**64 - 1, style="flame")
    values = json.loads(json.dumps(recipe.to_json()))
    assert "count" not in values
    assert FractalRecipe.from_json(values, count=5) == recipe
    assert dataclasses.replace(recipe, count=9).to_json() == values


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "leaves"}, "family 'leaves'"),
        ({"content_version": 99}, "content_version 99"),
        ({"colour": 1}, "fields colour"),
        ({"size": 8}, "^size: 8 is out of range"),
    ],
)
def test_json_of_another_kind_is_refused(change: dict[str, str | int], message: str) -> None:
    values = FractalRecipe().to_json() | change
    with pytest.raises(InputError, match=message):
        FractalRecipe.from_json(values, count=1)


def test_json_that_lacks_a_field_is_refused() -> None:
    values = FractalRecipe().to_json()
    del values["style"]
    with pytest.raises(InputError, match="fields style"):
        FractalRecipe.from_json(values, count=1)


def test_numpys_whole_numbers_become_pythons() -> None:
    recipe = FractalRecipe(count=np.int64(3), size=np.uint16(64), seed=np.uint64(2**63))
    assert recipe == FractalRecipe(count=3, size=64, seed=2**63)
    assert json.loads(json.dumps(recipe.to_json()))["size"] == 64


def test_recipes_are_frozen_and_styles_known() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FractalRecipe().size = 64
    assert [FractalRecipe(style=style).style for style in FractalRecipe.styles] == list(FractalRecipe.styles)
