"""Near and far outliers by OpenOOD's definitions, beside the paper's: from scores or outputs of images, by set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mixset._common.errors import InputError

from .. import measures, scores
from .entries import Entry

DETECTION = {**measures.OPENOOD, **measures.DETECTION}
"""OpenOOD's measures in the order of its tables, then the paper's; both have the AUROC."""
Groups = Mapping[str, Sequence[str]]
"""`near` and `far` → the names of their sets."""
Ask = Callable[[str], scores.Outputs]
"""From the name of some images, such as a set's, to the network's outputs for them."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The anomaly scores of a benchmark's images."""

    known: np.ndarray
    """(N,) of in-distribution images."""
    sets: Mapping[str, np.ndarray]
    """Set of outliers → (M,)."""


class Prepared(NamedTuple):
    """A score that is ready, and what results say of it."""

    score: scores.Score | None
    """None where it cannot be had."""
    about: Entry


class Answered(NamedTuple):
    """What is kept of the outputs for some images."""

    scores: dict[str, np.ndarray]
    """Score → (N,)."""
    right: np.ndarray
    """(N,) whether the answer is the label."""


def near_far(of: Scores, groups: Groups, *, seed: int | None = None) -> dict[str, dict[str, Entry]]:
    """Every measure of each set, and of each group its unweighted mean over the sets.

    Args:
        of: the scores.
        groups: those that there are sets of.
        seed: of the intervals, which the measures that OpenOOD and the paper share have; None: no intervals.

    Returns:
        Set or group → measure → entry.
    """
    entries: dict[str, dict[str, Entry]] = {}
    for group, names in groups.items():
        if not names:
            continue
        sets = {name: of.sets[name] for name in names}
        spans = {} if seed is None else measures.detection_intervals(of.known, sets, seed=seed)
        for name, values in sets.items():
            about = {"n": len(of.known), "n_ood": len(values)}
            entries[name] = {
                measure: {"value": function(of.known, values), **about} for measure, function in DETECTION.items()
            }
        about = {"n": len(of.known), "sets": list(names)}
        entries[group] = {
            measure: {"value": float(np.mean([entries[name][measure]["value"] for name in names])), **about}
            for measure in DETECTION
        }
        for name, each in spans.items():
            for measure, interval in each.items():
                entries[group if name == "mean" else name][measure]["interval"] = interval
    return entries


def prepare(names: Sequence[str], material: scores.Material, outliers: scores.Outputs | None) -> dict[str, Prepared]:
    """The scores by name, their settings chosen on validation images as OpenOOD does.

    Args:
        names: as `scores.find_score` takes them.
        material: what they are made of.
        outliers: outputs for validation outliers; None: the settings are the defaults.
    """
    prepared = {}
    for name in names:
        row, about = scores.find_score(name), Entry()
        if missing := [need for need in row.needs if need != "features" and getattr(material, need) is None]:
            prepared[name] = Prepared(None, {"undefined": f"there are no {missing[0]} images"})
            continue
        settings: dict[str, Any] = dict(row.settings)
        if row.sweep and material.validation is not None and outliers is not None:
            choice = scores.choose_settings(name, material, material.validation, outliers)
            settings = choice.settings
            about["trials"] = [{"settings": each, "auroc": value} for each, value in choice.trials]
        if settings:
            about["settings"] = settings
        try:
            prepared[name] = Prepared(scores.make_score(name, material, **settings), about)
        except measures.Undefined as error:
            prepared[name] = Prepared(None, {"undefined": str(error), **about})
    return prepared


def measure(ask: Ask, groups: Groups, shifted: Sequence[str], prepared: Mapping[str, Prepared], seed: int) -> Entry:
    """All that the suite openood says of a network, the outputs of one set in memory at a time.

    Args:
        ask: knows `test`, the sets of the groups and the shifted sets.
        groups: those that there are sets of.
        shifted: the sets that the full spectrum adds to the test images; none: there is no full spectrum.
        prepared: the scores.
        seed: of the intervals of MSP.
    """
    test = _answered(ask("test"), prepared)
    sets = {name: _answered(ask(name), prepared).scores for names in groups.values() for name in names}

    def section(known: Sequence[Answered]) -> Entry:
        by_score: Entry = {}
        for name, (score, about) in prepared.items():
            by_score[name] = about
            if score is not None:
                own = Scores(
                    known=np.concatenate([each.scores[name] for each in known]),
                    sets={each: values[name] for each, values in sets.items()},
                )
                by_score[name] = {**about, **near_far(own, groups, seed=seed if name == "msp" else None)}
        return {"error": _error(np.concatenate([each.right for each in known])), "scores": by_score}

    entries = section([test])
    if shifted:
        others = [_answered(ask(name), prepared) for name in shifted]
        entries["full_spectrum"] = {"sets": list(shifted), **section([test, *others])}
    return entries


def _answered(outputs: scores.Outputs, prepared: Mapping[str, Prepared]) -> Answered:
    right = np.zeros(len(outputs.logits), bool)
    if outputs.labels is not None:
        right = outputs.logits.argmax(1) == outputs.labels
    of_scores = {}
    for name, (score, _) in prepared.items():
        if score is not None:
            try:
                of_scores[name] = score(outputs)
            except InputError as error:
                raise InputError(f"score {name}: {error}") from None
    return Answered(of_scores, right)


def _error(right: np.ndarray) -> Entry:
    value, n = float(1 - right.mean()), len(right)
    return {"value": value, "n": n, "interval": list(measures.error_interval(value, n))}
