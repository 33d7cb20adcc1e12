"""The suite p: how much predictions change along perturbation sequences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .. import measures
from ..readers import PerturbedSet
from .entries import Entry, intervals
from .evaluation import Evaluation, Metrics
from .sets import about_set

MEANS: dict[str, tuple[Callable[..., float], Callable[[], dict[str, float]], float]] = {
    "mfr": (measures.mfr, measures.alexnet_flip_probabilities, 1.0),
    "mt5d": (measures.mt5d, measures.alexnet_t5d, 15.0),
}
"""Each mean over perturbations, AlexNet's numbers for it, and its highest value."""


def consistency(evaluation: Evaluation) -> Metrics:
    """FP and T5D of each perturbation, mFR and mT5D; over AlexNet's, too, where the network has ImageNet's classes."""
    reader: PerturbedSet = evaluation.sets["p"]
    names = (*reader.perturbations, *reader.extra)
    flips: dict[str, np.ndarray] = {}
    distances: dict[str, np.ndarray] = {}
    for number, name in enumerate(names, 1):
        sequences = reader.sequences(name)
        top = evaluation.sequences(name, sequences, f"p {name}: sequences ({number} of {len(names)} sets)")
        flips[name] = measures.sequence_flips(top, noise=measures.is_noise(name))
        distances[name] = measures.sequence_t5d(top, noise=measures.is_noise(name))
    about, whole = about_set(reader, len(flips[names[0]]))
    yield "set", {**whole, "perturbations": list(reader.perturbations), "extra": list(reader.extra)}
    height, width = sequences.shape[-3:-1]
    of_imagenet = evaluation.classes((height, width)) == 1000
    ends = {}
    for name, each in (("mfr", flips), ("mt5d", distances)):
        mean_over, alexnet, highest = MEANS[name]
        means = {perturbation: float(each[perturbation].mean()) for perturbation in reader.perturbations}
        by_sequence = np.mean([each[perturbation] for perturbation in means], axis=0)
        interval, *ends[name] = _intervals(np.stack([by_sequence, *each.values()], axis=1), evaluation.seed, highest)
        yield name, {"value": mean_over(means), **interval, **about}
        if of_imagenet:
            reference = alexnet()
            relative = np.mean([each[perturbation] / reference[perturbation] for perturbation in means], axis=0)
            value = {"value": mean_over(means, reference), **_intervals(relative[:, None], evaluation.seed)[0]}
            yield f"{name}_alexnet", {**value, **about, **({"provisional": True} if name == "mt5d" else {})}
    for number, name in enumerate(names):
        fp = {"value": float(flips[name].mean()), **ends["mfr"][number], **about}
        t5d = {"value": float(distances[name].mean()), **ends["mt5d"][number], **about}
        yield name, {**fp, "counted": name in reader.perturbations, "t5d": t5d}


def _intervals(values: np.ndarray, seed: int, highest: float = math.inf) -> list[Entry]:
    """Intervals of means over sequences (N, measures); all perturbations show the same images, drawn together."""
    return intervals(measures.mean_of(values), len(values), seed=seed, within=(0.0, highest))
