"""Published reference values that measures need, from `constants/*.json`, which name their sources."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

SEVERITIES = (1, 2, 3, 4, 5)
"""The severities of a corruption, the mildest first."""


@cache
def constants(name: str) -> dict[str, Any]:
    """The content of `constants/NAME.json`: values, and `what`, `source`, `notes` and `provisional` about them.

    Example:
        >>> from pixmix import measures
        >>> measures.constants("alexnet_c")["clean_error"]
        0.4348
    """
    return json.loads((resources.files(__package__) / "constants" / f"{name}.json").read_text("utf-8"))


def alexnet_errors() -> dict[str, dict[int, float]]:
    """AlexNet's errors on ImageNet-C: corruption → severity → fraction, for 15 corruptions in the benchmark's order.

    Example:
        >>> from pixmix import measures
        >>> measures.alexnet_errors()["fog"][1]
        0.67474
    """
    errors = constants("alexnet_c")["errors"]
    return {name: dict(zip(SEVERITIES, values, strict=True)) for name, values in errors.items()}


def robustbench_alexnet_errors() -> dict[str, dict[int, float]]:
    """AlexNet's errors on ImageNet-C as RobustBench's mCE divides by them, on its 5,000 images: as `alexnet_errors`.

    Of each corruption the mean of the five severities is known, which stands at each; it is of use for all five.

    Example:
        >>> from pixmix import measures
        >>> measures.robustbench_alexnet_errors()["fog"][1]
        0.8236
    """
    errors = constants("alexnet_robustbench")["errors"]
    return {name: dict.fromkeys(SEVERITIES, mean) for name, mean in errors.items()}


def alexnet_3dcc_errors() -> dict[str, float]:
    """AlexNet's errors on ImageNet-3DCC: corruption → mean of the five severities, fractions, for 12 corruptions.

    Example:
        >>> from pixmix import measures
        >>> measures.alexnet_3dcc_errors()["fog_3d"]
        0.7736
    """
    return dict(constants("alexnet_3dcc")["errors"])


def alexnet_clean_error() -> float:
    """AlexNet's error on clean ImageNet, a fraction.

    Example:
        >>> from pixmix import measures
        >>> measures.alexnet_clean_error()
        0.4348
    """
    return constants("alexnet_c")["clean_error"]


def alexnet_flip_probabilities() -> dict[str, float]:
    """AlexNet's flip probabilities on ImageNet-P at difficulty 1, fractions, for 10 perturbations in their order.

    Example:
        >>> from pixmix import measures
        >>> measures.alexnet_flip_probabilities()["tilt"]
        0.0705
    """
    return dict(constants("alexnet_fp")["values"])


def alexnet_t5d() -> dict[str, float]:
    """AlexNet's top-5 distances on ImageNet-P at difficulty 1; provisional, accurate to about 1 %.

    Example:
        >>> from pixmix import measures
        >>> measures.alexnet_t5d()["tilt"]
        1.75
    """
    return dict(constants("alexnet_t5d")["values"])
