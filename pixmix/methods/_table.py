"""The rows of the paper's tables as methods: `METHODS` lists them, `make_method` makes one by its name."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mixset._common.errors import InputError

from ._settings import MethodSettings

if TYPE_CHECKING:
    import numpy as np

    from mixset import MixingPool

    from ._base import Method, Setting


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """What is known of a method before torch is imported, for `--help` and tables."""

    summary: str
    """What it does, in a few words."""
    source: str
    """Who proposed it."""
    changes: Literal["", "data", "images", "batch"] = ""
    """The training data, each image, or a batch on the device; methods that change different things compose."""
    maker: str = "_base:plain"
    """`module:function` in this package, called with a `Setting` and the method's name."""
    needs_pool: bool = False
    """Whether it cannot run without a mixing set."""
    needs_outliers: bool = False
    """Whether it cannot run without a set of outliers."""
    needs_copies: bool = False
    """Whether it cannot run without altered copies of the training images."""
    needs_network: bool = False
    """Whether it looks at the network in training."""
    in_training: bool = False
    """Whether only `pixmix train` can make it."""


METHODS = {
    "baseline": MethodRow(summary="crop and flip only", source="He et al. 2016"),
    "cutout": MethodRow(
        summary="a square hole filled with the mean",
        source="DeVries & Taylor 2017",
        changes="images",
        maker="_cutout:make",
    ),
    "mixup": MethodRow(
        summary="a weighted sum of two images and of their labels",
        source="Zhang et al. 2018",
        changes="batch",
        maker="_batches:make",
    ),
    "cutmix": MethodRow(
        summary="a box of another image, labels by area",
        source="Yun et al. 2019",
        changes="batch",
        maker="_batches:make",
    ),
    "autoaugment": MethodRow(
        summary="two ops of a learned policy", source="Cubuk et al. 2019", changes="images", maker="_autoaugment:make"
    ),
    "augmix": MethodRow(
        summary="chains of ops, averaged; predictions for three views made to agree",
        source="Hendrycks et al. 2020",
        changes="images",
        maker="_augmix:make",
    ),
    "oe": MethodRow(
        summary="outliers in each batch, for which the prediction is to be uniform",
        source="Hendrycks et al. 2019",
        changes="images",
        maker="_oe:make",
        needs_outliers=True,
    ),
    "pixmix": MethodRow(
        summary="rounds of mixing with a mixing image or an augmented copy",
        source="Hendrycks et al. 2022",
        changes="images",
        maker="_mixing:make",
        needs_pool=True,
    ),
    "mix-input": MethodRow(
        summary="PixMix with augmented copies alone, no mixing set",
        source="Hendrycks et al. 2022, Table 1",
        changes="images",
        maker="_mixing:make",
    ),
    "mix-aug": MethodRow(
        summary="PixMix whose partner is always the mixing image",
        source="Hendrycks et al. 2022, Table 1",
        changes="images",
        maker="_mixing:make",
        needs_pool=True,
    ),
    "iterative": MethodRow(
        summary="PixMix with feature visualisations of the network in training",
        source="Hendrycks et al. 2022, Table 1",
        changes="images",
        needs_network=True,
        in_training=True,
    ),
    "speckle": MethodRow(
        summary="noise in proportion to brightness on half of each batch",
        source="Rusak et al. 2020",
        changes="batch",
        maker="_speckle:make",
    ),
    "ant": MethodRow(
        summary="noise of a generator that learns to mislead the network",
        source="Rusak et al. 2020",
        changes="batch",
        maker="_ant:make",
        needs_network=True,
    ),
    "noise2net": MethodRow(
        summary="half of each batch through a network of fresh random weights",
        source="Hendrycks et al. 2021",
        changes="batch",
        maker="_noise2net:make",
    ),
    "adversarial-linf": MethodRow(
        summary="each image replaced by its adversary, 8/255 away",
        source="Madry et al. 2018",
        changes="batch",
        maker="_adversarial:make",
        needs_network=True,
    ),
    "adversarial-l2": MethodRow(
        summary="the same within an l2 ball",
        source="Madry et al. 2018",
        changes="batch",
        maker="_adversarial:make",
        needs_network=True,
    ),
    "sin": MethodRow(
        summary="training images and stylised copies of them (--copies)",
        source="Geirhos et al. 2019",
        changes="data",
        needs_copies=True,
    ),
    "edsr": MethodRow(
        summary="training images and copies through a distorted EDSR (--copies)",
        source="Hendrycks et al. 2021",
        changes="data",
        needs_copies=True,
    ),
}
"""Every method by the name that `--method` takes; `A+B` composes two that change different things."""


