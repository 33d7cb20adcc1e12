"""What a training run is: one frozen dataclass, and recipes that return a whole one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from mixset._common.errors import InputError
from mixset._common.named import slug
from mixset._common.ranges import (
    BATCH,
    COUNT,
    PROCESSES,
    RATE,
    SEED,
    SIDE,
    SMALLEST,
    WEIGHT,
    Range,
    check_range,
    check_ranges,
)
from pixmix._augment.settings import IMAGENET
from pixmix._common.precisions import EvalPrecision
from pixmix.methods._settings import (
    AugMixSettings,
    AutoAugmentSettings,
    CutMixSettings,
    IPMixSettings,
    MethodSettings,
    MixupSettings,
)

from .._data.place_names import last_part
from .iterative_settings import IterativeSettings

RecipeName = Literal["cifar", "imagenet", "places365", "vit-s", "quick"]
Precision = Literal["auto", "off", "bf16", "fp16"]
Graph = Literal["auto", "on", "off"]
Optimizer = Literal["sgd", "adamw"]

TRAINING: dict[str, Range] = {
    "epochs": (1, 10**6),
    "batch_size": BATCH,
    "lr": RATE,
    "warmup": (0.0, 10.0**6),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, 1000.0),
    "dropout": (0.0, 1.0),
    "drop_path": (0.0, 1.0),
    "label_smoothing": (0.0, 1.0),
    "ema_decay": (0.0, 1.0),
    "size": SIDE,
    "subset": COUNT,
    "test_subset": COUNT,
    "seed": SEED,
    "workers": PROCESSES,
    "threads": (1, 1000),
    "checkpoint_every": COUNT,
    "checkpoint_minutes": (SMALLEST, 10.0**6),
    "keep_checkpoints": (1, 10**6),
    "eval_batch_size": BATCH,
}
"""The numbers of a run."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig(MethodSettings):
    """Train a classifier and measure how safe it is.

    Examples:
        pixmix train digits --recipe quick --method pixmix --mixing-set fractals
        pixmix train cifar10 --method pixmix --mixing-set fractals fvis --weights 0.75 0.25
        pixmix train cifar100 --method iterative --iterative.budget 0.2
        pixmix train cifar100 --method pixmix+cutmix --mixing-set fractals
        pixmix train folder:PATH --recipe imagenet --init torchvision --mixing-set fractals --method pixmix
    """

    dataset: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATASET")] = "digits"
    """What is trained and measured on: digits (embedded), cifar10, cifar100, fashionmnist (downloaded when missing), or
    folder:PATH with train/ and test/ (or val/) of one folder a class, or store:PATH, made of one."""
    recipe: RecipeName = "cifar"
    """Where the other defaults come from: cifar (the paper's, 100 epochs of WRN-40-4), imagenet (the paper's
    fine-tuning of a ResNet-50), places365 (its fine-tuning of a ResNet-18 for anomalies), vit-s (a ViT-S from scratch,
    AdamW, 300 epochs), quick (minutes on a CPU)."""
    method: str = "baseline"
    """baseline; of images: cutout, autoaugment, augmix, ipmix, prime, pixprime, oe, pixmix, mix-input (PixMix without a
    mixing set), mix-aug (PixMix with the mixing set alone), iterative (PixMix with feature visualisations of the
    network in training), apr-s, hybridaugment-s, hybridaugmentpp-s, trivialaugment, randaugment, layermix, moiremix
    (PixMix with Moiré for a mixing set); of batches: mixup, cutmix, speckle, ant, noise2net, adversarial-linf,
    adversarial-l2, apr-p, hybridaugment-p, hybridaugmentpp-p, regmixup, logitnorm, rotpred; of data: sin, edsr. Several
    compose: prime+pixmix+cutmix; those of images act in the order written. With any of images, +jsd makes predictions
    for three views agree. One of your own: module:function or FILE.py:function."""
    mixing_set: tuple[str, ...] = ()
    """What is mixed in: folders made by `mixset make` or `mixset import`, or image folders; `fractals` is a set made on
    first use (write ./fractals for a folder of that name)."""
    weights: tuple[float, ...] = ()
    """How often each folder of --mixing-set is drawn from; by default each image equally often."""
    outliers: Path | None = None
    """Images for outlier exposure (--method oe): a folder, a set, or an .npy file such as 300K_random_images.npy, which
    is looked for in --data-folder by default."""
    copies: Path | None = None
    """Altered copies of the training images for the methods sin and edsr: a folder with one folder a class."""
    iterative: IterativeSettings = field(default_factory=IterativeSettings)

    network: str = "wrn-40-4"
    """The network: wrn-DEPTH-WIDTH, resnet18, resnet50, or module:function or FILE.py:function, called with
    num_classes=N."""
    dropout: float = 0.3
    """Dropout inside the blocks of a Wide ResNet."""
    drop_path: float = 0.0
    """Drop path (stochastic depth) inside the blocks of a network of timm: the last one's rate, which rises from 0."""
    init: str | None = None
    """Start from weights: `torchvision` (ImageNet's, ResNets only) or a checkpoint file. A head of another number of
    classes starts anew."""

    epochs: int = 100
    """Passes over the training images."""
    batch_size: int = 128
    """Images in a training step, over all processes."""
    lr: float = 0.1
    """Learning rate of the first step; a cosine takes it to 1e-6, a step at a time."""
    warmup: float = 0.0
    """Epochs in which the learning rate rises to --lr from a hundredth of it."""
    optimizer: Optimizer = "sgd"
    """What takes the steps; adamw has the betas 0.9 and 0.999."""
    momentum: float = 0.9
    """Nesterov momentum of SGD."""
    weight_decay: float = 5e-4
    """Weight decay of all parameters, norms and biases included, as in the paper's code."""
    decay_norms: bool = True
    """Weight decay of norms and biases, too."""
    label_smoothing: float = 0.0
    """Share of each label that is dealt out over all classes alike."""
    ema_decay: float | None = None
    """Measure and keep a running average of the weights, of this decay a step (0.9999)."""

    size: int | None = None
    """Side of the images in pixels, as the network sees them; by default the data set's own (folders of large images:
    224)."""
    sizes: tuple[int, ...] = ()
    """Sides of the training images, each for an equal part of the epochs; tests stay at --size."""
    subset: int | None = None
    """Train on that many images, the first of each class; by default on all."""
    test_subset: int | None = None
    """Test on that many images, the first of each class; by default on all."""
    data_folder: Path = Path("data")
    """Where downloaded data sets lie."""
    seed: int = 0
    """Seed of all that is drawn: weights, order, crops, mixing. Same seed, same run."""
    workers: int | None = None
    """Workers that load images, for each training process; by default 2 on a CPU, and on a GPU as many as its cores
    less 2, at most 32."""
    skip_broken: bool = False
    """Go on where a training image cannot be read: the next one in the set is taken in its place, and the log counts
    them. By default the run ends with a line that names the file."""
    sync_bn: bool = False
    """Batch normalisation by the batch of all processes, not by the share of each."""
    device: str = "auto"
    """Where to compute: auto (a GPU where there is one), cpu, cuda, cuda:1."""
    amp: Precision = "auto"
    """Mixed precision of training: auto is bf16 (else fp16) on a GPU and off on a CPU."""
    test_amp: bool = False
    """Test after each epoch in mixed precision, too; the measures stay in --eval-precision."""
    graph: Graph = "auto"
    """Take steps as CUDA graphs, each launched at once: the same steps, faster. auto: where GPU, method and network
    allow."""
    compile: bool = False
    """Compile the network (torch.compile): a minute at the start, then faster steps where the GPU takes the time, not
    the host; small networks gain nothing."""
    threads: int | None = None
    """CPU threads of torch; by default torch's choice. Equal weights after --resume need an equal number."""

    out: Path | None = None
    """Where the result goes: the run folder; by default runs/DATASET-METHOD-SEED."""
    resume: bool = False
    """Resume from the run folder's newest whole checkpoint; one that never began starts, one that ended stays as it is,
    or goes on to a larger --epochs. Restarts by torchrun resume by themselves."""
    checkpoint_every: int = 1000
    """Steps between checkpoints; the end of each epoch writes one, too."""
    checkpoint_minutes: float = 10.0
    """Minutes between checkpoints, at most, whatever --checkpoint-every says."""
    keep_checkpoints: int = 3
    """Checkpoints that are kept, the newest ones; where one is damaged, the one before it is resumed from."""
    keep_best: bool = False
    """Keep the weights of the lowest test error, too, for `pixmix evaluate --checkpoint best`."""
    log_steps: bool = False
    """Write the loss and the learning rate of each step to steps.csv in the run folder."""
    tensorboard: bool = False
    """Write them and the test errors for TensorBoard, into the run folder's tensorboard/."""
    suite: tuple[str, ...] = ("clean", "calibration", "adversaries", "anomalies")
    """Suites to measure, by name: at the end of training clean, calibration, adversaries and anomalies."""
    eval_batch_size: int = 500
    """Images in a forward pass of the measures."""
    eval_precision: EvalPrecision = "float32"
    """Number format of the measures: float32, or bf16, faster on a GPU, which no table has beside float32."""

    def __post_init__(self) -> None:
        check_ranges(self, TRAINING)
        for name in ("dropout", "drop_path", "momentum", "label_smoothing", "ema_decay"):
            if getattr(self, name) == 1:
                raise InputError(f"{name}: a number below 1 is needed, got 1")
        if self.warmup >= self.epochs:
            raise InputError(f"warmup {self.warmup:g}: leaves none of the {self.epochs} epochs; give less")
        for side in self.sizes:
            check_range("sizes", side, SIDE)
        for weight in self.weights:
            check_range("weights", weight, WEIGHT)
        if self.weights and len(self.weights) != len(self.mixing_set):
            raise InputError(
                f"`weights` has {len(self.weights)} numbers for {len(self.mixing_set)} folders of `mixing_set`; "
                "give one each"
            )

    @property
    def folder(self) -> Path:
        """The run folder."""
        name = last_part(self.dataset)
        return self.out or Path("runs") / f"{name}-{slug(self.method)}-{self.seed}"

    def to_json(self) -> dict[str, Any]:
        """The config as JSON types; paths become strings."""
        return {
            name: str(value) if isinstance(value, Path) else value for name, value in dataclasses.asdict(self).items()
        }


