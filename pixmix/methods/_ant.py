"""Adversarial noise training (Rusak et al., 2020): noise of a generator that learns to mislead the network."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mixset._common.progress import Progress

from .._common import keyed
from .._common.modes import in_eval_mode
from ._base import Batches, Method, Setting, StepKey
from ._noise_generator import Weights, draw_weights, make_noise, perturb
from ._settings import ANTSettings

LEARNING, NOISE, EARLIER, FRESH, RESTART = range(5)
"""What a step's generators are for."""
CPU = torch.device("cpu")


class Opponent:
    """A noise generator and the Adam that makes its noise raise a classifier's cross entropy."""

    def __init__(self, weights: Sequence[Tensor], lr: float) -> None:
        self.weights: Weights = [tensor.detach().requires_grad_() for tensor in weights]
        self.adam = torch.optim.Adam(self.weights, lr=lr, maximize=True)

    @property
    def lr(self) -> float:
        return self.adam.param_groups[0]["lr"]

    def to(self, device: torch.device) -> Opponent:
        """Itself, or a copy on another device."""
        if self.weights[0].device == device:
            return self
        moved = Opponent([tensor.to(device, non_blocking=True) for tensor in self.weights], self.lr)
        moved.adam.load_state_dict(self.adam.state_dict())
        return moved

    def learn(
        self, network: nn.Module, images: Tensor, labels: Tensor, *, epsilon: float, random: torch.Generator
    ) -> None:
        """One step against the network as it is, in eval mode; its weights get no gradients."""
        with torch.enable_grad(), in_eval_mode(network):
            noise = make_noise(self.weights, len(images), (images.shape[2], images.shape[3]), random)
            logits = network(perturb(images, noise, epsilon))
            # The sum, because in float16 the gradient of the mean may underflow on its way through the network.
            loss = functional.cross_entropy(logits.float(), labels, reduction="sum")
            gradients = torch.autograd.grad(loss, self.weights)
        for tensor, gradient in zip(self.weights, gradients, strict=True):
            tensor.grad = gradient / len(images)
        self.adam.step()


class ANT(Method):
    """Noise of one l2 norm on the first images of each batch; "ANT" in Table 7 of the paper.

    At each step the generator learns, then half of the batch gets noise: in the first epoch all of it from this
    generator, later three fifths from it and a fifth each from two generators of earlier epochs. Each epoch has a fresh
    generator, which first learns alone. Each process of a distributed run has generators of its own.

    This is what the method's paper says. The script that its authors released (bethgelab/game-of-noise) differs: its
    classifier sees a generator that has not been trained yet, the earlier ones are kept as they are at the beginnings
    of their epochs, and the two are drawn without replacement. Here they are drawn anew for each batch, with
    replacement, and the epoch's Adam begins without the moments of the one that trained the generator alone.

    Args:
        size: (H, W) of the training images.
        settings: the noise's norm, the generator's form and how it learns, and share.
    """

    name = "ant"
    keys = ("step",)

    def __init__(self, *, size: tuple[int, int], settings: ANTSettings | None = None) -> None:
        self.settings = settings or ANTSettings()
        self.epsilon = default_epsilon(size) if self.settings.epsilon is None else self.settings.epsilon
        self.opponent: Opponent | None = None
        """Of the epoch; made when it is first needed."""
        self.earlier: list[Weights] = []
        """The generators of the epochs before, as they were at their ends."""

    def __getstate__(self) -> dict[str, Any]:
        # The loader's workers, for which a method is pickled, need no generators, and these may be on a GPU.
        return {**self.__dict__, "opponent": None, "earlier": []}

    def before_epoch(self, network: nn.Module, batches: Batches, *, key: StepKey) -> None:
        """Put the ended epoch's generator to the earlier ones and train a fresh one."""
        if self.opponent is not None:
            self.earlier.append([tensor.detach() for tensor in self.opponent.weights])
        steps = self.settings.restart_steps
        opponent = self._fresh(key, self.settings.restart_lr)
        if steps:
            with Progress(steps, "steps of the noise generator", quiet=key.rank != 0) as progress:
                for step, (images, labels) in enumerate(batches(steps)):
                    opponent = opponent.to(images.device)
                    random = keyed.generator(replace(key, step=step), images.device, purpose=RESTART)
                    opponent.learn(network, images, labels, epsilon=self.epsilon, random=random)
                    progress.advance()
        self.opponent = Opponent(opponent.weights, self.settings.lr)

    def batch(
        self, images: Tensor, labels: Tensor, *, network: nn.Module, key: StepKey, classes: int
    ) -> tuple[Tensor, Tensor]:
        self.opponent = (self.opponent or self._fresh(key, self.settings.lr)).to(images.device)
        random = keyed.generator(key, images.device, purpose=LEARNING)
        self.opponent.learn(network, images, labels, epsilon=self.epsilon, random=random)
        return self._noisy(images, key), labels

    @torch.no_grad()
    def _noisy(self, images: Tensor, key: StepKey) -> Tensor:
        assert self.opponent is not None
        generators = [self.opponent.weights]
        parts: tuple[float, ...] = (1.0,)
        if self.earlier:
            random = keyed.generator(key, CPU, purpose=EARLIER)
            for index in torch.randint(len(self.earlier), (2,), generator=random).tolist():
                generators.append([tensor.to(images.device, non_blocking=True) for tensor in self.earlier[index]])
            parts = (3 / 5, 4 / 5, 1.0)
        random = keyed.generator(key, images.device, purpose=NOISE)
        size = (images.shape[2], images.shape[3])
        noises: list[Tensor] = []
        end = 0
        for weights, part in zip(generators, parts, strict=True):
            start, end = end, round(self.settings.share * part * len(images))
            noises.append(make_noise(weights, end - start, size, random))
        noisy = images.clone()
        noisy[:end] = perturb(images[:end], torch.cat(noises), self.epsilon)
        return noisy

    def _fresh(self, key: StepKey, lr: float) -> Opponent:
        """The untrained generator of an epoch."""
        return Opponent(
            draw_weights(self.settings.kernel, keyed.generator(replace(key, step=0), CPU, purpose=FRESH)), lr
        )

    def state_dict(self) -> dict[str, Any]:
        if self.opponent is None:
            return {}
        return {
            "generator": [tensor.detach() for tensor in self.opponent.weights],
            "adam": self.opponent.adam.state_dict(),
            "earlier": self.earlier,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.opponent, self.earlier = None, []
        if set(state) != {"generator", "adam", "earlier"}:
            return super().load_state_dict(state)
        self.opponent = Opponent([tensor.clone() for tensor in state["generator"]], self.settings.lr)
        self.opponent.adam.load_state_dict(copy.deepcopy(state["adam"]))  # it would go on with the very tensors
        self.earlier = [list(weights) for weights in state["earlier"]]


def default_epsilon(size: tuple[int, int]) -> float:
    """The noise's l2 norm: the original's 135 at 224 px, and as much per pixel at other sizes."""
    return 135 * math.sqrt(size[0] * size[1]) / 224


def make(name: str, setting: Setting) -> Method:
    """Adversarial noise training for a data set."""
    return ANT(size=setting.size, settings=setting.settings.ant)
