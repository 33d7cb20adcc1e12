"""The suite p: how much predictions change along perturbation sequences."""

from __future__ import annotations

import numpy as np

from .. import measures
from ..readers import PerturbedSet
from .evaluation import Evaluation, Metrics


def consistency(evaluation: Evaluation) -> Metrics:
    """FP and T5D of each perturbation, mFR and mT5D; over AlexNet's, too, where the network has ImageNet's classes."""
    reader: PerturbedSet = evaluation.sets["p"]
    flips: dict[str, np.ndarray] = {}
    distances: dict[str, np.ndarray] = {}
    for name in (*reader.perturbations, *reader.extra):
        sequences = reader.sequences(name)
        size = sequences.shape[-3:-1]
        top = evaluation.sequences(name, sequences)
        noise = measures.is_noise(name)
        flips[name] = measures.sequence_flips(top, noise=noise)
        distances[name] = measures.sequence_t5d(top, noise=noise)
    about = {
        "n": len(next(iter(flips.values()))),
        "perturbations": list(reader.perturbations),
        "source": reader.source,
        "problems": list(reader.problems),
    }
    counted = reader.perturbations
    fp, t5d = ({name: float(each[name].mean()) for name in counted} for each in (flips, distances))
    for name, values in (("mfr", flips), ("mt5d", distances)):
        by_sequence = np.mean([values[perturbation] for perturbation in counted], axis=0)
        interval = measures.bootstrap(measures.mean_of(by_sequence), len(by_sequence), seed=evaluation.seed)
        mean = measures.mfr(fp) if name == "mfr" else measures.mt5d(t5d)
        yield name, {"value": mean, "interval": interval.tolist(), **about}
    if evaluation.classes(size) == 1000:
        yield "mfr_alexnet", {"value": measures.mfr(fp, measures.alexnet_flip_probabilities()), **about}
        relative = measures.mt5d(t5d, measures.alexnet_t5d())
        yield "mt5d_alexnet", {"value": relative, "provisional": True, **about}
    for name in flips:
        entry = {"fp": float(flips[name].mean()), "t5d": float(distances[name].mean()), "n": len(flips[name])}
        yield name, {"value": entry["fp"], **entry, "counted": name in counted}
