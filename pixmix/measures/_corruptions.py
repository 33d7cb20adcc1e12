"""Corruption errors and their mean (mCE), plain for CIFAR-C and C̄, or relative to AlexNet's for ImageNet-C."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from mixset._common.errors import InputError

from ._references import alexnet_clean_error, alexnet_errors

Errors = Mapping[str, Mapping[int, float]]
"""Corruption → severity (1 to 5) → error, a fraction of images."""


def corruption_errors(errors: Errors, reference: Errors | None = None) -> dict[str, float]:
    """The corruption error (CE) of each corruption: its mean error, divided by the reference's if there is one.

    The mean is over severities; if all have equally many images, it is the error on all of them together, which the
    paper's code reports for CIFAR.

    Args:
        errors: corruption → severity → error, a fraction; at least one severity for each corruption.
        reference: the errors to divide by at the same severities, `alexnet_errors()` for ImageNet-C; None for CIFAR-C
            and C̄, where errors are not normalised.

    Returns:
        Corruption → CE.

    Raises:
        InputError: there is no corruption or severity, an error is not a fraction, or the reference lacks a corruption
            or severity.

    Example:
        >>> from pixmix import measures
        >>> measures.corruption_errors({"fog": {1: 0.25, 2: 0.5}, "snow": {1: 0.5}})
        {'fog': 0.375, 'snow': 0.5}
    """
    if not errors:
        raise InputError("corruption errors: at least one corruption is needed")
    means = {name: _mean(name, by_severity) for name, by_severity in errors.items()}
    if reference is None:
        return means
    return {name: mean / _mean_of(reference, name, errors[name]) for name, mean in means.items()}


def mce(errors: Errors, reference: Errors | None = None) -> float:
    """Mean corruption error (mCE) over the corruptions; arguments and errors are those of `corruption_errors`.

    Example:
        >>> from pixmix import measures
        >>> measures.mce({"fog": {1: 0.25, 2: 0.75}, "snow": {1: 0.25}})
        0.375
    """
    return float(np.mean(list(corruption_errors(errors, reference).values())))


def relative_mce(
    errors: Errors, clean_error: float, reference: Errors | None = None, reference_clean_error: float | None = None
) -> float:
    """Relative mCE: the mean rise of the error above the clean error, divided by the reference's for each corruption.

    See Hendrycks & Dietterich (2019), section 4.

    Args:
        errors: corruption → severity → error, a fraction.
        clean_error: the error on clean images, a fraction.
        reference: the reference's errors; default: AlexNet's on ImageNet-C.
        reference_clean_error: the reference's error on clean images; default: AlexNet's on ImageNet.

    Raises:
        InputError: as for `corruption_errors`.

    Example:
        >>> from pixmix import measures
        >>> errors = measures.alexnet_errors()
        >>> measures.relative_mce(errors, measures.alexnet_clean_error())
        1.0
    """
    reference = alexnet_errors() if reference is None else reference
    reference_clean_error = alexnet_clean_error() if reference_clean_error is None else reference_clean_error
    rises = [
        (mean - clean_error) / (_mean_of(reference, name, errors[name]) - reference_clean_error)
        for name, mean in corruption_errors(errors).items()
    ]
    return float(np.mean(rises))


def _mean_of(reference: Errors, name: str, severities: Collection[int]) -> float:
    """The reference's mean error under a corruption over the measured severities."""
    if name not in reference:
        raise InputError(f"corruption error of {name}: no reference to divide by; known: {', '.join(reference)}")
    missing = sorted(set(severities) - set(reference[name]))
    if missing:
        raise InputError(f"corruption error of {name}: the reference has no severity {missing[0]}")
    return _mean(name, {severity: reference[name][severity] for severity in severities})


def _mean(name: str, by_severity: Mapping[int, float]) -> float:
    values = np.array(list(by_severity.values()), np.float64)
    if not len(values) or not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"corruption error of {name}: fractions by severity are needed, got {dict(by_severity)}")
    return float(values.mean())
