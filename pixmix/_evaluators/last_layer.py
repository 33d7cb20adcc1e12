"""The last layer of a network and what it takes, the penultimate features, found by a trial or by name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError, perhaps

from .._common.normalized import Normalized
from ..scores import Head
from ..scores._settings import FeatureFormat
from .forwarding import network_errors

FORMATS: dict[FeatureFormat, torch.dtype] = {"float32": torch.float32, "float16": torch.float16}


class LastLayer:
    """A layer whose input are the features, kept from the last forward pass.

    Args:
        name: of the layer, as `named_modules` of the network has it.
        layer: the layer.
        width: how many features an image has.
        linear: whether the logits are what this layer makes of its input; only then is there a head.
    """

    def __init__(self, name: str, layer: nn.Module, *, width: int, linear: bool) -> None:
        self.name, self.layer, self.width, self.linear = name, layer, width, linear
        self._inputs: list[Tensor] = []

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Inside, each forward pass leaves its features."""
        hook = self.layer.register_forward_pre_hook(lambda _, inputs: self._inputs.append(inputs[0].detach()))
        try:
            yield
        finally:
            hook.remove()
            self._inputs.clear()

    def features(self, count: int, form: FeatureFormat = "float32") -> Tensor:
        """What the layer took for the `count` images of the last forward pass, (count, D) in a format."""
        inputs, self._inputs[:] = list(self._inputs), []
        if len(inputs) != 1:
            raise InputError(
                f"layer {self.name}: runs {len(inputs)} times in a forward pass, so it has no features of its own; "
                "name another"
            )
        return _flat(self.name, inputs[0], count).to(FORMATS[form])

    def size_line(self, count: int, form: FeatureFormat, folder: Path | None) -> str:
        """How much memory the features of `count` images take, and where in a folder for logits as much room."""
        kept = "" if folder is None else f", kept in {folder / 'features'}"
        megabytes = count * self.width * FORMATS[form].itemsize / 1e6
        return f"features {count:,} x {self.width:,} {form}, {megabytes:,.1f} MB{kept}"

    def head(self) -> Head | None:
        """The layer's weight and bias in float32, where the logits are what it makes of the features."""
        if not self.linear or not isinstance(self.layer, nn.Linear):
            return None
        weight = self.layer.weight.detach().float().cpu().numpy()
        bias = self.layer.bias
        return Head(weight, np.zeros(len(weight), np.float32) if bias is None else bias.detach().float().cpu().numpy())


def find_last_layer(network: nn.Module, images: Tensor, name: str | None = None) -> LastLayer:
    """The layer of this name, or else the linear layer whose output are the network's logits.

    Args:
        network: in eval mode.
        images: (n, 3, H, W) floats in [0, 1], for the trial.
        name: as `named_modules` has it, of a `Normalized` network that of its body: "fc".

    Raises:
        InputError: there is no such layer, none is found, or what it takes are not features (N, D).
    """
    modules = named_layers(network, name)
    asked = {
        part: module for part, module in modules.items() if part == name or (not name and isinstance(module, nn.Linear))
    }
    seen, logits = _trial(network, images, asked)
    if name is not None:
        if name not in seen:
            raise InputError(f"layer {name}: takes no part in a forward pass; name another")
        taken, made = seen[name]
        width = _flat(name, taken, len(images)).shape[1]
        return LastLayer(name, modules[name], width=width, linear=_same(made, logits))
    for found, (taken, made) in reversed(seen.items()):
        if _same(made, logits):
            width = _flat(found, taken, len(images)).shape[1]
            return LastLayer(found, modules[found], width=width, linear=True)
    raise InputError(
        "the network's logits are not what a linear layer gives, so its features cannot be found; "
        "name the layer that takes them: `layer`"
    )


def named_layers(network: nn.Module, name: str | None = None) -> dict[str, nn.Module]:
    """The layers of a network, of a `Normalized` one those of its body; InputError unless `name` is among them."""
    modules = dict((network.body if isinstance(network, Normalized) else network).named_modules())
    if name is not None and name not in modules:
        linear = [part for part, module in modules.items() if isinstance(module, nn.Linear)]
        raise InputError(
            f"layer {name}: the network has none of this name{perhaps(name, modules)}; "
            f"its last linear ones: {', '.join(linear[-3:]) or 'none'}"
        )
    return modules


def _trial(
    network: nn.Module, images: Tensor, asked: dict[str, nn.Module]
) -> tuple[dict[str, tuple[Tensor, object]], Tensor]:
    """What each of these layers takes and gives, in the order of their last calls, and the logits."""
    seen: dict[str, tuple[Tensor, object]] = {}

    def note(part: str, inputs: tuple, made: object) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            seen.pop(part, None)
            seen[part] = (inputs[0], made)

    hooks = [
        module.register_forward_hook(lambda _, inputs, made, part=part: note(part, inputs, made))
        for part, module in asked.items()
    ]
    try:
        with network_errors(f"images of {images.shape[3]}x{images.shape[2]} px"):
            return seen, network(images)
    finally:
        for hook in hooks:
            hook.remove()


def _same(made: object, logits: Tensor) -> bool:
    return isinstance(made, Tensor) and made.shape == logits.shape and torch.equal(made.to(logits.dtype), logits)


def _flat(name: str, taken: Tensor, count: int) -> Tensor:
    """(count, D) of (count, D) or (count, D, 1, 1); InputError for anything else."""
    flat = taken.flatten(1) if taken.ndim > 2 and taken.shape[2:].numel() == 1 else taken
    if flat.ndim != 2 or len(flat) != count or not flat.is_floating_point():
        raise InputError(
            f"layer {name}: takes {tuple(taken.shape)} for {count} images, not features ({count}, D); name another"
        )
    return flat
