"""AutoAttack by pyautoattack, the only module that imports it: one attack on one batch at a time."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .._common.attack import Norm
from .._common.autoattack import Version

PACKAGE = "pyautoattack"
ATTACKS: dict[Version, tuple[str, ...]] = {
    "standard": ("apgd-ce", "apgd-t", "fab-t", "square"),
    "plus": ("apgd-ce", "apgd-dlr", "fab", "square", "apgd-t", "fab-t"),
    "rand": ("apgd-ce", "apgd-dlr"),
}
"""Each version's attacks in their order."""
TARGETS = 9
"""Of the targeted attacks, where there are as many other classes."""
FEWEST = 4
"""Classes: the loss of the targeted attacks compares the four largest logits."""
_LOGGER = "auto-attack"
_NAMES = {"linf": "Linf", "l2": "L2"}


def check_library() -> None:
    """InputError where pyautoattack is not installed."""
    if find_spec(PACKAGE) is None:
        raise InputError(f'suite autoattack: {PACKAGE} is not installed; pip install "pixmix[attacks]"')


def library_version() -> str:
    """The version of pyautoattack, "unknown" where it was not installed by a package manager."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


class Library:
    """The attacks of a version at one radius. Every batch draws from the seed anew, as the library does.

    Args:
        network: takes (N, C, H, W) float images in [0, 1], gives logits; in eval mode, on `device`.
        classes: how many it tells apart.
        epsilon: the radius, in units of [0, 1] images.
    """

    def __init__(
        self,
        network: nn.Module,
        classes: int,
        device: torch.device,
        *,
        norm: Norm,
        epsilon: float,
        which: Version,
        seed: int,
    ) -> None:
        from pyautoattack import AutoAttack

        self.attacks = ATTACKS[which]
        self.warnings: list[str] = []
        """What the library warned of, each once."""
        self._network, self._device = network, device
        self._whole: Any = AutoAttack(network, norm=_NAMES[norm], eps=epsilon, version=which, seed=seed, device=device)
        targets = min(TARGETS, classes - 1)
        self._whole.apgd_targeted.n_target_classes = self._whole.fab.n_target_classes = targets

    def broken(self, attack: str, images: Tensor, labels: Tensor) -> np.ndarray:
        """Which images an attack finds an adversary of.

        Args:
            attack: one of `attacks`.
            images: (n, C, H, W) float32 in [0, 1], answered right.
            labels: (n,) int64.

        Returns:
            (n,) bool.
        """
        self._whole.attacks_to_run = [attack]
        images = images.contiguous()  # the library fails on images that are channels last
        with _kept(self._network, self._device), _heard(self.warnings):
            _, answers = self._whole.run_standard_evaluation(images, labels, batch_size=len(images))
        return (answers != labels).cpu().numpy()


@contextlib.contextmanager
def _kept(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Take back what the library changes for others (generators, the tracer of coverage and debuggers, the weights'
    gradients), and have convolutions and products repeat themselves meanwhile."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    tracer, products = sys.gettrace(), torch.backends.cuda.matmul.allow_tf32
    devices = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        try:
            torch.backends.cuda.matmul.allow_tf32 = False
            for parameter in learning:
                parameter.requires_grad_(False)
            yield
        finally:
            for parameter in learning:
                parameter.requires_grad_(True)
            torch.backends.cuda.matmul.allow_tf32 = products
            sys.settrace(tracer)


@contextlib.contextmanager
def _heard(warnings: list[str]) -> Iterator[None]:
    """Add what the library warns of to `warnings` instead of printing it; numbers of images differ by batch."""
    logger, handler = logging.getLogger(_LOGGER), _Listener(warnings)
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


class _Listener(logging.Handler):
    def __init__(self, warnings: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.warnings = warnings

    def emit(self, record: logging.LogRecord) -> None:
        line = re.sub(r" See flags_doc\.md for details\.", "", record.getMessage())
        line = re.sub(r"there are \d+ points", "there are points", line)
        if line not in self.warnings:
            self.warnings.append(line)
