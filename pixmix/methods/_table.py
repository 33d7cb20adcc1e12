"""What is known of each method before torch is imported: the rows of the paper's tables, open to others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from mixset._common.errors import InputError
from mixset._common.named import check_name, first_line, same_code

if TYPE_CHECKING:
    from ._base import Method


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """What is known of a method before torch is imported, for `--help` and tables."""

    summary: str
    """What it does, in a few words."""
    source: str
    """Who proposed it."""
    changes: Literal["", "data", "images", "views", "batch"] = ""
    """The training data, each image, how many views of it there are, or a batch on the device or its loss. Methods that
    change different things compose, and so do any number that change images; one that changes the views needs some that
    change images, and none of a batch."""
    maker: str | Callable[..., Method] = "_base:plain"
    """`module:function` in this package, called with the method's name and a `Setting`. Of a method that lives
    elsewhere a function, called with a `Setting`, or a subclass of `Method`, made without arguments."""
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
    "jsd": MethodRow(
        summary="with a method of images (A+jsd): predictions for three views made to agree",
        source="Hendrycks et al. 2020",
        changes="views",
        maker="_jsd:make",
    ),
    "ipmix": MethodRow(
        summary="chains of ops and of patches mixed with a mixing image, averaged",
        source="Huang et al. 2023",
        changes="images",
        maker="_ipmix:make",
        needs_pool=True,
    ),
    "prime": MethodRow(
        summary="chains of random filters, colour curves and displacements, averaged",
        source="Modas et al. 2022",
        changes="images",
        maker="_prime:make",
    ),
    "pixprime": MethodRow(
        summary="PixMix of one half of the images, PRIME of the other",
        source="ours",
        changes="images",
        maker="_pixprime:make",
        needs_pool=True,
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
    "apr-s": MethodRow(
        summary="the amplitudes of one augmented copy with the phases of another",
        source="Chen et al. 2021",
        changes="images",
        maker="_apr:make",
    ),
    "apr-p": MethodRow(
        summary="the images, and beside them each with another's amplitudes",
        source="Chen et al. 2021",
        changes="batch",
        maker="_apr:make",
    ),
    "hybridaugment-s": MethodRow(
        summary="what is coarse in one augmented copy with what is fine in another",
        source="Yucel et al. 2023",
        changes="images",
        maker="_hybridaugment:make",
    ),
    "hybridaugment-p": MethodRow(
        summary="the images, and beside them their blurs with fine parts of others",
        source="Yucel et al. 2023",
        changes="batch",
        maker="_hybridaugment:make",
    ),
    "hybridaugmentpp-s": MethodRow(
        summary="HybridAugment++: hybridaugment-s with apr-s on what is coarse",
        source="Yucel et al. 2023",
        changes="images",
        maker="_hybridaugment:make",
    ),
    "hybridaugmentpp-p": MethodRow(
        summary="HybridAugment++: hybridaugment-p with apr-p on what is coarse",
        source="Yucel et al. 2023",
        changes="batch",
        maker="_hybridaugment:make",
    ),
    "regmixup": MethodRow(
        summary="the images, and beside them the batch mixed half and half",
        source="Pinto et al. 2022",
        changes="batch",
        maker="_regmixup:make",
    ),
    "logitnorm": MethodRow(
        summary="cross entropy of logits of one length",
        source="Wei et al. 2022",
        changes="batch",
        maker="_logitnorm:make",
    ),
    "rotpred": MethodRow(
        summary="each image turned four ways, and a second head that tells which",
        source="Hendrycks et al. 2019",
        changes="batch",
        maker="_rotpred:make",
    ),
    "trivialaugment": MethodRow(
        summary="one op at a strength drawn for each image",
        source="Müller & Hutter 2021",
        changes="images",
        maker="_trivialaugment:make",
    ),
    "randaugment": MethodRow(
        summary="two ops of one strength", source="Cubuk et al. 2020", changes="images", maker="_trivialaugment:make"
    ),
    "layermix": MethodRow(
        summary="results of one op mixed with each other and with a mixing image",
        source="Ahmad et al. 2025",
        changes="images",
        maker="_layermix:make",
        needs_pool=True,
    ),
    "moiremix": MethodRow(
        summary="PixMix with Moiré rings drawn for each image, no mixing set",
        source="Matsuo et al. 2026",
        changes="images",
        maker="_moiremix:make",
    ),
}
"""Every method by its name; `A+B` composes several. `register_method` adds one of your own."""


M = TypeVar("M", bound="Callable[..., Method]")


def register_method(
    name: str,
    *,
    summary: str = "",
    source: str = "",
    changes: Literal["data", "images", "batch"] = "images",
    needs_pool: bool = False,
    needs_outliers: bool = False,
    needs_copies: bool = False,
    needs_network: bool = False,
) -> Callable[[M], M]:
    """Decorator that makes a function (`Setting`) → `Method`, or a subclass of `Method`, a method called `name`.

    Args:
        name: letters, digits, `.`, `_` and `-`.
        summary: what it does, in a few words; default: the first line of the docstring.
        source: who proposed it.
        changes, needs_pool, needs_outliers, needs_copies, needs_network: as `MethodRow` has them.

    Raises:
        InputError: the name is another method's, or cannot be one.
    """
    check_name("method", name)

    def register(maker: M) -> M:
        known = METHODS.get(name)
        if known is not None and not same_code(known.maker, maker):
            raise InputError(f"method {name}: there is one of this name; take another")
        METHODS[name] = MethodRow(
            summary=summary or first_line(maker),
            source=source,
            changes=changes,
            maker=maker,
            needs_pool=needs_pool,
            needs_outliers=needs_outliers,
            needs_copies=needs_copies,
            needs_network=needs_network,
        )
        return maker

    return register
