"""`A+B`: several methods as one, each of which changes another thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from mixset._common.errors import InputError

from ._base import Batches, DeviceDraws, Method, StepDraws, StepKey

if TYPE_CHECKING:
    from .._augment.draws import Key
    from .._augment.residents import Resident


class Composed(Method):
    """An image transform and a batch transform as one method; the loss, and what is added to the network, are the
    second's.

    Args:
        name: what the user called it.
        first: changes images, makes one row of each, and adds nothing to the network.
        second: changes batches.

    Raises:
        InputError: the first makes several rows of an image, or adds modules to the network.
    """

    def __init__(self, name: str, first: Method, second: Method) -> None:
        if first.views > 1:
            raise InputError(
                f"method {name}: {first.name} shows the network {first.views} images for each, which "
                f"{second.name} cannot take" + ("; `augmix.jsd` 0 leaves the copies out" * (first.name == "augmix"))
            )
        if type(first).extend is not Method.extend:
            raise InputError(
                f"method {name}: {first.name} adds modules to the network for a loss of its own, which "
                f"{second.name} cannot take"
            )
        self.name, self.first, self.second = name, first, second
        self.keys = tuple(dict.fromkeys((*first.keys, *second.keys)))
        self.batch_views = second.batch_views
        self.in_loader, self.on_device = first.in_loader, first.on_device
        self.in_graph = first.in_graph and second.in_graph

    @property
    def _both(self) -> Sequence[Method]:
        return (self.first, self.second)

    def extend(self, network: nn.Module) -> nn.Module:
        return self.second.extend(network)

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        return self.first.augment_array(batch, key, indices)

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        return self.first.augment_tensor(batch, key, indices)

    def augment_resident(self, stored: Resident, key: Key, indices: np.ndarray, *, padding: int, flip: bool) -> Tensor:
        return self.first.augment_resident(stored, key, indices, padding=padding, flip=flip)

    def ahead(self) -> int | None:
        return self.first.ahead()

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        return self.second.draw(key, count, size)

    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        return self.second.change(images, labels, draws=draws, network=network, classes=classes)

    def batch(
        self, images: Tensor, labels: Tensor, *, network: nn.Module, key: StepKey, classes: int
    ) -> tuple[Tensor, Tensor]:
        return self.second.batch(images, labels, network=network, key=key, classes=classes)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return self.second.loss(logits, targets)

    def before_epoch(self, network: nn.Module, batches: Batches, *, key: StepKey) -> None:
        for part in self._both:
            part.before_epoch(network, batches, key=key)

    def on_step(self, network: nn.Module) -> None:
        for part in self._both:
            part.on_step(network)

    def on_epoch(self, epoch: int, seconds: float) -> tuple[dict[str, Any], str]:
        looks = [part.on_epoch(epoch, seconds) for part in self._both]
        return looks[0][0] | looks[1][0], ", ".join(words for _, words in looks if words)

    def state_dict(self) -> dict[str, Any]:
        states = {part.name: part.state_dict() for part in self._both}
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if unknown := sorted(set(state) - {part.name for part in self._both}):
            raise InputError(
                f"method {self.name}: the checkpoint has the state of {', '.join(unknown)}; "
                "go on with the method the run was started with"
            )
        for part in self._both:
            part.load_state_dict(state.get(part.name, {}))
