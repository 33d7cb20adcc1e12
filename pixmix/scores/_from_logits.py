"""Scores of logits alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from mixset._common.errors import InputError

from ..measures._anomalies import energy as energy, max_logit as max_logit, msp as msp
from ..measures._inputs import check_logits, softmax
from ._outputs import blocks, by_block
from ._ranges import number, whole


def temperature_scaled(logits: ArrayLike, *, temperature: float) -> np.ndarray:
    """Anomaly score: the negative maximum of softmax(logits / T) (Guo et al., 2017).

    Args:
        logits: (N, classes) finite numbers.
        temperature: above 0, fitted on validation images by `pixmix.measures.fit_temperature`.

    Returns:
        (N,) float64 in [−1, 0).

    Raises:
        InputError: invalid logits, or a temperature that is not above 0.

    Example:
        >>> from pixmix import scores
        >>> scores.temperature_scaled([[0.0, 0.0]], temperature=2.0)
        array([-0.5])
    """
    divisor = number("temperature", temperature)
    return by_block(lambda block: msp(block / divisor), check_logits(logits))


def gen(logits: ArrayLike, *, gamma: float = 0.1, largest: int = 100) -> np.ndarray:
    """Anomaly score: generalised entropy, the sum of (p (1 − p))^γ over the largest probabilities (Liu et al., 2023).

    Computed from logarithms, because p and 1 − p of a sure answer underflow where their small powers do not.

    Args:
        logits: (N, classes) finite numbers.
        gamma: γ, above 0.
        largest: how many of the largest probabilities count; more than there are classes means all.

    Returns:
        (N,) float64, at least 0.

    Raises:
        InputError: invalid logits, or settings out of range.

    Example:
        >>> from pixmix import scores
        >>> scores.gen([[0.0, 0.0]], gamma=0.5)
        array([1.])
    """
    power = number("gamma", gamma)
    kept = whole("largest", largest)

    def of_block(block: np.ndarray) -> np.ndarray:
        count = min(kept, block.shape[1])
        top = block.max(axis=1, keepdims=True)
        block -= top
        first = block.argmax(axis=1)[:, None]
        # The sum of all but the largest: 1 − p of the largest without its rounding to 0.
        exponentials = np.exp(block)
        np.put_along_axis(exponentials, first, 0.0, axis=1)
        others = exponentials.sum(axis=1)
        chosen = -np.partition(-block, count - 1, axis=1)[:, :count]
        total = np.log1p(others)
        logarithms = chosen - total[:, None]
        with np.errstate(divide="ignore"):  # one class, or a gap of more than 745: 1 − p is 0
            of_largest = power * (np.log(others) - 2 * total)
            sums = np.exp(power * (logarithms + np.log1p(-np.exp(logarithms))))
            largest_place = chosen.argmax(axis=1)[:, None]
        np.put_along_axis(sums, largest_place, np.exp(of_largest)[:, None], axis=1)
        return sums.sum(axis=1)

    return by_block(of_block, check_logits(logits))


def klm_templates(logits: ArrayLike) -> np.ndarray:
    """The mean softmax of the validation images answered with each class, for `klm`.

    Args:
        logits: (N, classes) of validation images.

    Returns:
        (classes, classes) float64; a class that no image is answered with has a row of NaN.

    Example:
        >>> from pixmix import scores
        >>> scores.klm_templates([[0.0, 0.0]])
        array([[0.5, 0.5],
               [nan, nan]])
    """
    checked = check_logits(logits)
    classes = checked.shape[1]
    sums = np.zeros((classes, classes))
    for _, block in blocks(checked):
        np.add.at(sums, block.argmax(axis=1), softmax(block))
    counts = np.bincount(checked.argmax(axis=1), minlength=classes)[:, None]
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def klm(logits: ArrayLike, templates: np.ndarray) -> np.ndarray:
    """Anomaly score: the smallest Kullback–Leibler divergence from the softmax to a template (Hendrycks et al., 2022).

    A class without a template is left out. Its one-hot template in the original code has an infinite divergence, so
    the minimum is the same.

    Args:
        logits: (N, classes) finite numbers.
        templates: (classes, classes), from `klm_templates`.

    Returns:
        (N,) float64 in nats, at least 0 up to rounding.

    Raises:
        InputError: invalid logits, or templates of other classes.

    Example:
        >>> from pixmix import scores
        >>> scores.klm([[0.0, 0.0]], scores.klm_templates([[0.0, 0.0]])).round(9) + 0
        array([0.])
    """
    checked, table = check_logits(logits), np.asarray(templates, np.float64)
    if table.shape != (checked.shape[1],) * 2:
        raise InputError(f"templates must be a square of the {checked.shape[1]} classes of the logits: {table.shape}")
    known = table[~np.isnan(table).any(axis=1)]
    if not len(known):
        raise InputError("templates: no class has one")
    # The least positive number stands for 0, to which a mean can only come by underflow.
    logarithms = np.log(np.maximum(known, np.finfo(np.float64).tiny)).T

    def of_block(block: np.ndarray) -> np.ndarray:
        log_p = block - logsumexp(block, axis=1, keepdims=True)
        p = np.exp(log_p)
        return (p * log_p).sum(axis=1) - (p @ logarithms).max(axis=1)

    return by_block(of_block, checked)


def rotpred(logits: ArrayLike, rotation_logits: ArrayLike) -> np.ndarray:
    """Anomaly score of a network with a rotation head (Hendrycks et al., 2019), in bits.

    The mean surprise of the rotation head over four turns, minus the divergence of the class softmax from uniform,
    KL(uniform ‖ p).

    Args:
        logits: (N, classes) of the images as they are.
        rotation_logits: (4, N, 4), of the images turned by 0°, 90°, 180° and 270°; logit j is that of j quarter turns.

    Returns:
        (N,) float64.

    Raises:
        InputError: invalid logits, or rotation logits of another shape.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.rotpred([[0.0, 0.0]], np.zeros((4, 1, 4)))
        array([2.])
    """
    checked, turned = check_logits(logits).astype(np.float64), np.asarray(rotation_logits)
    if turned.shape != (4, len(checked), 4):
        raise InputError(f"rotation logits must be (4, {len(checked)}, 4), got {turned.shape}")
    log_turns = check_logits(turned.reshape(-1, 4)).astype(np.float64).reshape(turned.shape)
    log_turns = log_turns - logsumexp(log_turns, axis=2, keepdims=True)
    surprise = -np.mean([log_turns[turn, :, turn] for turn in range(4)], axis=0)
    log_p = checked - logsumexp(checked, axis=1, keepdims=True)
    divergence = -np.log(checked.shape[1]) - log_p.mean(axis=1)
    return (surprise - divergence) / np.log(2)
