"""What there is to visualise: the layers of a recipe's network as a table."""

from __future__ import annotations

from .layers import early_layers, list_layers
from .recipe import FVisRecipe


def print_layers(recipe: FVisRecipe) -> None:
    """Print the layers of the recipe's network for images of its size, those of `early` marked."""
    network = recipe.load()
    layers = list_layers(network.body, recipe.size)
    early = early_layers(layers)
    rows = [("layer", "kind", "channels", "map", "")]
    for layer in layers:
        mark = "early" if layer in early else ""
        rows.append((layer.name, layer.kind, f"{layer.channels:,}", f"{layer.height}×{layer.width}", mark))
    # Plain columns: a table that is cut to the width of a terminal, or of a pipe, would hide what is to be copied.
    first, second, third, fourth, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    for name, kind, channels, size, mark in rows:
        print(f"{name:{first}}  {kind:{second}}  {channels:>{third}}  {size:>{fourth}}  {mark}".rstrip())
    print("--layers early: the marked ones; all: every Conv2d; any others by name or pattern, for example 'layer1.*'")
