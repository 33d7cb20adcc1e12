"""Where the channels lie in what a layer returns: found from runs at several sizes, or given, and made a map."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from mixset._common.errors import InputError

MOST_PREFIX = 64
"""The largest number of tokens looked for that belong to no patch: class, distillation and register tokens."""
VECTOR, FIRST, LAST, TOKENS = "NC", "NCHW", "NHWC", "NTC"

# What torch itself defines as (N, C, H, W), for layers that no second size reaches or changes.
CHANNELS_FIRST = (
    nn.Conv2d,
    nn.ConvTranspose2d,
    nn.BatchNorm2d,
    nn.SyncBatchNorm,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveAvgPool2d,
)


class Sight(NamedTuple):
    """The shapes of what layers returned in a run."""

    size: int
    """Height and width of the images in pixels."""
    images: int
    """How many images were run at once."""
    shapes: Mapping[str, tuple[int, ...]]
    """The shapes by layer, of those that were reached."""


class Layout(NamedTuple):
    """The layout of a layer, or why there is none."""

    name: str
    """`NC` (a vector), `NCHW`, `NHWC`, `NTC`, or `NTC+1` for tokens behind one that is no patch; "" if refused."""
    refusal: str = ""
    """Why the layer has no units that can be visualised."""


def check_layout(layout: object) -> None:
    """Raise InputError if this is not the name of a layout of maps or tokens."""
    if layout not in (FIRST, LAST) and not re.fullmatch(r"NTC(\+[1-9]\d{0,3})?", str(layout)):
        raise InputError(
            f"layout: unknown layout {layout!r}; known ones are NCHW, NHWC, NTC, and NTC+1 with a class token"
        )


def prefix_of(layout: str) -> int:
    """The number of tokens in front of those of the patches."""
    return int(layout.partition("+")[2] or 0)


def as_map(features: Tensor, layout: str) -> Tensor:
    """What a layer returns as a map (N, C, H, W); a vector (N, C) is a map of one pixel, tokens are a square one.

    Tokens that belong to no patch, as the class token, are left out.
    """
    if features.ndim == 2:
        return features[:, :, None, None]
    if layout == LAST:
        return features.permute(0, 3, 1, 2)
    if layout.startswith(TOKENS):
        patches = features[:, prefix_of(layout) :].transpose(1, 2)
        side = math.isqrt(patches.shape[2])
        return patches.unflatten(2, (side, side))
    return features


def map_shape(shape: Sequence[int], layout: str) -> tuple[int, int, int]:
    """The channels, height and width of the map that `as_map` makes of features of this shape."""
    if len(shape) == 2:
        return shape[1], 1, 1
    if layout == LAST:
        return shape[3], shape[1], shape[2]
    if layout.startswith(TOKENS):
        side = math.isqrt(shape[1] - prefix_of(layout))
        return shape[2], side, side
    return shape[1], shape[2], shape[3]


def given_layout(shape: Sequence[int], layout: str) -> Layout | None:
    """The layout that the user gives for layers of this number of axes; None where it says nothing about them."""
    if len(shape) != (3 if layout.startswith(TOKENS) else 4):
        return None
    if len(shape) == 3 and not _is_square(shape[1] - prefix_of(layout)):
        return Layout("", f"its {shape[1]} tokens less {prefix_of(layout)} are no square of patches")
    return Layout(layout)


def find_layout(name: str, module: nn.Module, first: Sight, others: Sequence[Sight]) -> Layout | None:
    """The layout of a layer; None if the runs do not tell.

    The axis that counts images follows their number, the axes of places follow the size, and the axis of channels
    follows neither. Of an attention map, too, two axes follow the size, but as a number of tokens.

    Args:
        name: the layer.
        module: its module.
        first: what one image gave at the size that is wanted.
        others: what other sizes gave; a run may have ended before the layer.
    """
    shape = first.shapes[name]
    runs = [(run, run.shapes[name]) for run in others if name in run.shapes]
    for run, other in [(first, shape), *runs]:
        if other[0] != run.images:
            return Layout("", "its first axis does not count the images, but their windows or tokens")
        if len(other) != len(shape):
            return Layout("", "it has another number of axes at another size")
    if len(shape) == 2:
        return Layout(VECTOR)
    moving = tuple(axis for axis in range(1, len(shape)) if any(other[axis] != shape[axis] for _, other in runs))
    if not moving:
        still = [axis for axis in range(1, len(shape)) if shape[axis] != 1]
        return _unmoved(module, len(shape), still)
    if len(shape) == 3:
        return _of_tokens(moving, first.size, shape[1], [(run.size, other[1]) for run, other in runs])
    if any(_counts_tokens(name, axis, first, others) for axis in moving):
        return Layout("", "it is of single heads of attention, or an attention map")
    known: dict[tuple[int, ...], Layout] = {(2, 3): Layout(FIRST), (1, 2): Layout(LAST)}
    return known.get(moving, Layout("", f"of its axes {', '.join(map(str, moving))} follow the images' size"))


def _unmoved(module: nn.Module, axes: int, still: list[int]) -> Layout | None:
    """The layout of a layer whose shape is the same at all sizes; `still` are its axes that are longer than 1."""
    channels = {1: FIRST, 3: LAST} if axes == 4 else {2: TOKENS}
    if len(still) <= 1 and (found := channels.get(still[0] if still else axes - 1 if axes == 3 else 1)):
        return Layout(found)
    return Layout(FIRST) if axes == 4 and isinstance(module, CHANNELS_FIRST) else None


def _of_tokens(moving: tuple[int, ...], size: int, count: int, others: list[tuple[int, int]]) -> Layout | None:
    """The layout of features of three axes of which `moving` follow the size; `others` are sizes and their tokens."""
    if moving == (2,):
        return Layout("", "its channels come before its tokens")
    if moving == (1, 2):
        return Layout("", "it is an attention map")
    for other_size, other in others:
        # The side of the square of patches follows the size, but for less than one patch where a network pads.
        errors = {
            prefix: abs(math.isqrt(other - prefix) * size - math.isqrt(count - prefix) * other_size)
            for prefix in range(min(count, other, MOST_PREFIX + 1))
            if _is_square(count - prefix) and _is_square(other - prefix)
        }
        if errors and errors[prefix := min(errors, key=errors.__getitem__)] < size:
            return Layout(f"{TOKENS}+{prefix}" if prefix else TOKENS)
    return None


def _counts_tokens(name: str, axis: int, first: Sight, others: Sequence[Sight]) -> bool:
    """Whether an axis is as long as the network's tokens are many, at every size."""

    def lengths(layer: str, axis: int) -> list[int]:
        return [run.shapes[layer][axis] for run in (first, *others) if name in run.shapes]

    tokens = [
        layer
        for layer, shape in first.shapes.items()
        if len(shape) == 3 and all(len(run.shapes.get(layer, ())) == 3 for run in others if name in run.shapes)
    ]
    return any(lengths(name, axis) == lengths(layer, 1) for layer in tokens)


def _is_square(number: int) -> bool:
    return number > 0 and math.isqrt(number) ** 2 == number
