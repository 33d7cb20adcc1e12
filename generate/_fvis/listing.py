"""Printing the layers of a network that can be visualised."""

from __future__ import annotations

from .layers import CONVOLUTION, early_layers, list_layers
from .recipe import FVisRecipe


def print_layers(recipe: FVisRecipe) -> None:
    """Print the layers of the recipe's network for images of its size, and mark those of the group `early`."""
    network = recipe.load()
    layers = list_layers(network.body, recipe.size, recipe.layout)
    early = early_layers(layers)
    rows = [("layer", "kind", "layout", "channels", "map", "")]
    for layer in layers:
        if layer.refusal:
            rows.append((layer.name, layer.kind, "-", "-", "-", layer.refusal))
        else:
            size, mark = f"{layer.height}×{layer.width}", "early" if layer in early else ""
            rows.append((layer.name, layer.kind, layer.layout, f"{layer.channels:,}", size, mark))
    # Plain columns, since a table truncated to the terminal's width would hide names that users copy.
    first, second, third, fourth, fifth, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    for name, kind, layout, channels, size, mark in rows:
        line = f"{name:{first}}  {kind:{second}}  {layout:{third}}  {channels:>{fourth}}  {size:>{fifth}}  {mark}"
        print(line.rstrip())
    group = "every Conv2d" if early and early[0].kind == CONVOLUTION else "the activations of all MLPs"
    print(f"layers: early (the marked ones), all ({group}), or any by name or pattern, for example 'layer1.*'")
