"""What a user chooses about methods that are not in the paper's tables; the defaults are those of their authors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mixset._common.arguments import check_flag, check_number, check_whole
from mixset._common.errors import InputError

StrengthSpace = Literal["wide", "standard"]
"""How strong TrivialAugment's ops get."""


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
        check_number("apr.severity", self.severity, low=0.1, high=10)
        check_flag("apr.wrap", self.wrap)
        if self.probability is not None:
            check_number("apr.probability", self.probability, low=0, high=1)
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
        check_number("hybridaugment.severity", self.severity, low=0.1, high=10)
        check_flag("hybridaugment.wrap", self.wrap)
        check_number("hybridaugment.probability", self.probability, low=0, high=1)
        check_whole("hybridaugment.blur", self.blur, low=1, high=99)
        if self.blur % 2 == 0:
            raise InputError(f"hybridaugment.blur: an odd number is needed, got {self.blur!r}")


@dataclass(frozen=True, kw_only=True)
class RegMixupSettings:
    """RegMixup (Pinto et al., 2022)."""

    alpha: float | None = None
    """Of Beta(alpha, alpha), from which a batch's weight is drawn; by default 20 for up to 10 classes, 10 for more."""

    def __post_init__(self) -> None:
        if self.alpha is not None:
            check_number("regmixup.alpha", self.alpha, low=0.001, high=1000)


@dataclass(frozen=True, kw_only=True)
class LogitNormSettings:
    """LogitNorm (Wei et al., 2022)."""

    temperature: float = 0.04
    """What the normalised logits are divided by. OpenOOD has 0.04 for all data sets, the authors' command for CIFAR-10
    0.01."""

    def __post_init__(self) -> None:
        check_number("logitnorm.temperature", self.temperature, low=0.001, high=1000)


@dataclass(frozen=True, kw_only=True)
class RotPredSettings:
    """RotPred (Hendrycks et al., 2019)."""

    weight: float = 1.0
    """Of the cross entropy of how far images are turned; the original's adversarial training has 0.5."""

    def __post_init__(self) -> None:
        check_number("rotpred.weight", self.weight, low=0, high=1000)


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
        check_whole("randaugment.ops", self.ops, low=1, high=100)
        check_whole("randaugment.magnitude", self.magnitude, low=0, high=30)
