"""Consistency over perturbation sequences: flip probability, top-5 distance, mFR and mT5D.

See Hendrycks & Dietterich (2019), section 3. All are computed from the `top_classes` of each frame.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mixset._common.errors import InputError

from ._rankings import TOP


def is_noise(perturbation: str) -> bool:
    """Whether a perturbation's frames are compared with the first, clean frame: its name contains "noise".

    Example:
        >>> from pixmix import measures
        >>> measures.is_noise("shot_noise"), measures.is_noise("tilt")
        (True, False)
    """
    return "noise" in perturbation


def sequence_flips(top: np.ndarray, *, noise: bool, difficulty: int = 1) -> np.ndarray:
    """The fraction of frame comparisons in each sequence in which the predicted class differs.

    Args:
        top: (N, frames, 1 to 5) class numbers, from `top_classes`.
        noise: compare every later frame with the first, instead of with the frame `difficulty` before it.
        difficulty: the distance of compared frames; 1 is what is commonly reported. Ignored for noise, which has
            separate sequences of higher difficulty (`NAME_2`, `NAME_3`).

    Returns:
        (N,) float64 in [0, 1].

    Raises:
        InputError: there is no sequence, or too few frames for a comparison.

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> top = np.array([[[0, 1], [0, 1], [1, 0]]])  # one sequence of three frames
        >>> measures.sequence_flips(top, noise=False)
        array([0.5])
    """
    before, after = _pairs(top, noise, difficulty)
    return (before[:, :, 0] != after[:, :, 0]).mean(axis=1)


def sequence_t5d(top: np.ndarray, *, noise: bool, difficulty: int = 1) -> np.ndarray:
    """The mean top-5 distance of the frame comparisons in each sequence, (N,) float64 from 0 to 15.

    The distance of two frames is `Σ |i − min(σ(i), 6)|` over i = 1 to 5, where σ(i) is the rank in the second frame of
    the class that has rank i in the first. Arguments and errors are those of `sequence_flips`.

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> top = np.array([[[0, 1], [0, 1], [1, 0]]])  # one sequence of three frames
        >>> measures.sequence_t5d(top, noise=False)
        array([1.])
    """
    before, after = _pairs(top, noise, difficulty)
    distance = np.zeros((len(after), after.shape[1]), np.int64)
    for index in range(top.shape[2]):  # one rank at a time: 31 frames of 10,000 images take 10 MB
        same = before[:, :, index, None] == after
        rank_after = np.where(same.any(axis=2), same.argmax(axis=2) + 1, TOP + 1)
        distance += np.abs(index + 1 - rank_after)
    return distance.mean(axis=1)


def flip_probability(top: np.ndarray, *, noise: bool, difficulty: int = 1) -> float:
    """Flip probability (FP): the mean of `sequence_flips` over the sequences, a fraction.

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> top = np.array([[[0, 1], [0, 1], [1, 0]]])  # one sequence of three frames
        >>> measures.flip_probability(top, noise=False)
        0.5
    """
    return float(sequence_flips(top, noise=noise, difficulty=difficulty).mean())


def t5d(top: np.ndarray, *, noise: bool, difficulty: int = 1) -> float:
    """Top-5 distance (T5D): the mean of `sequence_t5d` over the sequences, from 0 to 15.

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> top = np.array([[[0, 1], [0, 1], [1, 0]]])  # one sequence of three frames
        >>> measures.t5d(top, noise=False)
        1.0
    """
    return float(sequence_t5d(top, noise=noise, difficulty=difficulty).mean())


def flip_rates(probabilities: Mapping[str, float], reference: Mapping[str, float] | None = None) -> dict[str, float]:
    """The flip rate (FR) of each perturbation: its flip probability, divided by the reference's if there is one.

    Args:
        probabilities: perturbation → flip probability.
        reference: `alexnet_flip_probabilities()` for ImageNet-P; None for CIFAR-P, where they are not normalised.

    Returns:
        Perturbation → flip rate.

    Raises:
        InputError: there is no perturbation, a value is negative or not finite, or the reference lacks a perturbation.

    Example:
        >>> from pixmix import measures
        >>> measures.flip_rates({"tilt": 0.125, "scale": 0.5}, {"tilt": 0.25, "scale": 0.25})
        {'tilt': 0.5, 'scale': 2.0}
    """
    return _relative(probabilities, reference, "flip probability")


def mfr(probabilities: Mapping[str, float], reference: Mapping[str, float] | None = None) -> float:
    """Mean flip rate (mFR) over the perturbations; arguments and errors are those of `flip_rates`.

    Example:
        >>> from pixmix import measures
        >>> measures.mfr({"tilt": 0.25, "scale": 0.75})
        0.5
    """
    return float(np.mean(list(flip_rates(probabilities, reference).values())))


def mt5d(distances: Mapping[str, float], reference: Mapping[str, float] | None = None) -> float:
    """Mean top-5 distance (mT5D) over the perturbations, normalised as in `mfr`.

    Args:
        distances: perturbation → top-5 distance.
        reference: `alexnet_t5d()` for ImageNet-P; None for CIFAR-P.

    Raises:
        InputError: as for `flip_rates`.

    Example:
        >>> from pixmix import measures
        >>> measures.mt5d({"tilt": 1.0, "scale": 2.0})
        1.5
    """
    return float(np.mean(list(_relative(distances, reference, "top-5 distance").values())))


def _pairs(top: np.ndarray, noise: bool, difficulty: int) -> tuple[np.ndarray, np.ndarray]:
    """The earlier and the later frame of each comparison: (N, 1 or comparisons, 5) and (N, comparisons, 5)."""
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
        raise InputError(f"{what}: at least one perturbation is needed")
    result = {}
    for name, value in values.items():
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{what} of {name}: a number of at least 0 is needed, got {value}")
        if reference is not None and name not in reference:
            raise InputError(f"{what} of {name}: no reference to divide by; known: {', '.join(reference)}")
        result[name] = float(value) / (1.0 if reference is None else reference[name])
    return result
