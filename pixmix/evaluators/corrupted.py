"""The suites c and cbar: errors and calibration under corruptions; and r: on ImageNet-R."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import measures
from ..measures import Answers
from ..readers import CorruptedSet, RenditionSet
from .evaluation import Evaluation, Metrics
from .standard import calibration_of, error_of

Answered = Mapping[str, Mapping[int, Answers]]
"""Corruption → severity → answers."""


def corrupted(suite: str) -> Callable[[Evaluation], Metrics]:
    """The evaluator of suite "c" or "cbar"."""

    def evaluate(evaluation: Evaluation) -> Metrics:
        reader: CorruptedSet = evaluation.sets[suite]
        answered: dict[str, dict[int, Answers]] = {}
        classes = 0
        for name in (*reader.corruptions, *reader.extra):
            for severity in reader.severities(name):
                file = f"{suite}-{name}-{severity}"
                logits, labels = evaluation.labelled(file, reader.pictures(name, severity))
                answered.setdefault(name, {})[severity] = measures.answers(logits, labels)
                classes = logits.shape[1]
        counted = {name: answered[name] for name in reader.corruptions}
        yield "mce", {"value": _mce(counted), **_common(counted, reader), "interval": _interval(counted, evaluation)}
        if suite == "c" and classes == 1000:
            reference = measures.alexnet_errors()
            yield "mce_alexnet", {"value": measures.mce(_errors(counted), reference), **_common(counted, reader)}
            if evaluation.given is not None:
                clean = measures.error(*evaluation.clean())
                relative = measures.relative_mce(_errors(counted), clean, reference)
                yield "relative_mce_alexnet", {"value": relative, **_common(counted, reader)}
        for name, each in answered.items():
            error = measures.corruption_errors(_errors({name: each}))[name]
            by_severity = {str(severity): float(np.mean(~given.right)) for severity, given in each.items()}
            yield name, {"value": error, "n": _count(each), "severities": by_severity, "counted": name in counted}
        yield from _calibration(counted, reader, evaluation.seed)

    return evaluate


def _errors(answered: Answered) -> dict[str, dict[int, float]]:
    return {
        name: {severity: float(np.mean(~given.right)) for severity, given in each.items()}
        for name, each in answered.items()
    }


def _mce(answered: Answered) -> float:
    return measures.mce(_errors(answered))


def _count(by_severity: Mapping[int, Answers]) -> int:
    """Pictures, each of which is there at every severity."""
    return len(next(iter(by_severity.values())).right)


def _common(answered: Answered, reader: CorruptedSet) -> dict[str, Any]:
    """What belongs to every mean: its pictures, where they are from, what is left out."""
    return {
        "n": _count(next(iter(answered.values()))),
        "corruptions": list(answered),
        "source": reader.source,
        "problems": list(reader.problems),
    }


def _interval(answered: Answered, evaluation: Evaluation) -> list[float]:
    """Of the mean error: all corruptions show the same pictures, so each picture's mean over them is resampled."""
    wrong = np.mean([np.mean([~given.right for given in each.values()], axis=0) for each in answered.values()], axis=0)
    found = measures.bootstrap(measures.mean_of(wrong), len(wrong), seed=evaluation.seed, within=(0.0, 1.0))
    return found.tolist()


def _calibration(answered: Answered, reader: CorruptedSet, seed: int) -> Metrics:
    """Every calibration error in both poolings; the mean over the corruptions, and each one's."""
    for pooling in ("corruption", "severity"):
        for name, measure in measures.CALIBRATION.items():
            each = measures.pooled_calibration(answered, measure, pooling=pooling)
            value = {"value": float(np.mean(list(each.values()))), "by_corruption": each}
            yield f"{name}_by_{pooling}", {**value, **_common(answered, reader)}


def renditions(evaluation: Evaluation) -> Metrics:
    """Error and calibration on ImageNet-R, among its 200 classes."""
    reader: RenditionSet = evaluation.sets["r"]
    logits, labels = evaluation.labelled("r", reader.pictures)
    chosen = measures.imagenet_r_logits(logits)
    about = {"source": reader.source, "problems": list(reader.problems)}
    yield "error", {**error_of(chosen, labels), **about}
    for name, entry in calibration_of(chosen, labels, evaluation.seed).items():
        yield name, {**entry, **about}
