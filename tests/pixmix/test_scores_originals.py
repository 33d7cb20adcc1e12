"""Every score beside the originals' values, and the laws that all scores keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from suite_samples import ARRAYS, HEAD, KNOWN, MATERIAL, ORIGINALS, UNKNOWN
from torch import nn

from pixmix import measures, scores

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "msp": ("msp", {}),
    "mls": ("max_logit", {}),
    "ebo T=1": ("energy", {}),
    "mds": ("mds", {}),
    "rmds": ("rmds", {}),
    "knn k=5": ("knn", {"k": 5}),
    "vim d=3": ("vim", {"dimension": 3}),
    "gen g=.1 M=3": ("gen", {"largest": 3}),
    "gen g=.1 M=100": ("gen", {}),
    "ash-b p=65": ("ash_b", {"percentile": 65}),
    "ash-s p=65": ("ash_s", {"percentile": 65}),
    "scale p=65": ("scale", {"percentile": 65}),
    "react p=90": ("react", {"percentile": 90}),
    "she": ("she", {}),
    "klm": ("klm", {}),
    "nnguide k=5 alpha=1": ("nnguide", {"k": 5, "share": 1.0}),
    "fdbd dist": ("fdbd", {"divisor": "distance"}),
    "fdbd norm": ("fdbd", {"divisor": "length"}),
    "nci a=.001": ("nci", {"alpha": 0.001}),
}
SETTINGS = {name: settings for name, settings in CASES.values()} | {"temperature": {}, "rotpred": {}}

OF_NETWORK = {"odin"}
"""Scores that ask the network itself; `test_evaluators_odin` has one to ask."""


@pytest.mark.parametrize("original", CASES)
def test_scores_equal_the_originals(original: str) -> None:
    name, settings = CASES[original]
    score = scores.make_score(name, MATERIAL, **settings)
    for outputs, kind in ((KNOWN, "id"), (UNKNOWN, "ood")):
        np.testing.assert_allclose(score(outputs), ORIGINALS["scores"][original][kind], rtol=0, atol=1e-9)


def test_details_equal_the_originals() -> None:
    assert MATERIAL.training is not None and MATERIAL.training.features is not None
    residual = scores.vim_residual(MATERIAL.training.features, HEAD, dimension=3)
    assert residual.alpha == pytest.approx(ORIGINALS["scores"]["vim alpha"], abs=1e-9)
    assert scores.react_threshold(ARRAYS["F_VAL"]) == pytest.approx(ORIGINALS["scores"]["react threshold"], abs=1e-9)


def test_every_row_of_the_table_is_compared() -> None:
    assert set(SETTINGS) == set(scores.SCORES) - OF_NETWORK


@pytest.mark.parametrize("name", SETTINGS)
def test_a_score_is_of_one_image(name: str) -> None:
    """Neither the other images of a call nor their order matter."""
    score = scores.make_score(name, MATERIAL, **SETTINGS[name])
    assert KNOWN.features is not None and KNOWN.turned is not None
    whole = score(KNOWN)
    for rows in ([3], [9, 0, 4], list(range(9, -1, -1))):
        part = scores.Outputs(logits=KNOWN.logits[rows], features=KNOWN.features[rows], turned=KNOWN.turned[:, rows])
        np.testing.assert_allclose(score(part), whole[rows], rtol=0, atol=1e-12)
    assert whole.dtype == np.float64


def test_temperature_is_that_of_the_validation_images() -> None:
    assert MATERIAL.validation is not None and MATERIAL.validation.labels is not None
    fitted = measures.fit_temperature(MATERIAL.validation.logits, MATERIAL.validation.labels)
    assert not 0.9 < fitted < 1.1
    score = scores.make_score("temperature", MATERIAL)
    np.testing.assert_allclose(score(UNKNOWN), scores.msp(UNKNOWN.logits / fitted), rtol=0, atol=1e-12)


def test_gen_keeps_what_probabilities_underflow_to() -> None:
    """1 − p of a sure answer is e^-200, and its power of 0.01 e^-2."""
    found = scores.gen([[0.0, -200.0]], gamma=0.01)
    np.testing.assert_allclose(found, [2 * np.exp(-2)], rtol=1e-12)


def test_blocks_of_neighbours_join(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    bank, queries = rng.normal(size=(50, 4)), rng.normal(size=(21, 4))
    unit_bank, unit_queries = (array / np.linalg.norm(array, axis=1, keepdims=True) for array in (bank, queries))
    distances = np.sort(((unit_queries[:, None] - unit_bank) ** 2).sum(axis=2), axis=1)
    monkeypatch.setattr("pixmix.scores._distances._QUERIES", 8)
    monkeypatch.setattr("pixmix.scores._distances._BANK", 7)
    for k in (1, 5, 9, 50):
        np.testing.assert_allclose(scores.knn(queries, bank, k=k), distances[:, k - 1], rtol=0, atol=1e-12)


def test_blocks_of_rows_join(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: scores.make_score(name, MATERIAL, **SETTINGS[name])(UNKNOWN) for name in SETTINGS}
    monkeypatch.setattr("pixmix.scores._outputs._VALUES", 20)
    for name, whole in before.items():
        found = scores.make_score(name, MATERIAL, **SETTINGS[name])(UNKNOWN)
        np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-12)


def test_rotpred_equals_the_original() -> None:
    turns = np.array(ORIGINALS["rotpred_logitnorm"]["rot_logits"]).reshape(4, 3, 4)
    confidence = np.array(ORIGINALS["rotpred_logitnorm"]["conf"])
    np.testing.assert_allclose(scores.rotpred(ARRAYS["S_Z"][:3], turns), -confidence, rtol=0, atol=1e-9)


def test_odin_equals_the_original() -> None:
    network = nn.Linear(6, 4).double()
    with torch.no_grad():
        network.weight.copy_(torch.from_numpy(HEAD.weight))
        network.bias.copy_(torch.from_numpy(HEAD.bias))
    for name, kind in (("F_ID", "id"), ("F_OOD", "ood")):
        images = torch.from_numpy(ARRAYS[name]).view(-1, 6, 1, 1)
        found = scores.odin(nn.Sequential(nn.Flatten(), network), images, std=[0.5] * 6)
        original = ORIGINALS["scores"]["odin T=1000 eps=.0014 std=.5"][kind]
        np.testing.assert_allclose(found, original, rtol=0, atol=1e-9)
    assert network.weight.grad is None
