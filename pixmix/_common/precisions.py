"""The number formats in which a network's answers are measured."""

from __future__ import annotations

from typing import Literal, get_args

EvalPrecision = Literal["float32", "bf16"]
"""float32, the one that tables have; bf16, autocast to bfloat16: two or three times as fast on a GPU, and with answers
of its own where two classes are near each other."""
EVAL_PRECISIONS: tuple[EvalPrecision, ...] = get_args(EvalPrecision)


def precision_of(metrics: object) -> str:
    """The format in which the content of a `metrics.json` was measured; only bf16 is written there."""
    return metrics.get("precision", "float32") if isinstance(metrics, dict) else "float32"
