"""The rows of the paper's tables as methods: `METHODS` lists them, `make_method` makes one by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixset.errors import InputError

if TYPE_CHECKING:
    from mixset import MixingPool

    from ..settings import PixMixSettings
    from .base import Method


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """What is known of a method before torch is imported, for `--help` and tables."""

    summary: str
    """What it does, in a few words."""
    source: str
    """Who proposed it."""
    needs_pool: bool = False
    """Whether it cannot run without a mixing set."""
    in_training: bool = False
    """Whether it lives on the network in training, so that only `pixmix train` can make it."""


METHODS = {
    "baseline": MethodRow(summary="crop and flip only", source="He et al. 2016"),
    "cutout": MethodRow(summary="a square hole filled with the mean", source="DeVries & Taylor 2017"),
    "mixup": MethodRow(summary="a weighted sum of two pictures and of their labels", source="Zhang et al. 2018"),
    "cutmix": MethodRow(summary="a box of another picture, labels by area", source="Yun et al. 2019"),
    "pixmix": MethodRow(
        summary="rounds of mixing with a mixing picture or an augmented copy",
        source="Hendrycks et al. 2022",
        needs_pool=True,
    ),
    "mix-input": MethodRow(
        summary="PixMix with augmented copies alone, no mixing set", source="Hendrycks et al. 2022, Table 1"
    ),
    "mix-aug": MethodRow(
        summary="PixMix whose partner is always the mixing picture",
        source="Hendrycks et al. 2022, Table 1",
        needs_pool=True,
    ),
    "iterative": MethodRow(
        summary="PixMix with feature visualisations of the network in training",
        source="Hendrycks et al. 2022, Table 1",
        in_training=True,
    ),
}
"""Every method by the name that `--method` takes."""


def make_method(
    name: str,
    *,
    dataset_classes: int,
    size: tuple[int, int],
    mean: Sequence[float],
    pool: MixingPool | None = None,
    settings: PixMixSettings | None = None,
    engine: str = "numba",
) -> Method:
    """Make the method called `name`, ready to be pickled into loader workers.

    Args:
        dataset_classes: how many classes the data set has (CIFAR-100 has a smaller Cutout hole).
        size: (H, W) of the training pictures.
        mean: the normaliser's, per channel, in units of [0, 1] pictures.
        pool: the mixing pictures; needed where `METHODS[name].needs_pool`, left aside elsewhere.
        settings: of PixMix, default the CIFAR ones; the method sets `partner`.
        engine: which of `pixmix.engines.ENGINES` mixes.

    Raises:
        InputError: an unknown name (lists the known ones), a missing pool, or a method that lives in a training.
    """
    if name not in METHODS:
        raise InputError(f"unknown method {name!r}; the methods are {', '.join(METHODS)}")
    if METHODS[name].in_training:
        raise InputError(
            f"method {name} looks at the network in training; only `pixmix train --method {name}` makes it"
        )
    # Below, because the table above is read before torch and numba are wanted.
    if name == "baseline":
        from .base import Method

        return Method()
    if name == "cutout":
        from .cutout import Cutout, cutout_length

        return Cutout(length=cutout_length(dataset_classes, size), mean=mean)
    if name in ("mixup", "cutmix"):
        from .batches import CutMix, Mixup

        return Mixup() if name == "mixup" else CutMix()
    from .mixing import PixMixMethod

    return PixMixMethod(name, settings=settings, pool=pool, engine=engine)
