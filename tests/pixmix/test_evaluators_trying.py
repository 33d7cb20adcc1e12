"""Settings that scores cannot have are refused when they are given, those that images or network do not allow before
any image of a set goes through the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scored_samples as samples

import pixmix
from mixset._common.errors import InputError
from pixmix import scores
from pixmix.scores import _ranges
from pixmix.scores._table import SCORES

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("name", "setting", "value", "line"),
    [
        ("knn", "k", 0, "score_settings knn.k: a whole number from 1 to 2,147,483,648 is needed, got 0"),
        ("knn", "k", 2.5, "score_settings knn.k: a whole number"),
        ("nnguide", "k", True, "score_settings nnguide.k: a whole number"),
        ("nnguide", "share", 1.5, "score_settings nnguide.share: a number from 0 to 1 is needed, got 1.5"),
        ("gen", "largest", "many", "score_settings gen.largest: a whole number"),
        ("gen", "gamma", float("nan"), "score_settings gen.gamma: a number"),
        ("vim", "dimension", -1, "score_settings vim.dimension: a whole number"),
        ("react", "percentile", 200, "score_settings react.percentile: a number from 0 to 100 is needed, got 200"),
        ("nci", "alpha", -1, "score_settings nci.alpha: a number"),
        ("fdbd", "divisor", "width", "score_settings fdbd.divisor: distance or length is needed, got 'width'"),
        ("fdbd", "divisor", 3, "score_settings fdbd.divisor: distance or length"),
        ("odin", "temperature", 0, "score_settings odin.temperature: a number"),
        ("odin", "epsilon", 2, "score_settings odin.epsilon: a number"),
    ],
)
def test_values_that_no_images_allow_are_refused_where_they_are_given(
    name: str, setting: str, value: Any, line: str
) -> None:
    with pytest.raises(InputError) as refused:
        scores.ScoreSettings(names=(name,), settings={name: {setting: value}})
    assert str(refused.value).startswith(line)


def test_every_setting_has_a_range_that_its_default_and_its_sweep_are_in() -> None:
    ranged = {*_ranges.WHOLE, *_ranges.NUMBERS, *_ranges.WORDS}
    for name, row in SCORES.items():
        assert {*row.settings} <= ranged, name
        for setting, default in row.settings.items():
            for value in (default, *row.sweep.get(setting, ())):
                scores.ScoreSettings(names=(name,), settings={name: {setting: value}})


def test_what_a_function_of_ones_own_takes_is_its_own_affair() -> None:
    settings = scores.ScoreSettings(names=("pathlib:Path",), settings={"pathlib:Path": {"k": 0}})
    assert settings.settings["pathlib:Path"] == {"k": 0}


def _measured(net: pixmix.Normalized, chosen: scores.ScoreSettings, **others: Any) -> dict[str, Any]:
    given = {"training": samples.TRAINING, "held_out": samples.HELD, "scores": chosen} | others
    return pixmix.evaluate(net, ["clean", "anomalies"], samples.TEST, **given)


@pytest.mark.parametrize(
    ("name", "settings", "line"),
    [
        ("knn", {"k": 151}, "score knn: k: 151 neighbours are asked for, but there are 150 training images; give"),
        ("nnguide", {"k": 151}, "score nnguide: k: 151 neighbours are asked for, but there are 150 training images"),
        ("vim", {}, "score vim: dimension: 256 of 12 features leave no residual; give less than 12"),
        ("vim", {"dimension": 12}, "score vim: dimension: 12 of 12 features"),
        ("ash_b", {"percentile": 99}, "score ash_b: percentile: 99 drops all of 12 features; give a lower one"),
        ("scale", {"percentile": 100}, "score scale: percentile: 100 drops all of 12 features"),
    ],
)
def test_what_images_or_features_do_not_allow_is_told_before_the_passes(
    name: str, settings: dict[str, Any], line: str
) -> None:
    net = samples.network()
    with pytest.raises(InputError) as refused:
        _measured(net, scores.ScoreSettings(names=(name,), settings={name: settings} if settings else {}))
    assert str(refused.value).startswith(line)
    assert net.body.seen <= 2  # of no set: the trial that finds the last layer


def test_an_unknown_layer_is_told_before_the_passes() -> None:
    net = samples.network()
    with pytest.raises(InputError, match="layer fc2: the network has none of this name"):
        _measured(net, scores.ScoreSettings(names=("knn",), layer="fc2"))
    with pytest.raises(InputError, match="layer first: the logits are not what it makes of its input"):
        _measured(net, scores.ScoreSettings(names=("ash_b",), layer="first"))
    assert net.body.seen <= 2


def test_what_is_allowed_is_measured() -> None:
    """The cut of ReAct is of validation images and may be at any percentile; the settings that are tuned leave out what
    does not fit."""
    settings: dict[str, dict[str, float | str]] = {"knn": {"k": 150}, "react": {"percentile": 100}}
    settings |= {"ash_s": {"percentile": 95}, "vim": {"dimension": 11}}
    found = _measured(samples.network(), scores.ScoreSettings(names=(*settings,), settings=settings))
    assert all("auroc" in found["anomalies"]["mean"][name] for name in settings)
    assert np.isfinite(found["anomalies"]["mean"]["knn"]["auroc"]["value"])
    tuned = _measured(samples.network(), scores.ScoreSettings(names=("knn",)), tuning=samples.TUNING)
    assert tuned["anomalies"]["mean"]["knn"]["settings"]["k"] <= 150
