"""Printing the layers of a network that can be visualised."""

from __future__ import annotations

from .layers import early_layers, list_layers
from .recipe import FVisRecipe


def print_layers(recipe: FVisRecipe) -> None:
    """Print the layers of the recipe's network for images of its size, and mark those of the group `early`."""
    network = recipe.load()
    layers = list_layers(network.body, recipe.size)
    early = early_layers(layers)
    rows = [("layer", "kind", "channels", "map", "")]
    for layer in layers:
        mark = "early" if layer in early else ""
        rows.append((layer.name, layer.kind, f"{layer.channels:,}", f"{layer.height}×{layer.width}", mark))
    # Plain columns, since a table truncated to the terminal's width would hide names that users copy.
    first, second, third, fourth, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    for name, kind, channels, size, mark in rows:
        print(f"{name:{first}}  {kind:{second}}  {channels:>{third}}  {size:>{fourth}}  {mark}".rstrip())
    print("layers: early (the marked ones), all (every Conv2d), or any by name or pattern, for example 'layer1.*'")
