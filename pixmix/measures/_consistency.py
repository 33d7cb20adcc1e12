"""Consistency along perturbation sequences: flip probability and top-5 distance, mFR and mT5D.

Hendrycks & Dietterich (2019), section 3. Both need of a frame no more than its `top_classes`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mixset._common.errors import InputError

from ._rankings import TOP


def is_noise(perturbation: str) -> bool:
    """Whether a perturbation's frames are compared with the first, clean one: those with "noise" in their name."""
    return "noise" in perturbation


def sequence_flips(top: np.ndarray, *, noise: bool, difficulty: int = 1) -> np.ndarray:
    """The share of comparisons in each sequence in which the predicted class differs: (N,) float64.

    Args:
        top: (N, frames, up to 5) class numbers, of `top_classes`.
        noise: compare every later frame with the first; otherwise each with the one `difficulty` before it.
        difficulty: 1 is what everyone reports. Noise has other sequences (`NAME_2`, `NAME_3`) for higher ones, so it
            does not matter there.

    Raises:
        InputError: no sequence, too few frames for one comparison.
    """
    before, after = _compared(top, noise, difficulty)
    return (before[:, :, 0] != after[:, :, 0]).mean(axis=1)


def sequence_t5d(top: np.ndarray, *, noise: bool, difficulty: int = 1) -> np.ndarray:
    """The mean top-5 distance of each sequence's comparisons: (N,) float64, from 0 to 15.

    σ(i) is the rank in a frame of the class that has rank i in the frame it is compared with; their distance is
    Σ |i − min(σ(i), 6)| over i = 1 to 5. Arguments and errors are those of `sequence_flips`.
    """
    before, after = _compared(top, noise, difficulty)
    ranks = np.arange(1, top.shape[2] + 1)
    distance = np.zeros((len(after), after.shape[1]), np.int64)
    for index, rank in enumerate(ranks):  # one rank at a time: 31 frames of 10,000 images stay within 10 MB
        same = before[:, :, index, None] == after
        found = np.where(same.any(axis=2), same.argmax(axis=2) + 1, TOP + 1)
        distance += np.abs(rank - found)
    return distance.mean(axis=1)


def flip_probability(top: np.ndarray, *, noise: bool, difficulty: int = 1) -> float:
    """FP: the mean of `sequence_flips` over the sequences, a fraction."""
    return float(sequence_flips(top, noise=noise, difficulty=difficulty).mean())


def t5d(top: np.ndarray, *, noise: bool, difficulty: int = 1) -> float:
    """T5D: the mean of `sequence_t5d` over the sequences."""
    return float(sequence_t5d(top, noise=noise, difficulty=difficulty).mean())


def flip_rates(probabilities: Mapping[str, float], reference: Mapping[str, float] | None = None) -> dict[str, float]:
    """FR of each perturbation: its flip probability, over the reference's where there is one.

    Args:
        probabilities: perturbation → FP.
        reference: `alexnet_flip_probabilities()` for ImageNet-P; None where FPs are not normalised: CIFAR-P.

    Raises:
        InputError: no perturbation, no number of at least 0, or a perturbation that the reference lacks.
    """
    return _relative(probabilities, reference, "flip probability")


def mfr(probabilities: Mapping[str, float], reference: Mapping[str, float] | None = None) -> float:
    """Mean flip rate over the perturbations given; arguments and errors are those of `flip_rates`."""
    return float(np.mean(list(flip_rates(probabilities, reference).values())))


def mt5d(distances: Mapping[str, float], reference: Mapping[str, float] | None = None) -> float:
    """Mean top-5 distance over the perturbations given, as `mfr`; the reference is `alexnet_t5d()` for ImageNet-P."""
    return float(np.mean(list(_relative(distances, reference, "top-5 distance").values())))


def _compared(top: np.ndarray, noise: bool, difficulty: int) -> tuple[np.ndarray, np.ndarray]:
    """The frames to compare with, and those compared: (N, 1 or comparisons, 5) and (N, comparisons, 5)."""
    if top.ndim != 3 or 0 in top.shape or not 1 <= top.shape[2] <= TOP:
        raise InputError(f"sequences: top classes of shape (N, frames, 1 to 5), N > 0, are needed, got {top.shape}")
    if difficulty < 1:
        raise InputError(f"difficulty must be at least 1, got {difficulty}")
    step = 1 if noise else difficulty
    if top.shape[1] <= step:
        raise InputError(f"sequences of {top.shape[1]} frames have nothing to compare at difficulty {step}")
    return (top[:, :1] if noise else top[:, :-step]), top[:, step:]


def _relative(values: Mapping[str, float], reference: Mapping[str, float] | None, what: str) -> dict[str, float]:
    if not values:
        raise InputError(f"{what}: no perturbation is given; at least one is needed")
    result = {}
    for name, value in values.items():
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{what} of {name}: a number of at least 0 is needed, got {value}")
        if reference is not None and name not in reference:
            raise InputError(f"{what} of {name}: no reference to divide by; known: {', '.join(reference)}")
        result[name] = float(value) / (1.0 if reference is None else reference[name])
    return result
