"""AutoAttack by its library: robust errors that are known exactly, the library's own, and nothing left changed."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import assert_untouched, small_network, snapshot
from torch import nn

import pixmix
from pixmix._evaluators.autoattack_library import ATTACKS, Library

pyautoattack = pytest.importorskip(
    "pyautoattack", reason='pyautoattack is not installed: pip install "pixmix[attacks]"'
)
pytestmark = pytest.mark.usefixtures("one_thread")

COUNT, CLASSES = 12, 4


def linear() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(192, CLASSES))


def images_of(count: int = COUNT) -> np.ndarray:
    """Far enough from black and white for a small ball to lie inside."""
    return np.random.default_rng(0).integers(60, 196, (count, 8, 8, 3), np.uint8)


def as_tensor(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def distances(network: nn.Sequential, images: np.ndarray, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """The answers, and each image's distance from the nearest border: the margin over the dual norm of the weights."""
    logits = network(as_tensor(images)).detach().double().numpy()
    weights, rows = network[1].weight.detach().double().numpy(), np.arange(len(images))
    labels = logits.argmax(1)
    dual = np.linalg.norm(weights[labels][:, None] - weights, ord=1 if norm == "linf" else 2, axis=2)
    margins = logits[rows, labels][:, None] - logits
    margins[rows, labels], dual[rows, labels] = np.inf, 1
    return labels, (margins / dual).min(1)


@pytest.mark.parametrize("norm", ["linf", pytest.param("l2", marks=pytest.mark.slow)])
def test_a_linear_network_breaks_where_its_borders_are(norm: str, tmp_path: Path) -> None:
    network, images = linear(), images_of()
    labels, border = distances(network, images, norm)
    labels[0] = (labels[0] + 1) % CLASSES
    cut, ordered = COUNT // 2, np.sort(border[1:])
    radius = str((ordered[cut - 1] + ordered[cut]) / 2)  # between two images' borders
    settings = pixmix.AutoAttackSettings(**{"linf": (), norm: (radius,)})
    found = pixmix.evaluate(network, "autoattack", (images, labels), autoattack=settings, logits_folder=tmp_path)
    found = found["autoattack"]
    entry = found[f"error_{norm}_{radius}"]
    assert entry["value"] == pytest.approx((1 + cut) / COUNT)
    assert "warnings" not in entry and entry["package"] == "pyautoattack 0.2.0"
    assert found["clean_error"]["value"] == pytest.approx(1 / COUNT)


@pytest.mark.slow
def test_errors_are_the_librarys_own_and_no_smaller_than_pgds() -> None:
    network, images = small_network(5).eval(), images_of(30)
    labels = network(as_tensor(images)).argmax(1)
    labels[:2] = (labels[:2] + 1) % 5
    theirs = pyautoattack.AutoAttack(network, norm="Linf", eps=6 / 255, seed=3)
    theirs.apgd_targeted.n_target_classes = theirs.fab.n_target_classes = 4
    _, answers = theirs.run_standard_evaluation(as_tensor(images).contiguous(), labels, batch_size=11)
    error = (answers != labels).float().mean().item()
    found = pixmix.evaluate(
        network,
        ["adversaries", "autoattack"],
        (images, labels.numpy()),
        attack=pixmix.PGDSettings(epsilon=6 / 255, step_size=1 / 255),
        autoattack=pixmix.AutoAttackSettings(linf=("6/255",)),
        batch_size=11,
        seed=3,
    )
    assert 2 / 30 < error < 1
    assert found["autoattack"]["error_linf_6/255"]["value"] == pytest.approx(error)
    assert error >= found["adversaries"]["pgd_error_corrected"]["value"]


def test_the_process_and_the_network_are_as_before() -> None:
    network = small_network(5)
    state, before = snapshot(network), torch.get_rng_state()

    def tracer(*_: Any) -> None:
        return None

    outer = sys.gettrace()
    try:
        sys.settrace(tracer)
        attacker = Library(network.eval(), 5, torch.device("cpu"), norm="linf", epsilon=0.02, which="standard", seed=1)
        images = as_tensor(images_of(4))
        labels = network(images).argmax(1)
        for attack in ("apgd-ce", "fab-t"):  # FAB's backward pass reaches the weights
            attacker.broken(attack, images, labels)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(outer)
    assert_untouched(network.train(), state)
    assert torch.equal(torch.get_rng_state(), before)
    assert logging.getLogger("auto-attack").propagate and not logging.getLogger("auto-attack").handlers


@pytest.mark.slow
def test_the_same_seed_finds_the_same_and_images_in_any_order_of_memory_do() -> None:
    """Images and networks on GPUs are channels last, of which the library takes the networks alone."""
    images = as_tensor(images_of(6))
    found = []
    for form in (torch.contiguous_format, torch.channels_last, torch.contiguous_format):
        network = small_network(5).eval().to(memory_format=form)
        labels = network(images).argmax(1)
        attacker = Library(network, 5, torch.device("cpu"), norm="linf", epsilon=0.015, which="standard", seed=1)
        given = images.to(memory_format=form)
        found.append([attacker.broken(attack, given, labels).tolist() for attack in ("apgd-ce", "apgd-t", "fab-t")])
    assert found[0] == found[1] == found[2] and any(found[0][0]) and not all(found[0][0])


class Random(nn.Module):
    """A linear network with noise in its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = linear()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + 0.001 * torch.randn(len(x), CLASSES)


def test_a_network_that_draws_is_told_to_take_rand() -> None:
    network, images = Random().eval(), as_tensor(images_of(3))
    attacker = Library(network, CLASSES, torch.device("cpu"), norm="linf", epsilon=0.5, which="standard", seed=1)
    attacker.broken("apgd-ce", images, network(images).argmax(1))
    assert attacker.warnings == ['it seems to be a randomized defense! Please use version="rand".']


@pytest.mark.parametrize("version", sorted(ATTACKS))
def test_every_version_has_the_attacks_that_the_library_runs(version: Any) -> None:
    whole = pyautoattack.AutoAttack(linear(), version=version)
    assert tuple(whole.attacks_to_run) == ATTACKS[version]
