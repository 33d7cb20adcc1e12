"""What `pixmix evaluate` is asked: which network, which measures, on which images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from mixset._common.errors import InputError
from mixset._common.ranges import BATCH, COUNT, PROCESSES, SEED, SIDE, SMALLEST, Range, check_range, check_ranges
from pixmix._common.attack import PGDSettings
from pixmix._common.autoattack import AutoAttackSettings
from pixmix._common.precisions import EvalPrecision
from pixmix._evaluators.set_names import KNOWN, TEMPERED
from pixmix.scores._settings import PAPER, FeatureFormat, ScoreSettings, read_settings

MEASURING: dict[str, Range] = {
    "eval_batch_size": BATCH,
    "workers": PROCESSES,
    "seed": SEED,
    "size": SIDE,
    "test_subset": COUNT,
}
"""The numbers of an evaluation."""
OF_NETWORK: tuple[str, ...] = ("dataset", "classes", "network", "checkpoint", "ema", "trust", "mean", "std", "size")
OF_NETWORK += ("test_subset", "robustbench", "ood", "openood", "tune_on", "training_images", "layer")
"""What saved logits leave nothing to say about."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Measure how safe a classifier is: every measure of the paper, on any data.

    Each image set goes through the network once. Logits are kept beside the result with the hash of weights and
    images, so a killed evaluation goes on, and a measure added later costs nothing.

    Examples:
        pixmix evaluate runs/cifar10-pixmix-0 --suite c cbar p --c CIFAR-10-C --cbar CIFAR-10-C-Bar --p CIFAR-10-P
        pixmix evaluate checkpoint.pth.tar --network wrn-40-4 --dataset cifar100 --suite clean anomalies --ood OOD
        pixmix evaluate resnet50 --dataset folder:imagenet-val --suite clean c r --c ImageNet-C --r imagenet-r
        pixmix evaluate --logits logits.npz --suite clean calibration
        torchrun --nproc-per-node 8 --no-python -- pixmix evaluate resnet50 --suite c r --c ImageNet-C --r imagenet-r
    """

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")] = ""
    """A run folder; a file of weights (.pt, .pth.tar, .ckpt: ours, the paper's and others'); a torchvision or timm
    name, efficientnet_lite0, or module:function. None with --logits."""
    suite: tuple[str, ...] | None = None
    """Suites to measure, by name: clean, calibration, adversaries (PGD), autoattack, w (ImageNet-W) and anomalies on
    the test images; c, cbar (corruptions), p (sequences), r, a, o, v2, sketch, dcc3, cifar10_1, cifar10_2, cinic10 and
    openood (near and far), each on its own set. By default clean, calibration, adversaries, anomalies; of --logits
    the first two."""
    dataset: str | None = None
    """What is trained and measured on, here the test images: digits, cifar10, cifar100, fashionmnist, or folder:PATH
    with a folder a class, itself or within test/ (or val/), or store:PATH. By default those of the run."""
    classes: Path | None = None
    """A class map, where class folders are called otherwise than the network's classes: a text file with a line for
    each such folder, FOLDER CLASS, with the number or name of its class; - leaves the folder out."""
    c: Path | None = None
    """The set of the suite c: CIFAR-10-C, CIFAR-100-C or ImageNet-C in its official layout, or what `pixmix corrupt
    --suite c` made."""
    cbar: Path | None = None
    """The set of the suite cbar, official or made."""
    p: Path | None = None
    """The set of the suite p, official or made."""
    r: Path | None = None
    """The set of the suite r, ImageNet-R's folder."""
    a: Path | None = None
    """The set of the suite a, ImageNet-A's folder."""
    o: Path | None = None
    """The set of the suite o, ImageNet-O's folder; the test images are ImageNet's."""
    v2: Path | None = None
    """The set of the suite v2, a folder of ImageNet-V2's variants or one of them."""
    sketch: Path | None = None
    """The set of the suite sketch, ImageNet-Sketch's folder."""
    dcc3: Path | None = None
    """The set of the suite dcc3, ImageNet-3DCC's folder."""
    cifar10_1: Path | None = None
    """The set of the suite cifar10_1, the folder of CIFAR-10.1's files."""
    cifar10_2: Path | None = None
    """The set of the suite cifar10_2, the folder of CIFAR-10.2's file."""
    cinic10: Path | None = None
    """The set of the suite cinic10, CINIC-10's folder."""
    openood: Path | None = None
    """The set of the suite openood: the folder of a benchmark's lists, such as data/benchmark_imglist/cifar10, beside
    OpenOOD's folders of images."""
    ood: Path | None = None
    """A folder of out-of-distribution sets for the suite anomalies, each a folder of images, .npy or .mat: textures,
    svhn, places69, or any other. Without it the three synthetic ones."""
    score: tuple[str, ...] = PAPER
    """Anomaly scores to measure beside msp, the paper's: by name (`pixmix measures` lists them) or module:function."""
    score_settings: tuple[str, ...] = ()
    """Settings of scores, such as knn.k=100 gen.gamma=0.5; by default those of `pixmix measures`, or tuned ones."""
    calibrate_on: Annotated[str | None, tyro.conf.arg(metavar="FOLDER|split")] = None
    """Where the temperature is fitted, and what scores need held-out images for: a folder with a folder a class of
    images that are neither trained nor measured on; or split, for the suite calibration alone: each half of the test
    images on the other."""
    tune_on: Path | None = None
    """Outliers on which settings of scores are tuned, in a form that a set of --ood has; with --calibrate-on."""
    training_images: str | None = None
    """The training images, for scores that compare with them, named as by --dataset (of a folder its train/ or itself);
    by default those of the run, or of --dataset."""
    layer: str | None = None
    """The layer whose input are the features that scores use; by default the linear one that gives the logits."""
    features: FeatureFormat = "float32"
    """Number format in which features are kept: float32, or float16 at half the size."""
    resize: bool = False
    """Enlarge and crop ImageNet-C's and C-bar's images again, as the paper's code does: its tables' mCE."""
    partial: bool = False
    """Leave out what is missing in a set, and say so in the result, in place of refusing it."""
    robustbench: bool = False
    """Measure the 5,000 of ImageNet's validation images that RobustBench does, clean and in C, in place of all."""
    attack: PGDSettings = field(default_factory=PGDSettings)
    autoattack: AutoAttackSettings = field(default_factory=AutoAttackSettings)

    network: str | None = None
    """The network: of a file of weights that does not say, wrn-DEPTH-WIDTH, a torchvision name, timm:NAME or
    module:function. Of a run that was trained with module:function the same, since what a file names is not run
    unasked."""
    checkpoint: Literal["last", "best"] = "last"
    """Which weights of a run: the last ones, or those of the epoch with the lowest test error, where --keep-best kept
    them. Chosen by the test images, they flatter."""
    ema: bool = False
    """Take the running averages of the weights that a file holds beside them."""
    trust: bool = False
    """Run the code that a file names: the module:function of a run's config.json."""
    mean: tuple[float, float, float] | None = None
    """Mean of the network's normalisation; by default the run's, the library's, 0.5 for Wide ResNets, else
    ImageNet's."""
    std: tuple[float, float, float] | None = None
    """Standard deviation of the network's normalisation; by default as for --mean."""
    size: int | None = None
    """Side of the images in pixels; by default the run's, or the data set's own."""
    test_subset: int | None = None
    """Test on that many images, the first of each class; by default as many as the run, or all."""

    logits: Path | None = None
    """An .npz file of a network that is not here: `logits` (N, classes), `labels` (N,) and, for outliers,
    `ood_NAME` (M, classes); docs/measures.md has the names of what else scores need."""
    logits_are: Literal["logits", "probabilities"] = "logits"
    """What that file holds: of probabilities, the softmax of logits, the logarithm is taken."""
    out: Path | None = None
    """Where the result goes: the folder for metrics.json and logits/; by default the run's own, or
    evaluations/MODEL."""
    seed: int = 0
    """Seed of all that is drawn: PGD's start, the synthetic sets, the choice of outliers and the intervals."""
    eval_batch_size: int = 500
    """Images in a forward pass of the measures."""
    eval_precision: EvalPrecision = "float32"
    """Number format of the measures: float32, or bf16, faster on a GPU, which no table has beside float32. Where MODEL
    is a run that was measured in float32, the difference of each measure is shown."""
    workers: int = 2
    """Workers that load images."""
    device: str = "auto"
    """Where to compute: auto (a GPU where there is one), cpu, cuda, cuda:1."""
    data_folder: Path | None = None
    """Where downloaded data sets lie; by default data, or where the run has its own; nothing is downloaded to the
    latter."""

    def __post_init__(self) -> None:
        if bool(self.model) == (self.logits is not None):
            raise InputError("pixmix evaluate: give a MODEL, or `logits` FILE without one")
        if not self.suites:
            raise InputError("suite: name at least one")
        check_ranges(self, MEASURING)
        for name in ("mean", "std"):
            for value in getattr(self, name) or ():
                check_range(name, value, (-1000.0, 1000.0) if name == "mean" else (SMALLEST, 1000.0))
        for name, path in self.sets.items():
            suite = "anomalies" if name == "ood" else name
            if suite not in self.suites:
                raise InputError(f"{name} {path}: is for the suite {suite}; add it to `suite`")
        self._check_scores()
        if "autoattack" in self.suites and self.eval_precision != "float32":
            raise InputError("suite autoattack: is measured in float32; leave `eval_precision` out")
        if self.robustbench and self.test_subset is not None:
            raise InputError("robustbench: measures a subset of its own; leave `test_subset` out")
        if self.logits is not None:
            for name in OF_NETWORK:
                if getattr(self, name) not in (None, False, "last"):
                    raise InputError(f"logits: needs no `{name}`; leave it out")
            if self.calibrate_on not in (None, "split"):
                raise InputError(
                    "calibrate_on: of saved logits is split, or leave it out: the file has held-out images"
                )
            if self.eval_precision != "float32":
                raise InputError("logits: are measured as they are; leave `eval_precision` out")
        elif self.logits_are != "logits":
            raise InputError(f"logits_are {self.logits_are}: says what the file of `logits` holds; name one")

    def _check_scores(self) -> None:
        scored = {"anomalies", "openood"} & {*self.suites}
        for name in ("score_settings", "layer"):
            if getattr(self, name) and not scored:
                raise InputError(f"{name}: is for the suites anomalies and openood; add one to `suite`")
        if self.score != PAPER and not scored:
            raise InputError("score: is for the suites anomalies and openood; add one to `suite`")
        for name in ("tune_on", "training_images"):
            if getattr(self, name) and "anomalies" not in scored:
                raise InputError(f"{name}: is for the suite anomalies; add it to `suite`")
        if self.calibrate_on is not None and not {*TEMPERED, "anomalies"} & {*self.suites}:
            raise InputError(f"calibrate_on: is for the suites {', '.join(TEMPERED)} and anomalies; add one to `suite`")
        if self.calibrate_on == "split" and "calibration" not in self.suites:
            raise InputError(
                "calibrate_on split: is for the suite calibration alone; add it to `suite`, or name a folder"
            )

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites to measure; of saved logits by default those that need nothing else."""
        if self.suite is not None:
            return self.suite
        return ("clean", "calibration", "adversaries", "anomalies") if self.logits is None else ("clean", "calibration")

    @property
    def scores(self) -> ScoreSettings:
        """The anomaly scores, their settings and features; imports the code of those that are somebody else's."""
        return ScoreSettings(
            names=self.score, settings=read_settings(self.score_settings), layer=self.layer, features=self.features
        )

    @property
    def sets(self) -> dict[str, Path]:
        """The folders of sets that are given."""
        given = {name: getattr(self, name) for name in KNOWN}
        return {name: path for name, path in given.items() if path is not None}

    @property
    def folder(self) -> Path:
        """Where the result goes."""
        if self.out is not None:
            return self.out
        if self.logits is not None:
            return Path("evaluations") / self.logits.stem
        model = Path(self.model)
        if model.is_dir():
            return model if self.checkpoint == "last" else Path("evaluations") / f"{model.resolve().name}-best"
        name = model.name.partition(".")[0] if model.is_file() else self.model
        return Path("evaluations") / name.replace(":", "-").replace("/", "-")
