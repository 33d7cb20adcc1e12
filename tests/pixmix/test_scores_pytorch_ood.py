"""The scores beside those of pytorch-ood, which computes in float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pixmix import scores

detector = pytest.importorskip("pytorch_ood.detector")

CLASSES, WIDTH = 5, 12


def _features(count: int, shift: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, WIDTH)) + shift


@pytest.fixture(scope="module")
def head() -> nn.Linear:
    layer, chance = nn.Linear(WIDTH, CLASSES), np.random.default_rng(7)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(chance.normal(size=(CLASSES, WIDTH))))
        layer.bias.copy_(torch.from_numpy(chance.normal(size=CLASSES)))
    return layer


def _outputs(head: nn.Linear, features: np.ndarray) -> scores.Outputs:
    """Of images that are all answered rightly."""
    weight, bias = (tensor.detach().double().numpy() for tensor in (head.weight, head.bias))
    logits = features @ weight.T + bias
    return scores.Outputs(logits=logits, features=features, labels=logits.argmax(1))


def _theirs(name: str, head: nn.Linear, training: tuple[Tensor, Tensor, Tensor], tested: tuple[Tensor, Tensor]) -> Any:
    """Their score, from features, logits and labels of training images, and features and logits of tested ones."""
    features, logits, labels = training
    seen, answers = tested
    weight, bias = head.weight.detach(), head.bias.detach()
    ways: dict[str, Callable[[], Tensor]] = {
        "msp": lambda: detector.MaxSoftmax(None).predict_logits(answers),
        "max_logit": lambda: detector.MaxLogit(None).predict_logits(answers),
        "energy": lambda: detector.EnergyBased(None).predict_logits(answers),
        "gen": lambda: detector.GEN(None, gamma=0.1, M=3).predict_logits(answers),
        "klm": lambda: detector.KLMatching(None).fit_logits(logits, labels).predict_logits(answers),
        "knn": lambda: detector.KNN(None, k=7).fit_features(features, labels).predict_features(seen) ** 2,
        "mds": lambda: detector.Mahalanobis(None).fit_features(features, labels).predict_features(seen),
        "rmds": lambda: detector.RMD(None).fit_features(features, labels).predict_features(seen),
        "vim": lambda: detector.ViM(None, d=4, w=weight, b=bias).fit_features(features, labels).predict_features(seen),
        "she": lambda: detector.SHE(None, head).fit_features(features, labels).predict_features(seen),
        "nci": lambda: detector.NCI(None, head, alpha=0.001).fit_features(features).predict_features(seen),
        "fdbd": lambda: detector.fDBD(None, head).fit_features(features).predict_features(seen),
        "nnguide": lambda: detector.NNGuide(None, head, k=9).fit_features(features, labels).predict_features(seen),
    }
    with torch.no_grad():
        return np.asarray(ways[name](), np.float64)


EQUAL = ("msp", "max_logit", "energy", "klm", "knn", "vim", "she", "nci", "nnguide")
"""The others have another origin or scale there: OpenOOD's, which ours are, is another one."""
SETTINGS: dict[str, dict[str, float]] = {
    "gen": {"largest": 3},
    "knn": {"k": 7},
    "vim": {"dimension": 4},
    "nnguide": {"k": 9, "share": 1.0},
}


@pytest.mark.parametrize("name", [*EQUAL, "gen", "mds", "rmds", "fdbd"])
def test_scores_are_theirs(name: str, head: nn.Linear) -> None:
    training, tested = _outputs(head, _features(400, 0.0, 0)), _outputs(head, _features(40, 0.5, 1))
    assert training.features is not None and tested.features is not None and training.labels is not None
    weight, bias = (tensor.detach().double().numpy() for tensor in (head.weight, head.bias))
    material = scores.Material(training=training, validation=training, head=scores.Head(weight, bias))
    ours = scores.make_score(name, material, **SETTINGS.get(name, {}))(tested)
    known = tuple(map(torch.from_numpy, (np.float32(training.features), np.float32(training.logits), training.labels)))
    seen = torch.from_numpy(np.float32(tested.features)), torch.from_numpy(np.float32(tested.logits))
    theirs = _theirs(name, head, known, seen)
    if name in EQUAL:
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-4)
    assert math.isclose(np.corrcoef(ours, theirs)[0, 1], 1, abs_tol=1e-6)
