"""What a user chooses about each method; the defaults are those of the originating code (the paper names none)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from mixset._common.errors import InputError
from mixset._common.ranges import MANY, POSITIVE, SHARE, WEIGHT, check_range

from .._augment.settings import PixMixSettings
from ._rival_settings import (
    APRSettings,
    HybridAugmentSettings,
    IPMixSettings,
    JSDSettings,
    LayerMixSettings,
    LogitNormSettings,
    MoireMixSettings,
    PrimeSettings,
    RandAugmentSettings,
    RegMixupSettings,
    RotPredSettings,
    TrivialAugmentSettings,
)

Policy = Literal["cifar10", "imagenet", "svhn"]
"""The learned policies of AutoAugment."""


@dataclass(frozen=True, kw_only=True)
class CutoutSettings:
    """Cutout (DeVries & Taylor, 2017)."""

    length: int | None = None
    """Side of the hole in pixels; by default half the image's shorter side (16 at 32 px, 112 at 224 px), or a quarter
    for 100 classes at 32 px, as in the original."""

    def __post_init__(self) -> None:
        if self.length is not None:
            check_range("cutout.length", self.length, (2, MANY))


@dataclass(frozen=True, kw_only=True)
class MixupSettings:
    """Mixup (Zhang et al., 2018)."""

    alpha: float = 1.0
    """Of Beta(alpha, alpha), from which a batch's weight is drawn; 0.2 is usual on ImageNet."""

    def __post_init__(self) -> None:
        check_range("mixup.alpha", self.alpha, POSITIVE)


@dataclass(frozen=True, kw_only=True)
class CutMixSettings:
    """CutMix (Yun et al., 2019)."""

    beta: float = 1.0
    """Of Beta(beta, beta), from which a box's area is drawn."""
    probability: float = 0.5
    """Share of the batches that are mixed; the original has 0.5 on CIFAR, 1 on ImageNet."""

    def __post_init__(self) -> None:
        check_range("cutmix.beta", self.beta, POSITIVE)
        check_range("cutmix.probability", self.probability, SHARE)


@dataclass(frozen=True, kw_only=True)
class AutoAugmentSettings:
    """AutoAugment (Cubuk et al., 2019)."""

    policy: Policy = "cifar10"
    """Which of the learned policies; CIFAR-100 takes CIFAR-10's, as is the custom."""

    def __post_init__(self) -> None:
        if self.policy not in get_args(Policy):
            known = ", ".join(get_args(Policy))
            raise InputError(f"autoaugment.policy: no policy named {self.policy!r}; known: {known}")


@dataclass(frozen=True, kw_only=True)
class AugMixSettings:
    """AugMix (Hendrycks et al., 2020)."""

    severity: float = 3.0
    """Highest level of the ops, 0.1 to 10; the original has 3 on CIFAR, 1 on ImageNet."""
    width: int = 3
    """Chains of ops that are mixed, 1 to 100."""
    depth: int | None = None
    """Ops in a chain, 1 to 100; by default 1 to 3, drawn for each chain."""
    alpha: float = 1.0
    """Of the Dirichlet and Beta distributions of the weights, 0.1 to 1000; below 1, one chain outweighs the others."""
    all_ops: bool = False
    """All 13 ops; without it the 9 that do not overlap with ImageNet-C's corruptions."""
    jsd: float = 12.0
    """Weight of the Jensen-Shannon term, which makes the predictions for an image and two mixed copies agree; 0 leaves
    term and copies out: the network sees one mixed image. The paper's ImageNet row is most likely without."""

    def __post_init__(self) -> None:
        check_range("augmix.severity", self.severity, (0.1, 10.0))
        check_range("augmix.width", self.width, (1, 100))
        if self.depth is not None:
            check_range("augmix.depth", self.depth, (1, 100))
        check_range("augmix.alpha", self.alpha, (0.1, 1000.0))
        if not isinstance(self.all_ops, bool):
            raise InputError(f"augmix.all_ops: True or False is needed, got {self.all_ops!r}")
        check_range("augmix.jsd", self.jsd, WEIGHT)


@dataclass(frozen=True, kw_only=True)
class OESettings:
    """Outlier exposure (Hendrycks et al., 2019)."""

    weight: float = 0.5
    """Of the outliers' cross entropy to the uniform distribution."""
    outliers: int = 2
    """Outliers for each training image: 256 to a batch of 128."""

    def __post_init__(self) -> None:
        check_range("oe.weight", self.weight, POSITIVE)
        check_range("oe.outliers", self.outliers, (1, MANY))


@dataclass(frozen=True, kw_only=True)
class SpeckleSettings:
    """Speckle noise (Rusak et al., 2020): x + x sigma N(0, 1)."""

    sigmas: tuple[float, ...] = (0.15, 0.2, 0.35, 0.45, 0.6)
    """Strengths, of which each image gets one."""
    share: float = 0.5
    """Of each batch that gets noise."""

    def __post_init__(self) -> None:
        if not isinstance(self.sigmas, tuple | list) or not self.sigmas:
            raise InputError(f"speckle.sigmas: a list of numbers is needed, got {self.sigmas!r}")
        for sigma in self.sigmas:
            check_range("speckle.sigmas", sigma, POSITIVE)
        object.__setattr__(self, "sigmas", tuple(self.sigmas))  # a list comes from JSON
        check_range("speckle.share", self.share, SHARE)


