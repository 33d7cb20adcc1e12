"""Near and far outliers by OpenOOD's definitions, beside the paper's: from scores or outputs of images, by set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import measures, scores
from .detections import are_log_probabilities
from .entries import Entry
from .scoring import Prepared

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
            about: Entry = {"n": len(of.known), "n_ood": len(values)}
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


def measure(ask: Ask, groups: Groups, shifted: Sequence[str], prepared: Mapping[str, Prepared], seed: int) -> Entry:
    """All that the suite openood says of a network, the outputs of one set in memory at a time.

    Args:
        ask: knows `test`, the sets of the groups and the shifted sets.
        groups: those that there are sets of.
        shifted: the sets that the full spectrum adds to the test images; none: there is no full spectrum.
        prepared: the scores.
        seed: of the intervals of MSP.
    """
    known = ask("test")
    if are_log_probabilities(known.logits) and "energy" in prepared:
        prepared = {**prepared, "energy": Prepared(score=None, undefined="log-probabilities all have the energy 0")}
    test = _answered(known, prepared)
    sets = {name: _answered(ask(name), prepared).scores for names in groups.values() for name in names}

    def section(known: Sequence[Answered]) -> Entry:
        by_score: Entry = {}
        for name, each in prepared.items():
            if each.score is None:
                by_score[name] = {"undefined": each.undefined}
                continue
            own = Scores(
                known=np.concatenate([part.scores[name] for part in known]),
                sets={of: values[name] for of, values in sets.items()},
            )
            by_score[name] = {**each.about, **near_far(own, groups, seed=seed if name == "msp" else None)}
        return {"error": _error(np.concatenate([each.right for each in known])), "scores": by_score}

    entries = section([test])
    if shifted:
        others = [_answered(ask(name), prepared) for name in shifted]
        entries["full_spectrum"] = {"sets": list(shifted), **section([test, *others])}
    return entries


def _answered(outputs: scores.Outputs, prepared: Mapping[str, Prepared]) -> Answered:
    of_scores = {name: each.score(outputs) for name, each in prepared.items() if each.score is not None}
    labels = -1 if outputs.labels is None else outputs.labels
    return Answered(of_scores, outputs.logits.argmax(1) == labels)


def _error(right: np.ndarray) -> Entry:
    value, n = float(1 - right.mean()), len(right)
    return {"value": value, "n": n, "interval": list(measures.error_interval(value, n))}
