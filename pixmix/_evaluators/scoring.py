"""The anomaly scores of an evaluation: prepared once, then asked for every set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixset._common.errors import InputError

from ..measures import Undefined
from ..scores import Material, Outputs, Score, ScoreSettings, choose_settings, find_score, make_score


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A score that is ready, and how it came to its settings."""

    score: Score | None
    """None where the images that it is prepared from give none; `undefined` says why."""
    undefined: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What results say of it once: `settings`, and the `trials` that they were chosen from."""


_GIVEN = {"validation": "held_out", "training": "training"}
"""What scores need, and the argument that gives it."""


_WORDS = {"validation": "images that are held out from all that is measured", "training": "the training images"}


def check_scores(scores: Any, measured: bool, **given: Any) -> None:
    """InputError where a score lacks images that it needs, or where something is given that no score will use.

    Args:
        scores: the settings, or None.
        measured: whether a suite measures scores.
        given: `held_out`, `training` and `tuning`, each None where there are none.
    """
    if scores is not None and not isinstance(scores, ScoreSettings):
        raise InputError(f"scores: ScoreSettings are needed, got {scores!r}")
    for name in ("training", "tuning"):
        if given[name] is not None and not measured:
            raise InputError(f"{name}: is for scores, which no suite here measures; leave it out")
    split = isinstance(given["held_out"], str)
    if given["tuning"] is not None and (given["held_out"] is None or split):
        raise InputError("tuning: outliers are told from held-out images, so give those, too: `held_out`")
    if scores is None or not measured:
        return
    for name in scores.names:
        for need in find_score(name).needs:
            if need == "turned" and scores.rotations is None:
                raise InputError(f"score {name}: needs the rotation head of a network that was trained by RotPred")
            if need in _GIVEN and (given[_GIVEN[need]] is None or (split and need == "validation")):
                raise InputError(f"score {name}: needs {_WORDS[need]}: `{_GIVEN[need]}`")


def prepare(settings: ScoreSettings, material: Material, tuning: Outputs | None = None) -> dict[str, Prepared]:
    """Every score of an evaluation by its name.

    Those that have a sweep, and whose settings are not given, are tuned where there are outliers to tune on.

    Args:
        settings: which scores there are.
        material: what they are prepared from.
        tuning: outputs of outliers that are not measured; `material.validation` is what they are told from.

    Raises:
        InputError: as `make_score`; names the score.
    """
    return {name: _prepare(name, settings, material, tuning) for name in settings.names}


def _prepare(name: str, settings: ScoreSettings, material: Material, tuning: Outputs | None) -> Prepared:
    row, chosen = find_score(name), dict(settings.settings.get(name, {}))
    about: dict[str, Any] = {}
    with named(name):
        if row.sweep and not chosen and tuning is not None and material.validation is not None:
            choice = choose_settings(name, material, material.validation, tuning)
            chosen = choice.settings
            about["trials"] = [{"settings": tried, "auroc": value} for tried, value in choice.trials]
        if all_settings := {**row.settings, **chosen}:
            about = {"settings": all_settings, **about}
        try:
            score = make_score(name, material, **chosen)
        except Undefined as error:
            return Prepared(score=None, undefined=str(error))

    def scored(outputs: Outputs) -> np.ndarray:
        with named(name):
            return score(outputs)

    return Prepared(score=scored, about=about)


@contextlib.contextmanager
def named(name: str) -> Iterator[None]:
    """Errors begin with the score's name."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(f"score {name}"):
            raise
        raise InputError(f"score {name}: {error}") from None


def logits_and_labels(outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
    """(N, classes) and (N,), of images that have labels."""
    assert outputs.labels is not None, "they are known for all that is measured"
    return outputs.logits, outputs.labels
