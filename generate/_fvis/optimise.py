"""Feature visualisations by lucent, with corrections that matter for many images."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .layouts import FIRST, TOKENS
from .objectives import Unit, scores, similarity
from .parametrisations import PARAMETRISATIONS
from .tapped import Tapped
from .wobble import RandomAffine

with warnings.catch_warnings():
    # kornia, a dependency of lucent, uses a deprecated way to script functions, of which torch warns at every import.
    warnings.simplefilter("ignore")
    from lucent.optvis import objectives as lucent_objectives, render

ATTEMPTS = 4
"""An image is optimised for at most this many units in turn; the last is kept in any case."""
EARLY = 3
"""The number of steps after which a unit without any gradient is abandoned."""
FLAT = 5.0
"""An image whose colours have a smaller standard deviation, on a scale from 0 to 255, is flat."""


@dataclass(frozen=True)
class Visualised:
    """Feature visualisations, and their units and scores."""

    images: np.ndarray
    """The images, (N, S, S, 3) uint8."""
    units: list[Unit]
    """The unit that each image visualises."""
    scores: np.ndarray
    """The objective of each finished image at its own size, without transformation, (N,) float32."""
    refused: list[list[str]]
    """For each image, why earlier units were abandoned: "dead" (no gradient) or "flat" (no visible structure)."""


def visualise(
    body: nn.Module,
    choose: Callable[[int, int], Unit],
    seeds: Sequence[int],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    size: int,
    steps: int = 64,
    lr: float = 0.15,
    objective: str = "channel",
    diversity: float = 0.0,
    parametrisation: str = "fourier",
    layouts: Mapping[str, str] = MappingProxyType({}),
    amp: torch.dtype | None = None,
) -> Visualised:
    """Optimise one image for each seed, all together, on the network's device.

    The network is run in eval mode, without gradients of its weights, and only up to the last layer that is needed; its
    state, its hooks and the global random states are restored. On a CPU with one torch thread the result is a function
    of the arguments, bit for bit.

    Args:
        body: a network that takes normalised images (N, 3, S, S).
        choose: (index, attempt) → the unit of the image with this index; if a unit is dead or its image flat, that of
            the next attempt is tried.
        seeds: the seed of each image's initial noise and transformations, 0 to 2**64 − 1.
        mean: the channel means of the normalisation, for images in [0, 1].
        std: the channel standard deviations of the normalisation.
        size: height and width in pixels.
        steps: the number of steps of Adam.
        lr: the learning rate; 0.15 achieves in 64 steps what lucent's 0.05 achieves in 512.
        objective: one of `objectives.OBJECTIVES`.
        diversity: the weight of a penalty for the similarity of images of the same layer.
        parametrisation: one of `parametrisations.PARAMETRISATIONS`.
        layouts: layer → layout, as in `Layer.layout`, of those that do not return (N, C, H, W) or (N, C).
        amp: the dtype of mixed precision inside the network; default: full precision.

    Raises:
        InputError: the network does not accept such images, or a layer is not reached.
    """
    indices = list(range(len(seeds)))
    attempts, refused = [0] * len(seeds), [list[str]() for _ in seeds]
    units = [choose(index, 0) for index in indices]
    images = np.empty((len(seeds), size, size, 3), np.uint8)
    values = np.empty(len(seeds), np.float32)
    settings = _Settings(tuple(mean), tuple(std), size, steps, lr, objective, diversity, parametrisation, layouts, amp)

    def next_attempt(index: int, reason: str) -> None:
        refused[index].append(reason)
        attempts[index] += 1
        units[index] = choose(index, attempts[index])

    while indices:
        last = [attempts[index] == ATTEMPTS - 1 for index in indices]
        noises = [(seeds[index], attempts[index]) for index in indices]
        try:
            optimised, optimised_values = _optimise(body, [units[index] for index in indices], noises, last, settings)
        except _Dead as error:
            for row in error.rows:
                next_attempt(indices[row], "dead")
            continue
        flat = [not final and image.std((0, 1)).mean() < FLAT for final, image in zip(last, optimised, strict=True)]
        images[indices], values[indices] = optimised, optimised_values
        indices = [index for index, again in zip(indices, flat, strict=True) if again]
        for index in indices:
            next_attempt(index, "flat")
    return Visualised(images, units, values, refused)


@dataclass(frozen=True)
class _Settings:
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    steps: int
    lr: float
    objective: str
    diversity: float
    parametrisation: str
    layouts: Mapping[str, str]
    amp: torch.dtype | None


def _optimise(
    body: nn.Module, units: list[Unit], noises: list[tuple[int, int]], last: list[bool], settings: _Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Call lucent's `render_vis` once; returns images (n, S, S, 3) uint8 and their scores (n,) float32."""
    device = next(body.parameters(), torch.empty(0)).device
    randoms = [np.random.Generator(np.random.Philox(key=np.array(noise, np.uint64))) for noise in noises]
    layers = {unit.layer: settings.layouts.get(unit.layer, FIRST) for unit in units}
    tapped = Tapped(body, layers, settings.mean, settings.std, settings.amp)

    def loss(layer: Callable[[str], Tensor]) -> Tensor:
        features = {name: layer(name) for name in layers}
        total = -scores(settings.objective, features, units).sum()
        if settings.diversity:
            total = total + settings.diversity * similarity(features, units)
        return total

    with _restored(body, device):
        patches = _patches(tapped, settings.size, device)
        rendered = render.render_vis(
            tapped,
            lucent_objectives.Objective(loss, settings.objective, settings.objective),
            param_f=lambda: PARAMETRISATIONS[settings.parametrisation](randoms, settings.size, device),
            optimizer=lambda parameters: _AdamUntilDead(parameters, settings.lr, last),
            transforms=[RandomAffine(randoms, settings.steps, device, patches)],
            thresholds=(settings.steps,),
            preprocess=False,
            progress=False,
            show_image=False,
            fixed_image_size=0,  # no resizing; lucent would enlarge images to 224 pixels
        )
        if not np.isfinite(rendered[0]).all():
            raise InputError(f"network: what layer {units[0].layer} gives is not finite; choose another one")
        images = np.rint(rendered[0] * 255.0).astype(np.uint8)
        with torch.no_grad():
            shown = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255.0
            features = tapped.features(shown)
            return images, scores(settings.objective, features, units).cpu().numpy()


