"""Settings: the paper's defaults, and one line for what is out of range."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

import pytest

import pixmix
from mixset._common.errors import InputError
from pixmix._augment.settings import CIFAR, IMAGENET, MIXINGS, OPS, PixMixSettings, SettingsKeywords


def test_the_papers_settings() -> None:
    assert PixMixSettings(k=4, beta=3.0, aug_severity=3.0, all_ops=True, mixings=("add", "multiply")) == CIFAR
    assert PixMixSettings(k=4, beta=4.0, aug_severity=1.0) == IMAGENET
    assert PixMixSettings().ops == OPS
    assert PixMixSettings(all_ops=False).ops == OPS[:9]
    assert PixMixSettings(all_ops=False).ops[-1] == "translate_y"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("k", -1),
        ("k", 2.0),
        ("k", True),
        ("k", 10**6),
        ("beta", math.nan),
        ("beta", math.inf),
        ("beta", 0.0),
        ("beta", "3"),
        ("beta", None),
        ("aug_severity", math.nan),
        ("aug_severity", 0.0),
        ("aug_severity", 10.1),
        ("all_ops", 1),
        ("mixings", ()),
        ("mixings", "add"),
        ("mixings", ("add", "blend")),
        ("partner", "noise"),
    ],
)
def test_what_is_out_of_range_is_named_in_one_line(field: str, value: Any) -> None:
    with pytest.raises(InputError) as error:
        PixMixSettings(**{field: value})
    line = str(error.value)
    assert line.startswith(f"{field}: ")
    assert "\n" not in line
    if field == "mixings":
        assert all(name in line for name in MIXINGS)


def test_settings_survive_json() -> None:
    settings = PixMixSettings(k=2, mixings=("screen", "add"), partner="mixing_set")
    assert PixMixSettings(**json.loads(json.dumps(dataclasses.asdict(settings)))) == settings


MAKERS: dict[str, Callable[..., Any]] = {
    "transform": lambda **settings: pixmix.PixMix(None, **settings),
    "batch": lambda **settings: pixmix.PixMixBatch(None, **settings),
    "data set": lambda **settings: pixmix.PixMixDataset([(0, 0)], None, seed=0, **settings),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_transform_batch_and_data_set_take_the_same_keywords(maker: str) -> None:
    chosen = {
        "k": 2,
        "beta": 5.0,
        "aug_severity": 0.5,
        "all_ops": False,
        "mixings": ("screen",),
        "partner": "input",
    }
    assert vars(MAKERS[maker](**chosen).settings) == chosen
    assert MAKERS[maker](partner="input").settings == PixMixSettings(partner="input")
    with pytest.raises(InputError, match="k: a whole number from 0"):
        MAKERS[maker](k=-1)
    assert SettingsKeywords.__annotations__.keys() == vars(PixMixSettings()).keys()
