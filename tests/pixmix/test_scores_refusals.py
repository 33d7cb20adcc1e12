"""What scores refuse, and the doors for scores of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from suite_samples import ARRAYS, HEAD, KNOWN, MATERIAL, UNKNOWN
from torch import nn

from mixset._common.errors import InputError
from pixmix import scores

ID, TRAIN, LABELS, LOGITS = ARRAYS["F_ID"], ARRAYS["F_TRAIN"], ARRAYS["Y_TRAIN"], KNOWN.logits
BAD = ID.copy()
BAD[3, 2] = np.nan
STATISTICS = scores.class_statistics(TRAIN, LABELS, classes=4)
MEANS = np.zeros((4, 6))

HEAD_0 = scores.Head(HEAD.weight, np.zeros(4))
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "NaN features": (lambda: scores.knn(BAD, TRAIN), "image 3 are not finite"),
    "NaN training features": (lambda: scores.knn(ID, BAD), "training features: those of image 3"),
    "one feature": (lambda: scores.knn(ID[0], TRAIN), r"shape \(N, D\)"),
    "k > N": (
        lambda: scores.knn(ID, TRAIN, k=81),
        "81 neighbours are asked for, but there are 80 training images; give a smaller k",
    ),
    "k 0": (lambda: scores.knn(ID, TRAIN, k=0), "k: a whole number"),
    "other width": (lambda: scores.knn(ID[:, :5], TRAIN), "5 values for each image, but the training features"),
    "empty class": (lambda: scores.class_statistics(TRAIN, LABELS, classes=6), "class 4 has no image .2 of 6"),
    "label range": (lambda: scores.class_statistics(TRAIN, LABELS, classes=3), "labels run from 0 to 3"),
    "equal features": (lambda: scores.class_statistics(np.ones((4, 2)), [0, 0, 1, 1], classes=2), "all equal"),
    "mds width": (lambda: scores.mds(ID[:, :5], STATISTICS), "the statistics is for 6"),
    "d = D": (lambda: scores.vim_residual(TRAIN, HEAD, dimension=6), "give less than 6"),
    "no residual": (lambda: scores.vim_residual(TRAIN * [1, 1, 1, 0, 0, 0], HEAD_0, dimension=3), "no more than 3"),
    "negative ash": (lambda: scores.ash_b(ID - 1, HEAD), "at least 0"),
    "negative scale": (lambda: scores.scale(ID - 1, HEAD), "vision transformers"),
    "negative react": (lambda: scores.react(ID - 1, HEAD, threshold=1.0), "at least 0"),
    "negative threshold": (lambda: scores.react_threshold(ID - 1), "validation features"),
    "all dropped": (lambda: scores.ash_s(ID, HEAD, percentile=100), "drops all of 6"),
    "percentile": (lambda: scores.ash_b(ID, HEAD, percentile=101), "percentile"),
    "head": (lambda: scores.ash_b(ID, scores.Head(HEAD.weight, HEAD.bias[:3])), "bias must be 4"),
    "head width": (lambda: scores.ash_b(ID, scores.Head(HEAD.weight[:, :5], HEAD.bias)), "weight is for 5"),
    "she class": (lambda: scores.she_means(TRAIN, np.tile([1.0, 0, 0, 0], (80, 1)), LABELS), "class 1 has no image"),
    "counts": (lambda: scores.she(LOGITS[:9], ID, MEANS), "logits of 9 images and features of 10"),
    "classes": (lambda: scores.she(LOGITS[:, :3], ID, MEANS), "of 3 classes"),
    "bank": (lambda: scores.nnguide(LOGITS, ID, TRAIN[:3], k=4), "there are 3 in the bank"),
    "share": (lambda: scores.nnguide_bank(ID, LOGITS, share=2.0), "share"),
    "centre": (lambda: scores.nci(LOGITS, ID, HEAD, centre=np.zeros(5)), "centre must be 6"),
    "templates": (lambda: scores.klm(LOGITS, np.zeros((3, 3))), "square of the 4 classes"),
    "no template": (lambda: scores.klm(LOGITS, np.full((4, 4), np.nan)), "no class has one"),
    "temperature": (lambda: scores.temperature_scaled(LOGITS, temperature=0.0), "temperature"),
    "gamma": (lambda: scores.gen(LOGITS, gamma=-1.0), "gamma"),
    "turns": (lambda: scores.rotpred(LOGITS, np.zeros((4, 10, 3))), r"\(4, 10, 4\)"),
    "std": (lambda: scores.odin(nn.Flatten(), torch.zeros(1, 3, 1, 1), std=[0.5]), "3 numbers above 0"),
    "unknown": (lambda: scores.make_score("knm", MATERIAL), "did you mean knn|unknown"),
    "setting": (lambda: scores.make_score("knn", MATERIAL, K=5), "no setting 'K'; its settings: k"),
    "training": (lambda: scores.make_score("knn", replace(MATERIAL, training=None)), "training images"),
    "validation": (lambda: scores.make_score("klm"), "validation images"),
    "last layer": (lambda: scores.make_score("scale"), "weight and bias"),
    "divisor": (lambda: scores.make_score("fdbd", MATERIAL, divisor="norm"), "distance or length"),
    "no features": (
        lambda: scores.make_score("knn", MATERIAL, k=1)(scores.Outputs(logits=LOGITS)),
        "needs features",
    ),
    "no labels": (
        lambda: scores.make_score("mds", replace(MATERIAL, training=KNOWN)),
        "labels of the training images",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, line = REFUSED[case]
    with pytest.raises(InputError, match=line):
        call()


def test_dead_features_have_scores() -> None:
    """A row of zeros has no direction, and still numbers that are finite."""
    dead = scores.Outputs(logits=np.zeros((1, 4)), features=np.zeros((1, 6)))
    for name in scores.SCORES.keys() - {"temperature", "knn", "vim", "nnguide", "rotpred", "odin"}:
        assert np.isfinite(scores.make_score(name, MATERIAL)(dead)).all(), name
    assert scores.knn(dead.features, TRAIN, k=5) == pytest.approx([1.0])


def test_classes_of_one_weight_have_no_boundary() -> None:
    head = scores.Head(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), np.zeros(3))
    assert scores.fdbd([[2.0, 2.0, 0.0]], [[2.0, 0.0]], head) == pytest.approx([-1.0])


def test_settings_are_tried_in_openoods_order() -> None:
    """The setting named first varies fastest, and of equal AUROCs the first is kept: more than 4 classes means all."""
    assert MATERIAL.validation is not None
    choice = scores.choose_settings("gen", MATERIAL, MATERIAL.validation, UNKNOWN)
    tried = [tuple(settings.values()) for settings, _ in choice.trials]
    assert tried[:8] == [*((gamma, 10) for gamma in (0.01, 0.1, 0.5, 1, 2, 5, 10)), (0.01, 50)] and len(tried) == 42
    best = max(value for _, value in choice.trials if value is not None)
    assert choice.settings == next(settings for settings, value in choice.trials if value == best)
    assert choice.settings["largest"] == 10


def test_impossible_settings_are_skipped_and_shown() -> None:
    assert MATERIAL.validation is not None
    choice = scores.choose_settings("knn", MATERIAL, MATERIAL.validation, UNKNOWN)
    assert [value is None for _, value in choice.trials] == [False, True, True, True, True]
    with pytest.raises(InputError, match="none of its settings is possible; the last: dimension"):
        scores.choose_settings("vim", MATERIAL, MATERIAL.validation, UNKNOWN)


OWN = '''
import numpy as np

def margin(material):
    """The gap between the two largest logits."""
    def score(outputs):
        top = np.sort(outputs.logits, axis=1)
        return top[:, -2] - top[:, -1]
    return score

def number(material):
    return 3

def single(material):
    return lambda outputs: 1.0

def failing(material):
    raise ValueError("no")
'''


def test_scores_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    found = scores.make_score(f"{file}:margin")(KNOWN)
    top = np.sort(KNOWN.logits, axis=1)
    np.testing.assert_allclose(found, top[:, -2] - top[:, -1])
    assert scores.find_score(f"{file}:margin").summary == "The gap between the two largest logits."
    with pytest.raises(InputError, match="makes a int"):
        scores.make_score(f"{file}:number")
    with pytest.raises(InputError, match="10 finite numbers"):
        scores.make_score(f"{file}:single")(KNOWN)
    with pytest.raises(InputError, match="fails"):
        scores.make_score(f"{file}:failing")
    with pytest.raises(InputError, match="there is one of this name"):
        scores.register_score("knn")(lambda material: lambda outputs: outputs.logits[:, 0])