def _patches(tapped: Tapped, size: int, device: torch.device) -> float:
    """The side of the largest patch that is a token of these layers, in sides of the image; 0 without tokens."""
    tokens = [layer for layer, layout in tapped.layers.items() if layout.startswith(TOKENS)]
    if not tokens:
        return 0.0
    with torch.no_grad():
        maps = tapped.features(torch.full((1, 3, size, size), 0.5, device=device))
    return max(1 / maps[layer].shape[2] for layer in tokens)


class _Dead(Exception):
    """Units have no gradient; `rows` are their indices in the batch."""

    def __init__(self, rows: list[int]) -> None:
        super().__init__(rows)
        self.rows = rows


class _AdamUntilDead(torch.optim.Adam):
    """Adam that raises `_Dead` after `EARLY` steps if images had no gradient, unless it is their last attempt."""

    def __init__(self, parameters: list[Tensor], lr: float, last: list[bool]) -> None:
        super().__init__(parameters, lr=lr, fused=True)
        self.parameters, self.last, self.steps = parameters[0], last, 0
        self.gradients = torch.zeros(len(last), device=self.parameters.device)

    def step(self, closure: Any = None) -> Any:
        loss = closure()
        if self.steps < EARLY:
            assert self.parameters.grad is not None
            self.gradients += self.parameters.grad.abs().flatten(1).amax(1)
            self.steps += 1
            if self.steps == EARLY:
                alive = (self.gradients > 0).tolist()
                if dead := [row for row, is_alive in enumerate(alive) if not is_alive and not self.last[row]]:
                    raise _Dead(dead)
        super().step()
        return loss


@contextlib.contextmanager
def _restored(body: nn.Module, device: torch.device) -> Iterator[None]:
    """Freeze the network in eval mode, and restore it and the global random states afterwards."""
    training = [module for module in body.modules() if module.training]
    trainable = [weights for weights in body.parameters() if weights.requires_grad]
    numpy_state = np.random.get_state()  # noqa: NPY002 - lucent's
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            body.eval()
            for weights in trainable:
                weights.requires_grad_(False)
            yield
        finally:
            for module in training:
                module.training = True
            for weights in trainable:
                weights.requires_grad_(True)
            np.random.set_state(numpy_state)  # noqa: NPY002