def find_parts(name: str) -> tuple[str, ...]:
    """The methods that `name` composes, in the order of the data's way: of the data, of images, of batches.

    Raises:
        InputError: an unknown name (lists the known ones), or methods that do not compose (says why).
    """
    parts = name.split("+")
    for part in parts:
        if part not in METHODS:
            raise InputError(f"method {name}: unknown {part!r}; the methods are {', '.join(METHODS)}, or two as A+B")
    changed = [METHODS[part].changes for part in parts]
    if len(parts) > 1 and "" in changed:
        raise InputError(f"method {name}: {parts[changed.index('')]} changes nothing; leave it out")
    for what in changed:
        if changed.count(what) > 1:
            one, other = [part for part, change in zip(parts, changed, strict=True) if change == what][:2]
            things = {"data": "the data", "images": "each image", "batch": "each batch"}[what]
            raise InputError(
                f"method {name}: {one} and {other} both change {things}; compose one that changes images with one "
                "that changes batches"
            )
    return tuple(sorted(parts, key=lambda part: ("", "data", "images", "batch").index(METHODS[part].changes)))


def make_method(
    name: str,
    *,
    classes: int,
    size: tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    settings: MethodSettings | None = None,
    pool: MixingPool | None = None,
    outliers: np.ndarray | None = None,
    engine: str = "numba",
) -> Method:
    """Make the method called `name`, ready to be pickled into loader workers.

    Args:
        name: of `METHODS`, or several joined by `+`.
        classes: how many classes the data set has.
        size: (H, W) of the training images.
        mean, std: the normaliser's, per channel, in units of [0, 1] images.
        settings: of the methods; default: their originators'.
        pool: the mixing images; needed where `METHODS[name].needs_pool`, left aside elsewhere.
        outliers: (M, H, W, 3) uint8; needed where `METHODS[name].needs_outliers`, left aside elsewhere.
        engine: which of `pixmix._engines.ENGINES` mixes on the CPU.

    Raises:
        InputError: an unknown name (lists the known ones), parts that do not compose, a missing pool or set of
            outliers, or a method that lives in a training.
    """
    parts = find_parts(name)
    # Here, because the table above is read before torch and numba are wanted.
    from ._base import Setting

    setting = Setting(
        classes=classes,
        size=size,
        mean=tuple(mean),
        std=tuple(std),
        settings=settings or MethodSettings(),
        pool=pool,
        outliers=outliers,
        engine=engine,
    )
    return compose(name, [make_part(part, setting) for part in parts])


def compose(name: str, made: Sequence[Method]) -> Method:
    """The parts of `find_parts(name)`, made, as one method.

    Raises:
        InputError: they do not compose.
    """
    from ._composed import Composed

    changing = [method for method in made if METHODS[method.name].changes in ("images", "batch")]
    if len(changing) == 2:
        return Composed(name, *changing)
    (method,) = changing or made[:1]
    method.name = name
    return method


def make_part(name: str, setting: Setting) -> Method:
    """One method of `METHODS`.

    Raises:
        InputError: a missing pool or set of outliers, or a method that lives in a training.
    """
    row = METHODS[name]
    if row.in_training:
        raise InputError(
            f"method {name} looks at the network in training; only `pixmix train --method {name}` makes it"
        )
    if row.needs_pool and setting.pool is None:
        raise InputError(f"method {name} needs a mixing set; give one with --mixing-set")
    if row.needs_outliers and setting.outliers is None:
        raise InputError(f"method {name} needs outliers; give a set of images with --outliers")
    module, _, function = METHODS[name].maker.partition(":")
    return getattr(importlib.import_module(f".{module}", __package__), function)(name, setting)
