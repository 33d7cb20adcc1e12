"""The makers that the rows name: each prepares a score from training images, validation images and the last layer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mixset._common.errors import InputError

from ..measures._temperature import fit_temperature
from . import _directions, _distances, _from_logits, _residual, _shaping
from ._outputs import Head, Outputs
from ._ranges import number, word
from ._table import Material, Score


def of_msp(material: Material) -> Score:
    return lambda outputs: _from_logits.msp(outputs.logits)


def of_max_logit(material: Material) -> Score:
    return lambda outputs: _from_logits.max_logit(outputs.logits)


def of_energy(material: Material) -> Score:
    return lambda outputs: _from_logits.energy(outputs.logits)


def temperature(material: Material) -> Score:
    held_out = _given(material.validation)
    fitted = fit_temperature(held_out.logits, _labels(held_out, "validation"))
    return lambda outputs: _from_logits.temperature_scaled(outputs.logits, temperature=fitted)


def gen(material: Material, **settings: Any) -> Score:
    return lambda outputs: _from_logits.gen(outputs.logits, **settings)


def klm(material: Material) -> Score:
    templates = _from_logits.klm_templates(_given(material.validation).logits)
    return lambda outputs: _from_logits.klm(outputs.logits, templates)


def knn(material: Material, **settings: Any) -> Score:
    bank = _features(_given(material.training))
    return lambda outputs: _distances.knn(_features(outputs), bank, **settings)


def mds(material: Material) -> Score:
    statistics = _statistics(material)
    return lambda outputs: _distances.mds(_features(outputs), statistics)


def rmds(material: Material) -> Score:
    statistics = _statistics(material)
    return lambda outputs: _distances.rmds(_features(outputs), statistics)


def ash_b(material: Material, **settings: Any) -> Score:
    return _shaped(partial(_shaping.ash_b, head=_head(material), **settings))


def ash_s(material: Material, **settings: Any) -> Score:
    return _shaped(partial(_shaping.ash_s, head=_head(material), **settings))


def scale(material: Material, **settings: Any) -> Score:
    return _shaped(partial(_shaping.scale, head=_head(material), **settings))


def react(material: Material, **settings: Any) -> Score:
    threshold = _shaping.react_threshold(_features(_given(material.validation)), **settings)
    return _shaped(partial(_shaping.react, head=_head(material), threshold=threshold))


def fdbd(material: Material, *, divisor: str) -> Score:
    head, centre = _head(material), None
    if word("divisor", divisor) == "distance":
        centre = _directions.mean_feature(_features(_given(material.training)))
    return lambda outputs: _directions.fdbd(outputs.logits, _features(outputs), head, centre=centre)


def nci(material: Material, **settings: Any) -> Score:
    head, centre = _head(material), _directions.mean_feature(_features(_given(material.training)))
    return lambda outputs: _directions.nci(outputs.logits, _features(outputs), head, centre=centre, **settings)


def vim(material: Material, **settings: Any) -> Score:
    residual = _residual.vim_residual(_features(_given(material.training)), _head(material), **settings)
    return lambda outputs: _residual.vim(outputs.logits, _features(outputs), residual)


def she(material: Material) -> Score:
    training = _given(material.training)
    means = _directions.she_means(_features(training), training.logits, _labels(training, "training"))
    return lambda outputs: _directions.she(outputs.logits, _features(outputs), means)


def nnguide(material: Material, *, k: int, share: float) -> Score:
    training = _given(material.training)
    # Of few training images a hundredth is less than the neighbours that are asked for.
    bank = _directions.nnguide_bank(_features(training), training.logits, share=share, at_least=k, seed=material.seed)
    return lambda outputs: _directions.nnguide(outputs.logits, _features(outputs), bank, k=k)


def of_rotpred(material: Material) -> Score:
    def score(outputs: Outputs) -> np.ndarray:
        if outputs.turned is None:
            raise InputError("this score needs what a rotation head says of turned images, and there is none")
        return _from_logits.rotpred(outputs.logits, outputs.turned)

    return score


def of_odin(material: Material, *, temperature: float, epsilon: float) -> Score:
    divisor = number("temperature", temperature)
    step = number("epsilon", epsilon)

    def score(outputs: Outputs) -> np.ndarray:
        if outputs.moved is None:
            raise InputError("this score needs the network, whose gradients say where images are moved to")
        return _from_logits.temperature_scaled(outputs.moved(divisor, step), temperature=divisor)

    return score


def _shaped(score: Any) -> Score:
    return lambda outputs: score(_features(outputs))


def _statistics(material: Material) -> _distances.ClassStatistics:
    training = _given(material.training)
    labels = _labels(training, "training")
    return _distances.class_statistics(_features(training), labels, classes=training.logits.shape[1])


def _given(outputs: Outputs | None) -> Outputs:
    assert outputs is not None, "make_score saw that it is there"
    return outputs


def _head(material: Material) -> Head:
    assert material.head is not None, "make_score saw that it is there"
    return material.head


def _features(outputs: Outputs) -> np.ndarray:
    if outputs.features is None:
        raise InputError("this score needs features of the images, and there are logits alone")
    return outputs.features


def _labels(outputs: Outputs, which: str) -> np.ndarray:
    if outputs.labels is None:
        raise InputError(f"this score needs labels of the {which} images")
    return outputs.labels
