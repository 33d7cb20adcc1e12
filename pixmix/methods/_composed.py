"""`A+B`: several methods as one: those of images one after another, then one of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .._common import philox
from ._base import Batches, DeviceDraws, Method, StepDraws, StepKey

if TYPE_CHECKING:
    from .._augment.draws import Key
    from .._augment.residents import Resident


class Parts(Method):
    """Several methods as one, each of which sees the training and keeps a state of its own; the loss, and what is added
    to the network, are the last one's.

    Args:
        name: what the user called them together.
        parts: in the order in which they act. All but the last make one row of each image and add nothing to the
            network.

    Raises:
        InputError: one that is not the last makes several rows of an image, or adds modules to the network.
    """

    def __init__(self, name: str, parts: Sequence[Method]) -> None:
        self.name, self.parts = name, tuple(parts)
        last = self.parts[-1]
        for part in self.parts[:-1]:
            if part.views > 1:
                remedy = "; `augmix.jsd` 0 leaves the copies out" * (part.name == "augmix")
                raise InputError(
                    f"method {name}: {part.name} shows the network {part.views} images for each, which "
                    f"{last.name} cannot take{remedy}"
                )
            if _extends(part):
                raise InputError(
                    f"method {name}: {part.name} adds modules to the network for a loss of its own, which "
                    f"{last.name} cannot take"
                )
        self.keys = tuple(dict.fromkeys(key for part in self.parts for key in part.keys))
        self.batch_views, self.jsd_weight = last.batch_views, last.jsd_weight
        # In a graph, the last part's `change` is all that is replayed.
        self.in_graph = all(part.in_graph for part in self.parts) and not any(map(acts_on_batches, self.parts[:-1]))

    def extend(self, network: nn.Module) -> nn.Module:
        return self.parts[-1].extend(network)

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        return self.parts[-1].draw(key, count, size)

    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        return self.parts[-1].change(images, labels, draws=draws, network=network, classes=classes)

    def batch(
        self, images: Tensor, labels: Tensor, *, network: nn.Module, key: StepKey, classes: int
    ) -> tuple[Tensor, Tensor]:
        for part in self.parts:
            images, labels = part.batch(images, labels, network=network, key=key, classes=classes)
        return images, labels

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return self.parts[-1].loss(logits, targets)

    def before_epoch(self, network: nn.Module, batches: Batches, *, key: StepKey) -> None:
        for part in self.parts:
            part.before_epoch(network, batches, key=key)

    def on_step(self, network: nn.Module) -> None:
        for part in self.parts:
            part.on_step(network)

    def on_epoch(self, epoch: int, seconds: float) -> tuple[dict[str, Any], str]:
        looks = [part.on_epoch(epoch, seconds) for part in self.parts]
        entries = {name: value for entry, _ in looks for name, value in entry.items()}
        return entries, ", ".join(words for _, words in looks if words)

    def state_dict(self) -> dict[str, Any]:
        states = {part.name: part.state_dict() for part in self.parts}
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if unknown := sorted(set(state) - {part.name for part in self.parts}):
            raise InputError(
                f"method {self.name}: the checkpoint has the state of {', '.join(unknown)}; "
                "go on with the method the run was started with"
            )
        for part in self.parts:
            part.load_state_dict(state.get(part.name, {}))


def _extends(method: Method) -> bool:
    """Whether it adds modules to the network."""
    return _extends(method.parts[-1]) if isinstance(method, Parts) else type(method).extend is not Method.extend


def acts_on_batches(method: Method) -> bool:
    """Whether it changes batches, perhaps besides images."""
    if isinstance(method, Parts):
        return any(map(acts_on_batches, method.parts))
    return type(method).change is not Method.change or type(method).batch is not Method.batch


class Composed(Parts):
    """An image transform and a batch transform as one method.

    Args:
        name: what the user called it.
        first: changes images.
        second: changes batches.
    """

    def __init__(self, name: str, first: Method, second: Method) -> None:
        super().__init__(name, (first, second))
        self.in_loader, self.on_device = first.in_loader, first.on_device

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        return self.parts[0].augment_array(batch, key, indices)

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        return self.parts[0].augment_tensor(batch, key, indices)

    def augment_resident(self, stored: Resident, key: Key, indices: np.ndarray, *, padding: int, flip: bool) -> Tensor:
        return self.parts[0].augment_resident(stored, key, indices, padding=padding, flip=flip)

    def ahead(self) -> int | None:
        return self.parts[0].ahead()


class Chained(Parts):
    """Methods of images one after another: each takes what the one before it made, rounded to bytes.

    The first draws what it draws alone. Each further one draws under a seed of its own, made from the run's and its
    number, so that no two draw alike, even if they are variants of one method.

    Args:
        name: what the user called them.
        parts: of images, in the order in which they act. One that acts on batches by its settings comes last.

    Raises:
        InputError: one that is not the last makes several rows of an image, adds modules to the network, or acts on
            batches.
    """

    def __init__(self, name: str, parts: Sequence[Method]) -> None:
        super().__init__(name, parts)
        for part in self.parts[:-1]:
            if acts_on_batches(part):
                raise InputError(
                    f"method {name}: with these settings {part.name} acts on batches, after {self.parts[-1].name}; "
                    "write it last"
                )
        self.views = self.parts[-1].views
        self.in_loader = all(part.in_loader for part in self.parts)
        self.on_device = all(part.on_device for part in self.parts)

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        *others, last = self.parts
        for number, part in enumerate(others):
            made = part.augment_array(batch, key_of_part(key, number), indices)
            batch = np.rint(made.transpose(0, 2, 3, 1) * np.float32(255)).astype(np.uint8)
        return last.augment_array(batch, key_of_part(key, len(others)), indices)

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        *others, last = self.parts
        for number, part in enumerate(others):
            made = part.augment_tensor(batch, key_of_part(key, number), indices)
            batch = (made.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)
        return last.augment_tensor(batch, key_of_part(key, len(others)), indices)

    def ahead(self) -> int | None:
        return min((steps for part in self.parts if (steps := part.ahead()) is not None), default=None)


def key_of_part(key: Key, number: int) -> Key:
    """The key under which a part of `Chained` draws; the first, number 0, has the key itself."""
    if number == 0:
        return key
    low, high = philox.words(key.shared, np.array([number]), philox.PARTS, 2)[0].tolist()
    return philox.Key(low | high << 32, key.epoch).of_copy(key.copy)
