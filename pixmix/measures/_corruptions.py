"""Errors under corruptions: CE by corruption and their mean, as they are (CIFAR, C̄) or over AlexNet's (ImageNet-C)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from mixset._common.errors import InputError

from ._references import alexnet_clean_error, alexnet_errors

Errors = Mapping[str, Mapping[int, float]]
"""Corruption → severity (1 to 5) → error, a fraction of images."""


def corruption_errors(errors: Errors, reference: Errors | None = None) -> dict[str, float]:
    """CE of each corruption: its mean error over the severities, over the reference's mean at the same severities.

    Where all severities have equally many images, the mean is the error on all of them together, as the paper's CIFAR
    code takes it.

    Args:
        errors: at least one severity for each corruption.
        reference: `alexnet_errors()` for ImageNet-C; None where CEs are not normalised: CIFAR-C and C̄.

    Raises:
        InputError: no corruption or severity, no fraction, or a corruption or severity that the reference lacks.
    """
    if not errors:
        raise InputError("corruption errors: no corruption is given; at least one is needed")
    means = {name: _mean(name, by_severity) for name, by_severity in errors.items()}
    if reference is None:
        return means
    return {name: mean / _mean_of(reference, name, errors[name]) for name, mean in means.items()}


def mce(errors: Errors, reference: Errors | None = None) -> float:
    """Mean corruption error over the corruptions given; arguments and errors are those of `corruption_errors`."""
    return float(np.mean(list(corruption_errors(errors, reference).values())))


def relative_mce(
    errors: Errors, clean_error: float, reference: Errors | None = None, reference_clean_error: float | None = None
) -> float:
    """How much the error rises above the clean one, over how much AlexNet's does: the mean over corruptions.

    Hendrycks & Dietterich (2019), section 4. Arguments and errors are those of `corruption_errors`; without a reference
    it is AlexNet.
    """
    reference = alexnet_errors() if reference is None else reference
    reference_clean_error = alexnet_clean_error() if reference_clean_error is None else reference_clean_error
    rises = [
        (mean - clean_error) / (_mean_of(reference, name, errors[name]) - reference_clean_error)
        for name, mean in corruption_errors(errors).items()
    ]
    return float(np.mean(rises))


def _mean_of(reference: Errors, name: str, severities: Collection[int]) -> float:
    """The reference's mean error under one corruption over the severities that are measured."""
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
