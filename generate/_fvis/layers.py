"""The layers of a network that can be visualised, from a dry run, and their selection by name, pattern or group."""

from __future__ import annotations

import contextlib
import copy
import difflib
import warnings
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mixset._common.errors import InputError, reason

from .layouts import FIRST, TOKENS, Layout, Sight, find_layout, given_layout, map_shape

CONVOLUTION = "Conv2d"
ACTIVATIONS = frozenset({"GELU", "GELUTanh", "QuickGELU", "ReLU", "SiLU"})
USUAL = 224
"""The side in pixels that most networks are made for; sizes near it are tried first."""


class Layer(NamedTuple):
    """A module of a network and the shape of its output."""

    name: str
    """The name in `named_modules`, for example `layer1.0.conv2`."""
    kind: str
    """The name of the class, or `Conv2d` for a convolution of any subclass."""
    channels: int
    """The number of channels; 0 if it is refused."""
    height: int
    """The height of the feature map in pixels; 1 for a layer without one, such as logits; of tokens, that of the
    square of patches."""
    width: int
    """The width of the feature map in pixels, likewise."""
    layout: str = FIRST
    """The axes of the output: NC, NCHW, NHWC, NTC, or NTC+1 with one token in front of those of the patches."""
    refusal: str = ""
    """Why its units cannot be visualised."""


OnCall = Callable[[str, nn.Module, tuple[Any, ...], Any], None]
"""Called after each call of a module, with its name, the module, its positional arguments and its output."""


def dry_run(body: nn.Module, size: int, on_call: OnCall, count: int = 1) -> Any:
    """Run a network once on black images (count, 3, size, size), with a callback for every call of a module in it.

    The network is run in eval mode without gradients; its modes, statistics and hooks are restored.

    Args:
        body: the network.
        size: height and width of the image in pixels.
        on_call: the callback.
        count: the number of images.

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
    images = torch.zeros((count, 3, size, size), dtype=like.dtype, device=like.device)
    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: on_call(name, module, inputs, output))
        for name, module in body.named_modules()
        if name
    ]
    try:
        body.eval()
        with torch.no_grad():
            return body(images)
    except Exception as error:  # a user's network may raise anything
        remedy = "choose another `size` or `network`"
        if hasattr(body, "set_input_size"):
            remedy += "; timm makes networks for any size with dynamic_img_size=True"
        raise InputError(
            f"network: cannot take an image of {size}×{size} pixels ({reason(error)}); {remedy}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
        for module in training:
            module.training = True


def list_layers(body: nn.Module, size: int, layout: str = "") -> list[Layer]:
    """The layers of a network, in the order in which an image of `size` × `size` pixels first reaches them.

    A layer is a module that returns a tensor of two to four axes. Which of them are the channels is found from runs on
    two images of other sizes; layers that have no units, such as heads of attention, are listed with a reason. A module
    that returns a tuple is not a layer, but modules in it may be.

    Args:
        body: the network.
        size: height and width of the images in pixels.
        layout: NCHW, NHWC, NTC or NTC+1, where it is known: then it is that of all layers with as many axes.

    Raises:
        InputError: the network does not accept such an image.
    """
    modules = dict(body.named_modules())
    first = Sight(size, 1, _shapes(body, size, 1))
    others: list[Sight] = []
    layouts: dict[str, Layout] = {}
    for name, shape in first.shapes.items():
        if layout and (given := given_layout(shape, layout)):
            layouts[name] = given
    unknown = [name for name in first.shapes if name not in layouts]
    for other in _other_sizes(size):
        if not any(find_layout(name, modules[name], first, others) is None or not others for name in unknown):
            break
        others.append(Sight(other, 2, _shapes_at_another_size(body, other)))
    for name in unknown:
        layouts[name] = find_layout(name, modules[name], first, others) or Layout("", UNTOLD)
    return [_layer(name, modules[name], shape, layouts[name]) for name, shape in first.shapes.items()]


UNTOLD = "runs at other sizes do not tell which of its axes are channels; give `layout`"


def _layer(name: str, module: nn.Module, shape: tuple[int, ...], layout: Layout) -> Layer:
    kind = CONVOLUTION if isinstance(module, nn.Conv2d) else type(module).__name__
    if layout.refusal:
        return Layer(name, kind, 0, 0, 0, "", layout.refusal)
    return Layer(name, kind, *map_shape(shape, layout.name), layout.name)


def _other_sizes(size: int) -> list[int]:
    """Sizes that are divisible by whatever divides `size`, as far as possible; the nearest to the usual one first."""
    return sorted({size // 2, size * 3 // 2, size * 2}, key=lambda other: abs(other - USUAL))


def _shapes(body: nn.Module, size: int, count: int) -> dict[str, tuple[int, ...]]:
    """The shapes of what modules return at their first calls, in this order."""
    shapes: dict[str, tuple[int, ...]] = {}
    dry_run(body, size, _noting(shapes), count)
    return shapes


def _noting(shapes: dict[str, tuple[int, ...]]) -> OnCall:
    def on_call(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if name not in shapes and isinstance(output, Tensor) and 2 <= output.ndim <= 4:
            shapes[name] = tuple(output.shape)

    return on_call


def _shapes_at_another_size(body: nn.Module, size: int) -> dict[str, tuple[int, ...]]:
    """The shapes for two images of a size that the network may not accept; those up to the module that does not.

    timm's networks of one size are copied for another.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        dry_run(body, size, _noting(shapes), 2)
    except InputError:
        if hasattr(body, "set_input_size"):
            with contextlib.suppress(Exception), warnings.catch_warnings():  # a user's network may raise anything
                warnings.simplefilter("ignore")  # timm's, of how it scales positions
                resized: Any = copy.deepcopy(body)
                resized.set_input_size(img_size=(size, size))
                return _shapes(resized, size, 2)
    return shapes


