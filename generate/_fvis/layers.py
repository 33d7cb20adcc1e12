"""The layers of a network that can be visualised, from a dry run, and their selection by name, pattern or group."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mixset._common.errors import InputError, reason

CONVOLUTION = "Conv2d"


class Layer(NamedTuple):
    """A module of a network and the shape of its output."""

    name: str
    """The name in `named_modules`, for example `layer1.0.conv2`."""
    kind: str
    """The name of the class, or `Conv2d` for a convolution of any subclass."""
    channels: int
    """The number of channels."""
    height: int
    """The height of the feature map in pixels; 1 for a layer without one, such as logits."""
    width: int
    """The width of the feature map in pixels; 1 for a layer without one."""


OnCall = Callable[[str, nn.Module, tuple[Any, ...], Any], None]
"""Called after each call of a module, with its name, the module, its positional arguments and its output."""


def dry_run(body: nn.Module, size: int, on_call: OnCall) -> Any:
    """Run a network once on a black image (1, 3, size, size), with a callback for every call of a module in it.

    The network is run in eval mode without gradients; its modes, statistics and hooks are restored.

    Args:
        body: the network.
        size: height and width of the image in pixels.
        on_call: the callback.

    Returns:
        The output of the network.

    Raises:
        InputError: the network does not accept such an image, or it is compiled (TorchScript), which hides its modules.
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in body.modules()):
        raise InputError(
            "network: is compiled (torch.jit), which hides its layers; name the function that makes it uncompiled"
        )
    training = [module for module in body.modules() if module.training]
    like = next(body.parameters(), torch.empty(0))
    image = torch.zeros((1, 3, size, size), dtype=like.dtype, device=like.device)
    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: on_call(name, module, inputs, output))
        for name, module in body.named_modules()
        if name
    ]
    try:
        body.eval()
        with torch.no_grad():
            return body(image)
    except Exception as error:  # a user's network may raise anything
        raise InputError(
            f"network: cannot take an image of {size}×{size} pixels ({reason(error)}); "
            "choose another `size` or `network`"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
        for module in training:
            module.training = True


def list_layers(body: nn.Module, size: int) -> list[Layer]:
    """The layers of a network, in the order in which an image of `size` × `size` pixels first reaches them.

    A layer is a module that returns a tensor (N, C, H, W) or (N, C). A module that returns a tuple is not a layer, but
    modules in it may be.

    Raises:
        InputError: the network does not accept such an image.
    """
    layers: dict[str, Layer] = {}

    def on_call(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if name not in layers and isinstance(output, Tensor) and output.ndim in (2, 4):
            kind = CONVOLUTION if isinstance(module, nn.Conv2d) else type(module).__name__
            height, width = output.shape[2:] or (1, 1)
            layers[name] = Layer(name, kind, output.shape[1], height, width)

    dry_run(body, size, on_call)
    return list(layers.values())


def choose_layers(layers: Sequence[Layer], patterns: Sequence[str]) -> list[Layer]:
    """The layers that match any of the patterns, in the order of `layers`.

    Args:
        layers: the layers of a network, from `list_layers`.
        patterns: each a name, a shell pattern (`layer1.*`), `all` (every convolution) or `early` (the first quarter
            of them, at least one; the paper's set shows first layers).

    Raises:
        InputError: a pattern matches no layer.
    """
    chosen = {layer for pattern in patterns for layer in _named(layers, pattern)}
    return [layer for layer in layers if layer in chosen]


def _named(layers: Sequence[Layer], pattern: str) -> list[Layer]:
    """The layers that match a pattern; a layer named exactly like a group takes precedence."""
    if exact := [layer for layer in layers if layer.name == pattern]:
        return exact
    if pattern in ("early", "all"):
        matching = early_layers(layers) if pattern == "early" else _convolutions(layers)
    else:
        matching = [layer for layer in layers if fnmatchcase(layer.name, pattern)]
    if matching:
        return matching
    if pattern in ("early", "all"):
        raise InputError(f"layers: {pattern} means convolutions, but the network has none; name layers instead")
    near = difflib.get_close_matches(pattern, [layer.name for layer in layers], cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "use names, shell patterns, early or all"
    raise InputError(f"layers: the network has no layer {pattern!r}; {hint} (`list_layers` shows them)")


def _convolutions(layers: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in layers if layer.kind == CONVOLUTION]


def early_layers(layers: Sequence[Layer]) -> list[Layer]:
    """The layers of the group `early`: the first quarter of the convolutions, at least one."""
    convolutions = _convolutions(layers)
    return convolutions[: max(1, len(convolutions) // 4)]
