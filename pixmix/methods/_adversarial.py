"""Adversarial training (Madry et al., 2018): each image of a batch is replaced by its adversary."""

from __future__ import annotations

import math

from torch import Tensor, nn

from mixset._common.arguments import check_number

from .._common.attack import Norm, PGDSettings, largest
from .._common.modes import in_eval_mode
from .._evaluators.attacks import pgd
from ._base import DeviceDraws, Method, Setting
from ._settings import AdversarialSettings

NORMS: dict[str, Norm] = {"adversarial-linf": "linf", "adversarial-l2": "l2"}
"""What an image's change is measured in, by method."""


class Adversarial(Method):
    """Projected gradient descent on the network as it is, in eval mode, from the image itself; labels stay.

    "l-infinity Adversarial" and "l2 Adversarial" in Table 7 of the paper, whose errors are those of two released
    networks (microsoft/robust-models-transfer): ResNet-50, radius 8/255 in l-infinity and 3 in l2, trained with three
    steps of two thirds of the radius.

    Args:
        name: of `NORMS`.
        attack: the settings of `pixmix._evaluators.attacks.pgd`.
    """

    def __init__(self, name: str, attack: PGDSettings) -> None:
        self.name, self.attack = name, attack

    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        with in_eval_mode(network):
            return pgd(network, images, labels, settings=self.attack), labels


def attack_settings(norm: Norm, size: tuple[int, int], settings: AdversarialSettings) -> PGDSettings:
    """The attack on images of (H, W): radius 8/255 in l-infinity, 3 at 224 px in l2, steps of 2/3 of it.

    Raises:
        InputError: a radius or a step above 1 in l-infinity.
    """
    default = 8 / 255 if norm == "linf" else 3 * math.sqrt(size[0] * size[1]) / 224
    epsilon = default if settings.epsilon is None else settings.epsilon
    step_size = 2 / 3 * epsilon if settings.step_size is None else settings.step_size
    for name, value in {"epsilon": epsilon, "step_size": step_size}.items():
        check_number(f"adversarial.{name}", value, low=0.0, high=largest(norm))
    return PGDSettings(epsilon=epsilon, step_size=step_size, steps=settings.steps, norm=norm, random_start=False)


def make(name: str, setting: Setting) -> Method:
    """Adversarial training in l-infinity or l2."""
    return Adversarial(name, attack_settings(NORMS[name], setting.size, setting.settings.adversarial))
