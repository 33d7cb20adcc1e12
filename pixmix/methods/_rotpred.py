"""RotPred (Hendrycks et al., 2019): beside the classes, a second head learns how far an image is turned."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mixset._common.errors import InputError

from ._base import DeviceDraws, Method, Setting

TURNS = 4
"""By 0, 90, 180 and 270 degrees, counter-clockwise."""


class TurnTelling(nn.Module):
    """A network and a linear head on what its classifier sees: images to logits and four more, (N, K + 4).

    Args:
        network: gives logits (N, K) that a last linear layer makes of features.

    Raises:
        InputError: the network has no linear layer.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        layers = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
        if not layers:
            raise InputError("method rotpred: the network has no linear layer, before which a second head could stand")
        self.network, self.classifier = network, layers[-1]
        self.head = nn.Linear(self._last().in_features, TURNS)

    def forward(self, images: Tensor) -> Tensor:
        features: list[Tensor] = []
        hook = self._last().register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
        try:
            logits = self.network(images)
        finally:
            hook.remove()  # the network is measured by itself, too
        return torch.cat([logits, self.head(features[-1])], dim=1)

    def _last(self) -> nn.Linear:
        layer = self.network.get_submodule(self.classifier)
        assert isinstance(layer, nn.Linear)
        return layer


class RotPred(Method):
    """Each image in four rows, turned further each time: the classes are learned from the first, the turn from all.

    The loss is the cross entropy of the images as they are, and `weight` times that of the turns of all four, each a
    mean over its rows. What comes before, such as PixMix, is done once, and its result is turned.

    Args:
        classes: K, of the network's own logits.
        weight: of the turns.
    """

    name = "rotpred"
    in_graph = True
    batch_views = TURNS

    def __init__(self, *, classes: int, weight: float = 1.0) -> None:
        self.classes, self.weight = classes, weight

    def extend(self, network: nn.Module) -> nn.Module:
        return TurnTelling(network)

    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        return torch.cat([images.rot90(turns, (2, 3)) for turns in range(TURNS)]), labels

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        turns = torch.arange(TURNS, device=logits.device).repeat_interleave(len(targets))
        told = functional.cross_entropy(logits[:, self.classes :], turns)
        return functional.cross_entropy(logits[: len(targets), : self.classes], targets) + self.weight * told


def make(name: str, setting: Setting) -> Method:
    """RotPred with the settings' weight.

    Raises:
        InputError: images that are not square, which a quarter turn does not fit.
    """
    height, width = setting.size
    if height != width:
        raise InputError(f"method {name}: turns images by 90 degrees, which must be square, not {height}x{width}")
    return RotPred(classes=setting.classes, weight=setting.settings.rotpred.weight)
