"""The suites c, cbar and dcc3: errors and calibration under corruptions; and r: on ImageNet-R."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from mixset._common.errors import InputError

from .. import measures
from ..measures import Answers
from ..readers import CorruptedSet, RenditionSet, number_classes
from ..readers._labels import warn_absent
from .corrupted_calibration import calibration, scaled_calibration
from .digests import Digest, digest
from .entries import Entry, intervals
from .evaluation import Evaluation, Metrics
from .robustbench import board_mce
from .sets import about_set, done_to, image_size
from .standard import all_calibration_of, error_of

Answered = Mapping[str, Mapping[int, Answers]]
"""Corruption → severity → answers."""


IMAGENET_CLASSES = 1000
R_CLASSES = (IMAGENET_CLASSES, 200)
"""How many a network may have that is measured on ImageNet-R."""


def corrupted(suite: str) -> Callable[[Evaluation], Metrics]:
    """The evaluator of suite "c", "cbar" or "dcc3"."""

    def evaluate(evaluation: Evaluation) -> Metrics:
        reader: CorruptedSet = evaluation.sets[suite]
        seen = _seen(evaluation, reader)
        answered = seen.answered
        counted = {name: answered[name] for name in reader.corruptions}
        wrong = {
            name: np.mean([~answers.right for answers in each.values()], axis=0) for name, each in answered.items()
        }
        about, whole = about_set(reader, len(next(iter(wrong.values()))))
        first = next(iter(answered))
        how = done_to(reader.images(first, reader.severities(first)[0]))
        yield "set", {**whole, **how, "corruptions": list(reader.corruptions), "extra": list(reader.extra)}
        errors = _errors(counted)
        mean = np.mean([wrong[name] for name in counted or wrong], axis=0)
        interval = _intervals(np.stack([mean, *wrong.values()], axis=1), evaluation.seed, 1.0)
        if counted:
            yield "mce", {"value": measures.mce(errors), **interval[0], **about}
        else:
            yield "mce", {"undefined": "there is none of the benchmark's corruptions", **about}
        if suite == "c" and seen.classes == IMAGENET_CLASSES and counted:
            yield from _relative_to_alexnet(evaluation, errors, {name: wrong[name] for name in counted}, about)
            if reader.robustbench:
                yield from board_mce(errors, wrong, about, seed=evaluation.seed)
        if suite == "dcc3":
            yield "mce_alexnet", _relative_by_mean(errors, {name: wrong[name] for name in counted}, about, evaluation)
        for (name, each), ends in zip(answered.items(), interval[1:], strict=True):
            by_severity = _errors({name: each})
            value = {"value": measures.corruption_errors(by_severity)[name], **ends, **about}
            severities = {str(severity): error for severity, error in by_severity[name].items()}
            yield name, {**value, "severities": severities, "counted": name in counted}
        if counted:
            yield from _calibration(evaluation, seen, about)

    return evaluate


class _Seen(NamedTuple):
    """What is kept of a network's logits for all images of a set."""

    answered: dict[str, dict[int, Answers]]
    plain: dict[str, dict[int, Digest]]
    """Of the corruptions that count."""
    scaled: dict[str, dict[int, Digest]]
    """The same after temperature scaling; empty where no images are held out, or they give no temperature."""
    classes: int


def _seen(evaluation: Evaluation, reader: CorruptedSet) -> _Seen:
    names = (*reader.corruptions, *reader.extra)
    parts = [(name, severity) for name in names for severity in reader.severities(name)]
    seen = _Seen({name: {} for name in names}, defaultdict(dict), defaultdict(dict), 0)
    fitted = evaluation.temperature
    for number, (name, severity) in enumerate(parts, 1):
        what = f"{reader.suite} {name} {severity} ({number} of {len(parts)} sets)"
        images = reader.images(name, severity)
        logits, labels = evaluation.labelled(f"{reader.suite}-{name}-{severity}", images, what)
        seen = seen._replace(classes=logits.shape[1])
        labels = _numbered(labels, reader, seen.classes)
        seen.answered[name][severity] = measures.answers(logits, labels)
        if name not in reader.corruptions:
            continue
        seen.plain[name][severity] = digest(logits, labels, seen.answered[name][severity])
        if fitted is not None:
            fitted.check(logits)
            if fitted.value is not None:
                seen.scaled[name][severity] = digest(logits / fitted.value, labels)
    return seen


