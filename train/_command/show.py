"""`pixmix show`: what to draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from mixset._common.errors import InputError
from mixset._common.ranges import SEED, SIDE, WEIGHT, check_range, check_ranges
from pixmix._augment.settings import PixMixSettings

BETAS = (1.0, 2.0, 3.0, 4.0, 5.0)


@dataclass(frozen=True, kw_only=True)
class ShowConfig:
    """Draw what PixMix makes of images over k and beta, and the methods side by side; or each step of the mixing.

    Examples:
        pixmix show dog.jpg cat.jpg methods.png
        pixmix show dog.jpg mine.png --methods baseline pixmix mine.py:Mine
        pixmix show dog.jpg rounds.png --rounds --mixing-set my-set --seed 3
    """

    paths: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="IMAGE ... OUT.png")]
    """One or several images, and behind them the figure to write."""
    methods: tuple[str, ...] = ()
    """Some methods beside each other, also your own, module:function or FILE.py:function; by default all."""
    mixing_set: tuple[str, ...] = ("fractals",)
    """What is mixed in: folders of mixing images; `fractals` is a set made on first use."""
    weights: tuple[float, ...] = ()
    """How often each folder of --mixing-set is drawn from; by default each image equally often."""
    rounds: bool = False
    """Draw each round with its op, level, mixing, a and b (the paper's Figures 2 and 3)."""
    mix: PixMixSettings = field(default_factory=PixMixSettings)
    size: int = 224
    """Side of the images in pixels, to which they are scaled and cropped before they are mixed, as in training."""
    seed: int = 0
    """Seed of all that is drawn: another one draws other mixings."""
    betas: tuple[float, ...] = BETAS
    """The columns of the grid of k and beta; its rows are 1 to `mix.k` rounds."""

    def __post_init__(self) -> None:
        if len(self.paths) < 2:
            raise InputError("pixmix show: give at least one image and, last, the figure to write")
        if self.paths[-1].suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise InputError(f"pixmix show: the figure {self.paths[-1]} must end in .png, .jpg or .webp")
        check_ranges(self, {"size": SIDE, "seed": SEED})
        if self.rounds and (self.methods or self.betas != BETAS):
            name = "methods" if self.methods else "betas"
            raise InputError(f"`{name}`: not part of the figure that `rounds` asks for; leave out one of the two")
        if not self.betas:
            raise InputError("betas: give at least one")
        for beta in self.betas:
            check_range("betas", beta, (0.01, 1000.0))
        for weight in self.weights:
            check_range("weights", weight, WEIGHT)
        if self.weights and len(self.weights) != len(self.mixing_set):
            raise InputError(f"`weights` has {len(self.weights)} numbers for {len(self.mixing_set)} mixing sets")
        if self.mix.k < 1:
            raise InputError("mix.k: at least 1 is needed, since k 0 mixes nothing")
