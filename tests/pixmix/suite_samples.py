"""Small logits, features and a head, with what the originals of scores and measures make of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pixmix import scores

ORIGINALS: dict[str, Any] = json.loads((Path(__file__).parent / "suite_originals.json").read_text())
"""Values by formulas in float64 that were compared with OpenOOD's classes, scikit-learn, torch-uncertainty, relplot."""
ARRAYS = {name: np.array(values) for name, values in ORIGINALS["arrays"].items()}
HEAD = scores.Head(ARRAYS["W"], ARRAYS["B"])


def outputs(name: str, labels: np.ndarray | None = None) -> scores.Outputs:
    """What the head makes of the features of this name."""
    features = ARRAYS[f"F_{name}"]
    turned = np.random.default_rng(len(features)).normal(size=(4, len(features), 4))
    return scores.Outputs(logits=features @ HEAD.weight.T + HEAD.bias, features=features, labels=labels, turned=turned)


KNOWN, UNKNOWN = outputs("ID"), outputs("OOD")
MATERIAL = scores.Material(
    training=outputs("TRAIN", ARRAYS["Y_TRAIN"]),
    validation=outputs("VAL", (outputs("VAL").logits.argmax(axis=1) + (np.arange(20) % 3 == 0)) % 4),
    head=HEAD,
)