def _numbered(labels: np.ndarray, reader: CorruptedSet, classes: int) -> np.ndarray:
    """Labels by the numbers of the network's classes, of which only how many there are may be known."""
    if reader.classes is not None and not reader.numbered:
        numbers = number_classes(reader.classes, classes, where=reader.root)
        labels = np.array([numbers[name] for name in reader.classes])[labels]
    if labels.max() >= classes:
        raise InputError(f"{reader.root}: has labels up to {labels.max()}, the network has {classes:,} classes")
    if reader.classes is None and not reader.named:
        warn_absent(np.unique(labels).tolist(), classes, reader.root)
    return labels


def _errors(answered: Answered) -> dict[str, dict[int, float]]:
    return {
        name: {severity: float(np.mean(~answers.right)) for severity, answers in each.items()}
        for name, each in answered.items()
    }


def _intervals(wrong: np.ndarray, seed: int, highest: float = math.inf) -> list[Entry]:
    """Intervals of means over images (N, measures). All corruptions show the same images, which are drawn together."""
    return intervals(measures.mean_of(wrong), len(wrong), seed=seed, within=(0.0, highest))


def _relative_to_alexnet(
    evaluation: Evaluation, errors: dict[str, dict[int, float]], wrong: dict[str, np.ndarray], about: dict[str, Any]
) -> Metrics:
    """ImageNet-C's mCE over AlexNet's; and beside clean images how much the error rises above that on them."""
    alexnet = measures.alexnet_errors()
    there = {name: {severity: alexnet[name][severity] for severity in each} for name, each in errors.items()}
    reference = measures.corruption_errors(there)
    mean = np.mean([wrong[name] / reference[name] for name in wrong], axis=0)
    interval = _intervals(mean[:, None], evaluation.seed)[0]
    yield "mce_alexnet", {"value": measures.mce(errors, alexnet), **interval, **about}
    if evaluation.test is None:
        return
    logits, labels = evaluation.clean()
    clean_wrong = ~measures.answers(logits, labels).right
    rises = {name: value - measures.alexnet_clean_error() for name, value in reference.items()}
    risen = measures.mean_of(np.mean([wrong[name] / rises[name] for name in wrong], axis=0))
    from_clean = measures.mean_of(clean_wrong * np.mean([1 / rise for rise in rises.values()]))
    interval = intervals(
        lambda these, clean: risen(these) - from_clean(clean),
        len(mean),
        len(clean_wrong),
        seed=evaluation.seed,
        within=(-math.inf, math.inf),
    )[0]
    value = measures.relative_mce(errors, float(clean_wrong.mean()), alexnet)
    yield "relative_mce_alexnet", {"value": value, **interval, **about}


def _relative_by_mean(
    errors: dict[str, dict[int, float]], wrong: dict[str, np.ndarray], about: dict[str, Any], evaluation: Evaluation
) -> Entry:
    """ImageNet-3DCC's mCE over AlexNet's, of which only the means of all severities are known."""
    if short := [name for name, each in errors.items() if len(each) < len(measures.SEVERITIES)]:
        return {"undefined": f"AlexNet's errors are means of five severities, and {short[0]} has fewer", **about}
    alexnet = measures.alexnet_3dcc_errors()
    mean = np.mean([wrong[name] / alexnet[name] for name in errors], axis=0)
    return {"value": float(mean.mean()), **_intervals(mean[:, None], evaluation.seed)[0], **about}


def _calibration(evaluation: Evaluation, seen: _Seen, about: dict[str, Any]) -> Metrics:
    """Calibration under the corruptions that count; after temperature scaling, too, where images are held out."""
    yield from calibration(seen.plain, about, evaluation.seed)
    if evaluation.temperature is not None:
        yield "temperature", evaluation.temperature.entry
    if seen.scaled:
        yield from scaled_calibration(seen.scaled, about)


def renditions(evaluation: Evaluation) -> Metrics:
    """Error and calibration on ImageNet-R, among its 200 classes."""
    reader: RenditionSet = evaluation.sets["r"]
    if (classes := evaluation.classes(image_size(reader.images))) not in R_CLASSES:
        raise InputError(f"suite r: a network of ImageNet's 1,000 classes (or of R's 200) is needed, it has {classes}")
    logits, labels = evaluation.labelled("r", reader.images, "renditions")
    if (fitted := evaluation.temperature) is not None:
        fitted.check(logits)
    chosen = measures.imagenet_r_logits(logits)
    about, whole = about_set(reader, len(labels))
    yield "set", {**whole, **done_to(reader.images)}
    yield "error", {**error_of(chosen, labels), **about}
    for name, entry in all_calibration_of(chosen, labels, evaluation.seed, fitted).items():
        yield name, {**entry, **about, "n": entry["n"]}
