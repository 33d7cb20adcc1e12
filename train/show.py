"""`pixmix show`: what to draw."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from mixset.errors import InputError
from pixmix.settings import PixMixSettings


@dataclass(frozen=True, kw_only=True)
class ShowConfig:
    """Draw what PixMix makes of pictures over k and beta, and the methods side by side; or each step of the mixing.

    Examples:

    pixmix show dog.jpg cat.jpg methods.png

    pixmix show dog.jpg steps.png --steps --mixing-set my-set --seed 3
    """

    paths: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="PICTURE ... OUT.png")]
    """One or several pictures, and behind them the figure to write."""
    mixing_set: tuple[str, ...] = ("fractals",)
    """Folders of mixing pictures; `fractals` is a set made on first use."""
    weights: tuple[float, ...] = ()
    """How often each folder is drawn from."""
    steps: bool = False
    """Draw each round with its op, level, mixing, a and b (the paper's Figures 2 and 3)."""
    mix: PixMixSettings = field(default_factory=PixMixSettings)
    size: int = 224
    """Side in pixels to which pictures are scaled and cropped before they are mixed, as in training."""
    seed: int = 0
    """Another seed draws other mixings."""
    betas: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 5.0)
    """The columns of the grid of k and beta; its rows are 1 to `mix.k` rounds."""

    def __post_init__(self) -> None:
        if len(self.paths) < 2:
            raise InputError("pixmix show: give at least one picture and, last, the figure to write")
        if self.paths[-1].suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise InputError(f"pixmix show: the figure {self.paths[-1]} must end in .png, .jpg or .webp")
        if not 8 <= self.size <= 1024:
            raise InputError(f"--size {self.size}: the side of a picture must be 8 to 1024 pixels")
        if not self.betas or not all(math.isfinite(beta) and 0.01 <= beta <= 1000 for beta in self.betas):
            raise InputError("--betas: numbers from 0.01 to 1000 are needed")
        if self.mix.k < 1:
            raise InputError("--mix.k: at least 1 is needed, since k 0 mixes nothing")