def cifar() -> TrainConfig:
    """The paper's CIFAR recipe (its training script; WRN-40-4, dropout 0.3, 100 epochs)."""
    return TrainConfig()


def quick() -> TrainConfig:
    """A small network for some minutes on a CPU: WRN-16-1 at a higher rate of learning for 20 epochs."""
    return TrainConfig(recipe="quick", network="wrn-16-1", dropout=0.0, epochs=20, batch_size=64, lr=0.1)


def imagenet() -> TrainConfig:
    """The paper's ImageNet recipe (its training script): 90 epochs of a ResNet-50, meant for --init torchvision."""
    return TrainConfig(
        recipe="imagenet",
        network="resnet50",
        dropout=0.0,
        epochs=90,
        batch_size=256,
        lr=0.01,
        mix=IMAGENET,
        mixup=MixupSettings(alpha=0.2),
        cutmix=CutMixSettings(probability=1.0),
        autoaugment=AutoAugmentSettings(policy="imagenet"),
        augmix=AugMixSettings(severity=1.0, jsd=0.0),
        ipmix=IPMixSettings(severity=1.0, beta=4.0, partner="both"),
    )


def places365() -> TrainConfig:
    """Table 9's: 10 epochs of a ResNet-18, meant for --init and weights of Places365; the rest is ImageNet's."""
    return dataclasses.replace(imagenet(), recipe="places365", network="resnet18", epochs=10)


def vit_s() -> TrainConfig:
    """DeiT's ViT-S/16 from scratch on ImageNet (Touvron et al., 2021), with the method for all of its augmentations."""
    return dataclasses.replace(
        imagenet(),
        recipe="vit-s",
        network="timm:vit_small_patch16_224",
        drop_path=0.1,
        epochs=300,
        batch_size=1024,
        optimizer="adamw",
        lr=0.001,
        warmup=5.0,
        weight_decay=0.05,
        decay_norms=False,
        label_smoothing=0.1,
        ema_decay=0.99996,
    )


RECIPES: dict[RecipeName, Callable[[], TrainConfig]] = {
    "cifar": cifar,
    "imagenet": imagenet,
    "places365": places365,
    "vit-s": vit_s,
    "quick": quick,
}
LARGE: tuple[RecipeName, ...] = ("imagenet", "places365", "vit-s")
"""Recipes for images of 224 px."""


def recipe(name: str) -> TrainConfig:
    """The config of the recipe called `name`; an unknown name raises InputError with the known ones."""
    if name not in RECIPES:
        raise InputError(f"recipe {name}: unknown; the recipes are {', '.join(RECIPES)}")
    return RECIPES[name]()