@dataclass(frozen=True, kw_only=True)
class ANTSettings:
    """Adversarial noise training (Rusak et al., 2020)."""

    epsilon: float | None = None
    """Length (l2 norm) of the noise in [0, 1] images; by default 135 at 224 px and as much per pixel at other sizes
    (19.3 at 32 px)."""
    kernel: Literal[1, 3] = 1
    """Side of the generator's second convolution: 1 makes independent pixels (ANT), 3 makes them depend on their
    neighbours (ANT 3x3)."""
    lr: float = 1e-4
    """Of the generator's Adam while the classifier trains."""
    restart_steps: int = 1000
    """Steps for which a fresh generator is trained before each epoch."""
    restart_lr: float = 5e-4
    """Of its Adam in these steps."""
    share: float = 0.5
    """Of each batch that gets noise; from the second epoch on two fifths of it come from earlier generators."""

    def __post_init__(self) -> None:
        if self.epsilon is not None:
            check_range("ant.epsilon", self.epsilon, POSITIVE)
        if isinstance(self.kernel, bool) or self.kernel not in (1, 3):
            raise InputError(f"ant.kernel: 1 or 3 is needed, got {self.kernel!r}")
        check_range("ant.lr", self.lr, POSITIVE)
        check_range("ant.restart_lr", self.restart_lr, POSITIVE)
        check_range("ant.restart_steps", self.restart_steps, (0, MANY))
        check_range("ant.share", self.share, SHARE)


@dataclass(frozen=True, kw_only=True)
class Noise2NetSettings:
    """Noise2Net (Hendrycks et al., 2021): images through a network of fresh random weights."""

    epsilon: tuple[float, float] = (0.375, 0.75)
    """Range of the weight of each block's output, drawn once a batch."""
    blocks: int = 4
    """Residual blocks."""
    hidden: int = 16
    """Channels of a scale in a block."""
    scale: int = 4
    """Scales of a block."""
    share: float = 0.5
    """Of each batch that goes through it."""

    def __post_init__(self) -> None:
        pair = isinstance(self.epsilon, tuple | list) and len(self.epsilon) == 2
        for bound in self.epsilon if pair else ():
            check_range("noise2net.epsilon", bound, WEIGHT)
        if not pair or self.epsilon[0] > self.epsilon[1]:
            raise InputError(
                f"noise2net.epsilon: two numbers from 0 on are needed, the smaller one first, got {self.epsilon!r}"
            )
        object.__setattr__(self, "epsilon", tuple(self.epsilon))  # a list comes from JSON
        check_range("noise2net.blocks", self.blocks, (1, MANY))
        check_range("noise2net.hidden", self.hidden, (1, MANY))
        check_range("noise2net.scale", self.scale, (2, MANY))
        check_range("noise2net.share", self.share, SHARE)


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings:
    """Adversarial training (Madry et al., 2018), with the settings of the released ImageNet networks of the tables."""

    epsilon: float | None = None
    """Radius of the ball in [0, 1] images; by default 8/255 for l-infinity, and for l2 3 at 224 px and as much per
    pixel at other sizes (0.43 at 32 px)."""
    steps: int = 3
    """Gradient steps to each adversary."""
    step_size: float | None = None
    """Length of a step; by default 2/3 of the radius."""

    def __post_init__(self) -> None:
        if self.epsilon is not None:
            check_range("adversarial.epsilon", self.epsilon, POSITIVE)
        check_range("adversarial.steps", self.steps, (1, MANY))
        if self.step_size is not None:
            check_range("adversarial.step_size", self.step_size, POSITIVE)


@dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """The settings of all methods; each looks at its own."""

    mix: PixMixSettings = field(default_factory=PixMixSettings)
    cutout: CutoutSettings = field(default_factory=CutoutSettings)
    mixup: MixupSettings = field(default_factory=MixupSettings)
    cutmix: CutMixSettings = field(default_factory=CutMixSettings)
    autoaugment: AutoAugmentSettings = field(default_factory=AutoAugmentSettings)
    augmix: AugMixSettings = field(default_factory=AugMixSettings)
    jsd: JSDSettings = field(default_factory=JSDSettings)
    ipmix: IPMixSettings = field(default_factory=IPMixSettings)
    prime: PrimeSettings = field(default_factory=PrimeSettings)
    oe: OESettings = field(default_factory=OESettings)
    speckle: SpeckleSettings = field(default_factory=SpeckleSettings)
    ant: ANTSettings = field(default_factory=ANTSettings)
    noise2net: Noise2NetSettings = field(default_factory=Noise2NetSettings)
    adversarial: AdversarialSettings = field(default_factory=AdversarialSettings)
    apr: APRSettings = field(default_factory=APRSettings)
    hybridaugment: HybridAugmentSettings = field(default_factory=HybridAugmentSettings)
    regmixup: RegMixupSettings = field(default_factory=RegMixupSettings)
    logitnorm: LogitNormSettings = field(default_factory=LogitNormSettings)
    rotpred: RotPredSettings = field(default_factory=RotPredSettings)
    trivialaugment: TrivialAugmentSettings = field(default_factory=TrivialAugmentSettings)
    randaugment: RandAugmentSettings = field(default_factory=RandAugmentSettings)
    layermix: LayerMixSettings = field(default_factory=LayerMixSettings)
    moiremix: MoireMixSettings = field(default_factory=MoireMixSettings)
