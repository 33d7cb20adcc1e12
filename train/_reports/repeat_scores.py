"""The flags of an evaluation's scores and temperatures, read back from what it measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from mixset._common.errors import InputError
from pixmix._evaluators.set_names import TEMPERED
from pixmix.scores import find_score
from pixmix.scores._settings import PAPER

from .runs import Run

OF_FILE = "held_out"
"""What a temperature says it was fitted on where a file of logits holds the images."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the scores and temperatures of a run were asked for."""

    words: list[str]
    """The flags."""
    suites: set[str]
    """The suites that no run measures so at its end."""


def asked_scores(run: Run) -> Asked:
    """The flags that `pixmix evaluate` takes for the scores, their settings and the images beside the test images."""
    mine = _scores(run.entry("anomalies", "mean"))
    scores = {**run.entry("openood", "scores"), **mine}
    others = [name for name in scores if name != "msp"]
    words = ["--score", *others] if others and {"msp", *others} != {*PAPER} else []
    settings = [word for name, entry in scores.items() for word in _settings(name, entry)]
    words += ["--score-settings", *settings] if settings else []
    own = {str((run.config or {}).get("dataset")), str(run.metrics.get("dataset"))}
    fitted = _fitted_on(run)
    given = {
        "--calibrate-on": [*fitted.values(), *_said(scores, "held_out")],
        "--tune-on": _said(scores, "tuning"),
        "--training-images": [name for name in _said(scores, "training") if name not in own],
    }
    for flag, names in given.items():
        words += [flag, names[0]] if names else []
    return Asked(words, {*fitted, *(["anomalies"] if mine and {"msp", *mine} != {*PAPER} else [])})


def _scores(mean: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Score → what the suite anomalies says of it once; but for MSP, whose measures stand there by themselves."""
    return {
        name: entry
        for name, entry in mean.items()
        if isinstance(entry, dict) and ("auroc" in entry or "undefined" in entry)
    }


def _settings(name: str, entry: dict[str, Any]) -> Iterable[str]:
    """Settings that were given: those that were not tuned and are not the defaults."""
    settings = entry.get("settings", {})
    if "trials" in entry or not isinstance(settings, dict):
        return
    try:
        # Another's score is not looked up: a file names no code.
        default = find_score(name).settings if ":" not in name else {}
    except InputError:
        default = {}
    for setting, value in settings.items():
        if default.get(setting) != value:
            yield f"{name}.{setting}={value}"


def _said(scores: dict[str, dict[str, Any]], kind: str) -> list[str]:
    """What the scores say of the images of a kind."""
    return [str(entry[kind]) for entry in scores.values() if isinstance(entry, dict) and kind in entry]


def _fitted_on(run: Run) -> dict[str, str]:
    """Suite → what its temperature was fitted on, but for images in a file of logits."""
    found = {}
    for suite in TEMPERED:
        measured = run.entry(suite)
        for part in (measured, *measured.values()):
            entry = part.get("temperature") if isinstance(part, dict) else None
            if isinstance(entry, dict) and entry.get("fitted_on") not in (None, OF_FILE):
                found[suite] = str(entry["fitted_on"])
    return found
