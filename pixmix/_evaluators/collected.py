"""The suites of test sets that were collected anew: ImageNet-A, -V2, -Sketch, CIFAR-10.1, -10.2, CINIC-10; and -O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mixset._common.errors import InputError

from .. import measures
from ..measures._cuts import IMAGENET_CLASSES
from ..readers import CIFAR10Set, ImageNetSet
from ..readers._cifar_sets import CIFAR10
from ..readers._problems import resolve
from .evaluation import Evaluation, Metrics
from .set_names import CIFAR10_SETS, COLLECTED
from .sets import about_set, done_to, image_size
from .standard import all_calibration_of, error_of

KNOWN_IMAGES = 10_000
"""Of ImageNet's validation images, those that ImageNet-O is told from: 50 of each of 200 classes."""
SHIFT = "imagenet"
"""The variant of CINIC-10 that is a shift: without CIFAR-10's own images."""


def check_classes(suite: str, count: int) -> None:
    """InputError where a network of so many classes is not one that the suite is for."""
    if suite in (*COLLECTED, "dcc3", "w") and count != IMAGENET_CLASSES:
        raise InputError(f"suite {suite}: a network of ImageNet's 1,000 classes is needed, it has {count:,}")
    if suite in CIFAR10_SETS and count != len(CIFAR10):
        raise InputError(f"suite {suite}: a network of CIFAR-10's 10 classes is needed, it has {count:,}")


def collected(suite: str) -> Callable[[Evaluation], Metrics]:
    """The evaluator of a suite of labelled images: error, calibration and selective prediction.

    Of ImageNet-V2 each variant is measured by itself, under its name; of CINIC-10 all images, and under "imagenet"
    those that are not CIFAR-10's.
    """

    def evaluate(evaluation: Evaluation) -> Metrics:
        reader: ImageNetSet | CIFAR10Set = evaluation.sets[suite]
        first = next(iter(reader.images.values()))
        check_classes(suite, evaluation.classes(image_size(first)))
        answered = _answered(evaluation, reader)
        count = sum(len(labels) for _, labels in answered.values())
        about, whole = about_set(reader, count)
        yield "set", {**whole, **done_to(first)}
        if suite == "cinic10":
            shifted = {SHIFT: answered[SHIFT]} if SHIFT in answered else {}
            parts = [np.concatenate(arrays) for arrays in zip(*answered.values(), strict=True)]
            answered = {"": (parts[0], parts[1]), **shifted}
        for variant, (logits, labels) in answered.items():
            measured = _measured(evaluation, suite, logits, labels)
            entries = {name: {**each, **about, "n": each["n"]} for name, each in measured.items()}
            if variant:
                yield variant, entries
            else:
                yield from entries.items()

    return evaluate


def _answered(evaluation: Evaluation, reader: ImageNetSet | CIFAR10Set) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Variant → logits of the classes that answers are chosen from, and labels."""
    answered = {}
    for variant, images in reader.images.items():
        name = f"{reader.suite}-{variant}" if variant else reader.suite
        logits, labels = evaluation.labelled(name, images, f"{name} images")
        if evaluation.temperature is not None:
            evaluation.temperature.check(logits)
        if isinstance(reader, ImageNetSet) and len(reader.indices) < IMAGENET_CLASSES:
            logits = measures.cut(logits, reader.indices)
        answered[variant] = logits, labels
    return answered


def _measured(evaluation: Evaluation, suite: str, logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Error (of Sketch also that of the five first answers), calibration, and AURRA as ImageNet-A's authors have it."""
    measured: dict[str, Any] = {"error": error_of(logits, labels)}
    if suite == "sketch":
        measured["error_top5"] = _top5(logits, labels)
    measured |= all_calibration_of(logits, labels, evaluation.seed, evaluation.temperature)
    if suite == "a":
        aurc = measured["aurc"]
        span = {"interval": [1 - end for end in reversed(aurc["interval"])]} if "interval" in aurc else {}
        measured["aurra"] = {"value": 1 - aurc["value"], "n": aurc["n"], **span}
    return measured


def _top5(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    wrong = ~(measures.top_classes(logits) == labels[:, None]).any(axis=1)
    value, n = float(wrong.mean()), len(labels)
    return {"value": value, "n": n, "interval": list(measures.error_interval(value, n))}


def mistaken(evaluation: Evaluation) -> Metrics:
    """Detection of ImageNet-O's outliers among the test images of its 200 classes, by the softmax over these classes.

    All outliers count, and all test images of these classes: 2,000 beside 10,000. The score is minus the maximum.
    """
    reader: ImageNetSet = evaluation.sets["o"]
    images = reader.images[""]
    check_classes("o", evaluation.classes(image_size(images)))
    if evaluation.images.known_labels is not None:
        _known_images(reader, evaluation.images.known_labels)  # before the network runs
    logits, labels = evaluation.clean()
    chosen = np.isin(labels, reader.indices)
    problems = _known_images(reader, labels)
    outliers, _ = evaluation.labelled("o", images, "ImageNet-O's images")
    about, whole = about_set(reader, len(outliers))
    about |= {"n": int(chosen.sum()), "n_ood": len(outliers)}
    if problems or reader.problems:
        about["problems"] = [*reader.problems, *problems]
    yield "set", {**whole, **done_to(images), "problems": [*reader.problems, *problems]}
    known = measures.msp(measures.cut(logits[chosen], reader.indices))
    unknown = measures.msp(measures.cut(outliers, reader.indices))
    spans = measures.detection_intervals(known, {"o": unknown}, seed=evaluation.seed).get("o", {})
    for name, measure in measures.DETECTION.items():
        yield name, {"value": measure(known, unknown), **({"interval": spans[name]} if spans else {}), **about}


def _known_images(reader: ImageNetSet, labels: np.ndarray) -> list[str]:
    """A line if the test images are not as many of ImageNet-O's classes as ImageNet's validation set has.

    Raises:
        InputError: they are not, and nothing may be left out; or there is none.
    """
    count = int(np.isin(labels, reader.indices).sum())
    if not count:
        raise InputError("suite o: no test image is of the 200 classes that ImageNet-O is told from")
    if count == KNOWN_IMAGES:
        return []
    line = f"{count:,} test images of ImageNet-O's classes, ImageNet's validation set has {KNOWN_IMAGES:,}"
    return list(resolve("suite o", [line], reader.partial, "AUPR depends on their share: measure all"))
