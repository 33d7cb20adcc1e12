"""The settings of PixMix, and the names of its augmentations and mixing operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from mixset._common.arguments import check_flag, check_number, check_whole
from mixset._common.errors import InputError

OPS = (
    "autocontrast",
    "equalize",
    "posterize",
    "rotate",
    "solarize",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "color",
    "contrast",
    "brightness",
    "sharpness",
)
"""The names of the augmentations (ops); numbers in `Draws` are indices into this tuple."""

BASIC_OPS = 9
"""The number of ops, from the start of `OPS`, used without `all_ops`; the others overlap with ImageNet-C."""

SIGNED_OPS = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
"""The ops whose level has a sign."""

Mixing = Literal["add", "multiply", "screen", "overlay", "darken_or_lighten", "swap_channel"]
MIXINGS: tuple[Mixing, ...] = get_args(Mixing)
"""The names of the mixing operations; the paper uses the first two, the others are experimental in its code."""

Partner = Literal["both", "input", "mixing_set"]
PARTNERS: tuple[Partner, ...] = get_args(Partner)
"""The choices of `PixMixSettings.partner`."""


@dataclass(frozen=True, kw_only=True)
class PixMixSettings:
    """The settings of PixMix; the defaults are the paper's for CIFAR.

    Raises:
        InputError: a value is out of range or a name is unknown.

    Example:
        >>> import pixmix
        >>> pixmix.PixMixSettings(beta=4, partner="mixing_set")
        PixMixSettings(k=4, beta=4, aug_severity=3.0, all_ops=True, mixings=('add', 'multiply'), partner='mixing_set')
    """

    k: int = 4
    """The maximum number of mixing rounds, 0 to 1,000; the number is drawn uniformly from 0 to k inclusive."""

    beta: float = 3.0
    """The shape of the Beta distributions of the mixing weights, 0.01 to 1,000; higher is closer to the input."""

    aug_severity: float = 3.0
    """The maximum level of the ops, 0.1 to 10; each op's level is drawn uniformly from 0.1 to it."""

    all_ops: bool = True
    """Use all 13 ops; False uses the 9 that do not overlap with ImageNet-C's corruptions."""

    mixings: Sequence[Mixing] = ("add", "multiply")
    """The mixing operations, of which each round draws one uniformly."""

    partner: Partner = "both"
    """What a round mixes in: an augmented copy of the input or the mixing image with equal probability ("both"), always
    the copy of the input ("input", the paper's Mix Input), or always the mixing image ("mixing_set", its Mix Aug)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", check_whole("k", self.k, low=0, high=1000))
        object.__setattr__(self, "beta", check_number("beta", self.beta, low=0.01, high=1000.0))
        severity = check_number("aug_severity", self.aug_severity, low=0.1, high=10.0)
        object.__setattr__(self, "aug_severity", severity)
        check_flag("all_ops", self.all_ops)
        if not isinstance(self.mixings, tuple | list) or not self.mixings:
            raise InputError(f"mixings: a list of names is needed, got {self.mixings!r}; known: {', '.join(MIXINGS)}")
        for name in self.mixings:
            if not isinstance(name, str) or name not in MIXINGS:
                raise InputError(f"mixings: no mixing named {name!r}; known: {', '.join(MIXINGS)}")
        object.__setattr__(self, "mixings", tuple(self.mixings))  # a list comes from JSON
        if not isinstance(self.partner, str) or self.partner not in PARTNERS:
            raise InputError(f"partner: no choice named {self.partner!r}; known: {', '.join(PARTNERS)}")

    @property
    def ops(self) -> tuple[str, ...]:
        """The names of the ops that may be drawn."""
        return OPS if self.all_ops else OPS[:BASIC_OPS]


class SettingsKeywords(TypedDict, total=False):
    """The fields of `PixMixSettings` as keywords, which `PixMix`, `PixMixDataset` and `PixMixBatch` all take."""

    k: int
    beta: float
    aug_severity: float
    all_ops: bool
    mixings: Sequence[Mixing]
    partner: Partner


CIFAR = PixMixSettings()
"""The paper's settings for CIFAR-10 and CIFAR-100."""

IMAGENET = PixMixSettings(beta=4.0, aug_severity=1.0)
"""The paper's settings for ImageNet."""