def choose_layers(layers: Sequence[Layer], patterns: Sequence[str]) -> list[Layer]:
    """The layers that match any of the patterns, in the order of `layers`.

    Args:
        layers: the layers of a network, from `list_layers`.
        patterns: each a name, a shell pattern (`layer1.*`), `all` (every convolution; of a vision transformer the
            hidden units of its MLPs, `blocks.*.mlp.act`) or `early` (the first quarter of them, at least one; the
            paper's set shows first layers). A pattern passes over layers without units.

    Raises:
        InputError: a pattern matches no layer, or none that has units.
    """
    chosen = {layer for pattern in patterns for layer in _named(layers, pattern)}
    return [layer for layer in layers if layer in chosen]


def _named(layers: Sequence[Layer], pattern: str) -> list[Layer]:
    """The layers that match a pattern; a layer named exactly like a group takes precedence."""
    matching = [layer for layer in layers if layer.name == pattern]
    if not matching and pattern in ("early", "all"):
        matching = early_layers(layers) if pattern == "early" else all_layers(layers)
    elif not matching:
        matching = [layer for layer in layers if fnmatchcase(layer.name, pattern)]
    if usable := [layer for layer in matching if not layer.refusal]:
        return usable
    if matching:
        raise InputError(f"layers: {matching[0].name} has no units to visualise: {matching[0].refusal}")
    if pattern in ("early", "all"):
        raise InputError(
            f"layers: {pattern} means convolutions or the MLPs of transformers, but the network has none; "
            "name layers instead"
        )
    near = difflib.get_close_matches(pattern, [layer.name for layer in layers], cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "use names, shell patterns, early or all"
    raise InputError(f"layers: the network has no layer {pattern!r}; {hint} (`list_layers` shows them)")


def all_layers(layers: Sequence[Layer]) -> list[Layer]:
    """The layers of the group `all`: the activations of a transformer's MLPs, else the convolutions.

    The hidden units of MLPs give clear images, queries, keys and values do not (Ghiasi et al. 2022).
    """
    hidden = [layer for layer in layers if layer.layout.startswith(TOKENS) and layer.kind in ACTIVATIONS]
    return hidden or [layer for layer in layers if layer.kind == CONVOLUTION and not layer.refusal]


def early_layers(layers: Sequence[Layer]) -> list[Layer]:
    """The layers of the group `early`: the first quarter of those of `all`, at least one."""
    every = all_layers(layers)
    return every[: max(1, len(every) // 4)]
