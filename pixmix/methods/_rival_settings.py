"""What a user chooses about methods that are not in the paper's tables; the defaults are those of their authors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mixset._common.arguments import check_flag, check_list
from mixset._common.errors import InputError
from mixset._common.ranges import MANY, POSITIVE, SHARE, WEIGHT, check_range

StrengthSpace = Literal["wide", "standard"]
"""How strong TrivialAugment's ops get."""
IPMixPartner = Literal["mixing_set", "both"]
"""The choices of `IPMixSettings.partner`."""
LayerMixOps = Literal["corrected", "published"]
"""The choices of `LayerMixSettings.ops`."""


@dataclass(frozen=True, kw_only=True)
class JSDSettings:
    """Views that are made to agree, with any method of images (Hendrycks et al., 2020)."""

    weight: float | None = None
    """Of the Jensen-Shannon term, which makes the predictions for an image and two augmented copies agree; by default
    12, its authors', and 3 with pixprime."""

    def __post_init__(self) -> None:
        if self.weight is not None:
            check_range("jsd.weight", self.weight, POSITIVE)


@dataclass(frozen=True, kw_only=True)
class IPMixSettings:
    """IPMix (Huang et al., 2023)."""

    severity: float = 3.0
    """Highest level of the ops, 0.1 to 10; the original has 3 on CIFAR, 1 on ImageNet."""
    beta: float = 3.0
    """Of the Beta distributions of a patch's weights, 0.01 to 1,000; the original has 3 on CIFAR, 4 on ImageNet."""
    width: int = 3
    """Chains that are mixed, 1 to 16."""
    depth: int = 3
    """Most steps of a chain, 1 to 16; their number is drawn from 0 to it, both included."""
    patches: tuple[int, ...] | None = None
    """Sides of the patches in pixels, from 2 on, at most the image's; by default 4, 8, 16 and 32, and above 64 px also
    64 and the image's shorter side."""
    partner: IPMixPartner = "mixing_set"
    """What a patch is mixed with: the mixing image, as in the original on CIFAR, or by a coin (both) that or the input
    after an op, as on ImageNet."""
    all_ops: bool = False
    """All 15 ops; without it the 10 that the original's authors hold apart from ImageNet-C's corruptions."""
    wrap: bool = False
    """Values of a mixed patch beyond black and white wrap around (−3 becomes 253), as in the published code; without it
    they are clipped."""

    def __post_init__(self) -> None:
        check_range("ipmix.severity", self.severity, (0.1, 10.0))
        check_range("ipmix.beta", self.beta, (0.01, 1000.0))
        check_range("ipmix.width", self.width, (1, 16))
        check_range("ipmix.depth", self.depth, (1, 16))
        if self.patches is not None:
            sides = check_list("ipmix.patches", self.patches, "whole numbers")
            if not sides:
                raise InputError(f"ipmix.patches: at least one side is needed, got {self.patches!r}")
            for side in sides:
                check_range("ipmix.patches", side, (2, MANY))
            object.__setattr__(self, "patches", tuple(sides))  # a list comes from JSON
        if self.partner not in get_args(IPMixPartner):
            known = ", ".join(get_args(IPMixPartner))
            raise InputError(f"ipmix.partner: no choice named {self.partner!r}; known: {known}")
        for name in ("all_ops", "wrap"):
            check_flag(f"ipmix.{name}", getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class PrimeSettings:
    """PRIME (Modas et al., 2022); where none is given, strengths are the originals' for CIFAR up to 64 px, for ImageNet
    above."""

    draws: Literal["image", "batch"] = "image"
    """What gets strengths and displacements of its own: each image, or, as published, each batch ("batch")."""
    filter: Literal["centred", "published"] = "centred"
    """Where the random filter has the 1 that stands for the image itself: in its centre, or, as published, at the
    bottom right, which moves the image by a pixel."""
    sigma: float = 4.0
    """Highest strength of the random filter."""
    colour: float | None = None
    """Highest variance of each wave of the colour curves; by default 0.01, above 64 px 0.05."""
    frequencies: int | None = None
    """Highest frequency of colour curves and displacement fields, from 3 on; by default 100, above 64 px 500."""
    band: int | None = None
    """Most waves of a colour curve, with frequencies one after another from a drawn one on; 0 is all from the lowest
    on. By default 0, above 64 px 20."""

    def __post_init__(self) -> None:
        for name, known in (("draws", ("image", "batch")), ("filter", ("centred", "published"))):
            value = getattr(self, name)
            if value not in known:
                raise InputError(f"prime.{name}: {known[0]} or {known[1]} is needed, got {value!r}")
        check_range("prime.sigma", self.sigma, WEIGHT)
        if self.colour is not None:
            check_range("prime.colour", self.colour, WEIGHT)
        if self.frequencies is not None:
            check_range("prime.frequencies", self.frequencies, (3, 10_000))
        if self.band is not None:
            check_range("prime.band", self.band, (0, MANY))


@dataclass(frozen=True, kw_only=True)
class APRSettings:
    """APR, amplitude-phase recombination (Chen et al., 2021): apr-s in each image, apr-p in a batch."""

    severity: float = 3.0
    """Highest level of apr-s's ops, 0.1 to 10."""
    wrap: bool = False
    """Take values of apr-s that leave the bytes modulo 256, as the authors' code does: white specks in black, black
    ones in white. Without it they are cut off."""
    probability: float | None = None
    """Share of the batches that apr-p recombines; by default 0.6 up to 64 px, 0.5 above."""
    normalised: bool | None = None
    """Whether apr-p recombines normalised images; by default above 64 px, as on ImageNet."""

    def __post_init__(self) -> None:
        check_range("apr.severity", self.severity, (0.1, 10.0))
        check_flag("apr.wrap", self.wrap)
        if self.probability is not None:
            check_range("apr.probability", self.probability, SHARE)
        if self.normalised is not None:
            check_flag("apr.normalised", self.normalised)


@dataclass(frozen=True, kw_only=True)
class HybridAugmentSettings:
    """HybridAugment and HybridAugment++ (Yucel et al., 2023); the latter's APR takes probability and normalised from
    apr's settings."""

    severity: float = 3.0
    """Highest level of the ops, 0.1 to 10."""
    wrap: bool = False
    """Take values that leave the bytes modulo 256, as the authors' code does; without it they are cut off."""
    probability: float = 0.6
    """Share of the batches whose images are mixed."""
    blur: int = 1
    """How wide the blur is, an odd number: its kernel has three times as many pixels a side, its deviation is half of
    it, or all of it for batches above 64 px."""

    def __post_init__(self) -> None:
        check_range("hybridaugment.severity", self.severity, (0.1, 10.0))
        check_flag("hybridaugment.wrap", self.wrap)
        check_range("hybridaugment.probability", self.probability, SHARE)
        check_range("hybridaugment.blur", self.blur, (1, 99))
        if self.blur % 2 == 0:
            raise InputError(f"hybridaugment.blur: an odd number is needed, got {self.blur!r}")


@dataclass(frozen=True, kw_only=True)
class RegMixupSettings:
    """RegMixup (Pinto et al., 2022)."""

    alpha: float | None = None
    """Of Beta(alpha, alpha), from which a batch's weight is drawn; by default 20 for up to 10 classes, 10 for more."""

    def __post_init__(self) -> None:
        if self.alpha is not None:
            check_range("regmixup.alpha", self.alpha, (0.001, 1000.0))


@dataclass(frozen=True, kw_only=True)
class LogitNormSettings:
    """LogitNorm (Wei et al., 2022)."""

    temperature: float = 0.04
    """What the normalised logits are divided by. OpenOOD has 0.04 for all data sets, the authors' command for CIFAR-10
    0.01."""

    def __post_init__(self) -> None:
        check_range("logitnorm.temperature", self.temperature, (0.001, 1000.0))


@dataclass(frozen=True, kw_only=True)
class RotPredSettings:
    """RotPred (Hendrycks et al., 2019)."""

    weight: float = 1.0
    """Of the cross entropy of how far images are turned; the original's adversarial training has 0.5."""

    def __post_init__(self) -> None:
        check_range("rotpred.weight", self.weight, (0.0, 1000.0))


@dataclass(frozen=True, kw_only=True)
class TrivialAugmentSettings:
    """TrivialAugment (Müller & Hutter, 2021): one op of 14 at one of 31 strengths."""

    space: StrengthSpace = "wide"
    """How strong ops get: wide (rotations to 135 degrees, shifts of up to 32 pixels at any size), or standard, which
    are RandAugment's strengths."""

    def __post_init__(self) -> None:
        if self.space not in get_args(StrengthSpace):
            known = ", ".join(get_args(StrengthSpace))
            raise InputError(f"trivialaugment.space: no space named {self.space!r}; known: {known}")


@dataclass(frozen=True, kw_only=True)
class RandAugmentSettings:
    """RandAugment (Cubuk et al., 2020): several ops of 14, all at one strength."""

    ops: int = 2
    """Ops an image, one after the other; OpenOOD has 1 on CIFAR."""
    magnitude: int = 9
    """Their strength, 0 to 30; OpenOOD has 14 on CIFAR."""

    def __post_init__(self) -> None:
        check_range("randaugment.ops", self.ops, (1, 100))
        check_range("randaugment.magnitude", self.magnitude, (0, 30))


@dataclass(frozen=True, kw_only=True)
class LayerMixSettings:
    """LayerMix (2025): one op, at fresh strengths, and up to two mixings."""

    ops: LayerMixOps = "corrected"
    """Which ops: corrected, or as published, where posterize keeps no bit in 82 % of its draws, which leaves a black
    image; corrected, it keeps one at least."""
    beta: float = 3.0
    """Of the Beta distributions of the mixings' weights, 0.01 to 1,000."""
    grey: bool = False
    """Make mixing images grey, and mirror them from left to right and top to bottom, each by a coin."""

    def __post_init__(self) -> None:
        if self.ops not in get_args(LayerMixOps):
            raise InputError(f"layermix.ops: {' or '.join(get_args(LayerMixOps))} is needed, got {self.ops!r}")
        check_range("layermix.beta", self.beta, (0.01, 1000.0))
        check_flag("layermix.grey", self.grey)


@dataclass(frozen=True, kw_only=True)
class MoireMixSettings:
    """MoireMix (2026): PixMix with rings of Moiré, drawn for each image; the rest is PixMix's settings."""

    frequencies: int | None = None
    """Highest frequency of the rings in waves on the image's shorter side, from 3 on; by default 0.45 of its pixels, at
    most 100. Published is 100 at any size, which at 32 px shows mostly as waves of other lengths."""

    def __post_init__(self) -> None:
        if self.frequencies is not None:
            check_range("moiremix.frequencies", self.frequencies, (3, 10_000))
