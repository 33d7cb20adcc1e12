"""`pixmix evaluate`: which network, which measures, on which images."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from mixset._common.errors import InputError
from mixset._common.ranges import BATCH, COUNT, PROCESSES, SEED, SIDE, SMALLEST, Range, check_range, check_ranges

if TYPE_CHECKING:
    import torch

    from pixmix.readers._labels import ClassMap

    from .._data.labelled import LabelledImages
    from .models import Model


@dataclass(frozen=True, kw_only=True)
class AttackSettings:
    """The suite adversaries: projected gradient descent; the defaults are the paper's for CIFAR."""

    epsilon: float = 2 / 255
    """Radius of the ball, in units of [0, 1] images."""
    step_size: float = 0.5 / 255
    """Length of a step, in the same units."""
    steps: int = 20
    """Gradient steps."""
    norm: Literal["linf", "l2"] = "linf"
    """In which radius and steps are measured."""

    def __post_init__(self) -> None:
        radius = (0.0, 1.0 if self.norm == "linf" else 1000.0)
        check_ranges(self, {"epsilon": radius, "step_size": radius, "steps": (0, 10**6)}, "attack.")


MEASURING: dict[str, Range] = {
    "batch_size": BATCH,
    "workers": PROCESSES,
    "seed": SEED,
    "size": SIDE,
    "test_subset": COUNT,
}
"""The numbers of an evaluation."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Measure how safe a classifier is: every measure of the paper, on any data.

    Each image set goes through the network once. Logits are kept beside the result with the hash of weights and
    images, so a killed evaluation goes on, and a measure added later costs nothing.

    Examples:

    pixmix evaluate runs/cifar10-pixmix-0 --suite c cbar p --c CIFAR-10-C --cbar CIFAR-10-C-Bar --p CIFAR-10-P

    pixmix evaluate checkpoint.pth.tar --network wrn-40-4 --data cifar100 --suite clean calibration anomalies --ood OOD

    pixmix evaluate resnet50 --data folder:imagenet-val --suite clean c r --c ImageNet-C --r imagenet-r

    pixmix evaluate --logits logits.npz --suite clean calibration

    torchrun --nproc-per-node 8 --no-python -- pixmix evaluate resnet50 --suite c r --c ImageNet-C --r imagenet-r
    """

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")] = ""
    """A run folder; a file of weights (.pt, .pth.tar, .ckpt: ours, the paper's and others'); a torchvision or timm
    name, efficientnet_lite0, or module:function. None with --logits."""
    suite: tuple[str, ...] = ("clean", "calibration", "adversaries", "anomalies")
    """clean, calibration, adversaries (PGD) and anomalies on the test images; c, cbar (errors and calibration under
    corruptions), p (flips and top-5 distances along sequences), r (ImageNet-R), each on a set of its own."""
    data: str | None = None
    """The test images: digits, cifar10, cifar100, fashionmnist, or folder:PATH with a folder a class, itself or
    within test/ (or val/). By default those of the run."""
    classes: Path | None = None
    """A class map, where class folders are called otherwise than the network's classes: a text file with a line for
    each such folder, FOLDER CLASS, with the number or name of its class; - leaves the folder out."""
    c: Path | None = None
    """CIFAR-10-C, CIFAR-100-C or ImageNet-C in its official layout, or what `pixmix corrupt --suite c` made."""
    cbar: Path | None = None
    """The same of C-bar."""
    p: Path | None = None
    """The same of P."""
    r: Path | None = None
    """ImageNet-R's folder."""
    ood: Path | None = None
    """A folder of out-of-distribution sets for anomalies, each a folder of images, .npy or .mat: textures, svhn,
    places69, or any other. Without it the three synthetic ones."""
    resize: bool = False
    """Enlarge and crop ImageNet-C's and C-bar's images again, as the paper's code does: its tables' mCE."""
    partial: bool = False
    """Leave out what is missing in a set, and say so in the result, in place of refusing it."""
    attack: AttackSettings = field(default_factory=AttackSettings)

    network: str | None = None
    """For a file of weights: wrn-DEPTH-WIDTH, a torchvision name, timm:NAME or module:function, where the file does not
    say. For a run that was trained with module:function: the same, since what a file names is not run unasked."""
    ema: bool = False
    """Take the running averages of the weights that a file holds beside them."""
    trust: bool = False
    """Run the code that a run's config.json names, module:function."""
    mean: tuple[float, float, float] | None = None
    """Of the normalisation; by default the run's, the library's, 0.5 for Wide ResNets, ImageNet's for others."""
    std: tuple[float, float, float] | None = None
    """The same of its standard deviation."""
    size: int | None = None
    """Side in pixels of the test images; by default the run's, or the data set's own."""
    test_subset: int | None = None
    """Take that many of the test images, the first of each class; by default as many as the run, or all."""

    logits: Path | None = None
    """An .npz file of a network that is not here: `logits` (N, classes) and `labels` (N,), and for anomalies `ood_NAME`
    (M, classes) for each set."""
    logits_are: Literal["logits", "probabilities"] = "logits"
    """What that file holds: of probabilities, the softmax of logits, the logarithm is taken."""
    out: Path | None = None
    """The folder for metrics.json and logits/; by default the run's own, or evaluations/MODEL."""
    seed: int = 0
    """Of PGD's start, the synthetic sets, the choice of outliers and the intervals."""
    batch_size: int = 500
    """Images a forward pass."""
    workers: int = 2
    """Processes that read images from files."""
    device: str = "auto"
    """auto (a GPU where there is one), cpu, cuda, cuda:1."""
    data_folder: Path | None = None
    """Where downloaded data sets are kept; by default data, or where the run has its own; nothing is
    downloaded to the latter."""

    def __post_init__(self) -> None:
        if bool(self.model) == (self.logits is not None):
            raise InputError("pixmix evaluate: give a MODEL, or --logits FILE without one")
        if not self.suite:
            raise InputError("--suite: name at least one")
        check_ranges(self, MEASURING)
        for name in ("mean", "std"):
            for value in getattr(self, name) or ():
                check_range(f"--{name}", value, (-1000.0, 1000.0) if name == "mean" else (SMALLEST, 1000.0))
        for name, path in self.sets.items():
            suite = "anomalies" if name == "ood" else name
            if suite not in self.suite:
                raise InputError(f"--{name} {path}: is for the suite {suite}; add it to --suite")
        if self.logits is not None:
            for name in ("data", "classes", "network", "ema", "trust", "mean", "std", "size", "test_subset", "ood"):
                if getattr(self, name) not in (None, False):
                    raise InputError(f"--logits: needs no --{name.replace('_', '-')}; leave it out")
        elif self.logits_are != "logits":
            raise InputError(f"--logits-are {self.logits_are}: says what the file of --logits holds; name one")

    @property
    def sets(self) -> dict[str, Path]:
        """The folders of sets that are given."""
        given = {name: getattr(self, name) for name in ("c", "cbar", "p", "r", "ood")}
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
            return model
        name = model.name.partition(".")[0] if model.is_file() else self.model
        return Path("evaluations") / name.replace(":", "-").replace("/", "-")


def evaluate(config: EvaluateConfig) -> dict[str, Any] | None:
    """Measure what `config` names and write `metrics.json`; measures that are there already stay.

    Under `torchrun` each process calls this; the first one writes.

    Returns:
        The content of `metrics.json`; None in processes other than the first.

    Raises:
        InputError: anything in the config that cannot be; a folder that holds measures of something else.
    """
    from .._runs.processes import processes
    from .._runs.records import read_metrics
    from .._runs.run_folder import owned, write_json

    path = config.folder / "metrics.json"
    with processes(config.device) as mine, contextlib.ExitStack() as stack:
        if mine.leads:
            stack.enter_context(owned(config.folder, "folder"))
        before = read_metrics(path) if path.exists() else {}
        found = _of_logits(config, before) if config.logits is not None else _measure(config, before, mine.device)
        if not mine.leads:
            return None
        metrics = {**before, **found}
        write_json(path, metrics)
        return metrics


def _of_logits(config: EvaluateConfig, before: dict[str, Any]) -> dict[str, Any]:
    from mixset._common.seals import file_hash
    from pixmix._evaluators import evaluate_logits

    assert config.logits is not None
    found = evaluate_logits(
        config.logits, config.suite, seed=config.seed, probabilities=config.logits_are == "probabilities"
    )
    about = {"model": str(config.logits), "network": file_hash(config.logits)}
    _check_same(config, before, about)
    return {**about, **found}


def _measure(config: EvaluateConfig, before: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """What was measured, and of what."""
    import pixmix
    from mixset._common.memory import keep_freed_memory
    from pixmix._evaluators import EVALUATORS, check
    from pixmix._evaluators.attacks import PGDSettings
    from pixmix.readers import read_class_map

    from .._runs.trials import try_network
    from .models import load_model

    for name in config.suite:
        if name not in EVALUATORS:
            raise InputError(f"--suite {name}: unknown; the suites are {', '.join(EVALUATORS)}")
        if EVALUATORS[name].of_set and name not in config.sets:
            made = "" if name == "r" else "; `pixmix corrupt` makes one of any images"
            raise InputError(f"--suite {name}: needs the folder of its set, --{name} PATH{made}")
    if device.type == "cpu":
        keep_freed_memory()
    class_map = None if config.classes is None else read_class_map(config.classes)
    model = load_model(
        config.model, network=config.network, mean=config.mean, std=config.std, ema=config.ema, trust=config.trust
    )
    about = _about(config, model, class_map)
    _check_same(config, before, about)
    test = _test_images(config, model, class_map)
    if class_map and test is None and not {"c", "cbar"} & config.sets.keys():
        raise InputError(f"--classes {config.classes}: is for class folders of --data, --c or --cbar; leave it out")
    side = model.size or config.size if test is None else test.size
    if side is not None:
        try_network(model.network, side, None if model.classes is None else len(model.classes))
    sets = check(
        config.suite,
        None if test is None else (len(test), test.size, test.size),
        sets=config.sets,
        size=None if side is None else (side, side),
        classes=model.classes,
        class_map=class_map,
        resize=config.resize,
        partial=config.partial,
    )
    found = pixmix.evaluate(
        model.network,
        config.suite,
        None if test is None else test.labelled,
        sets=sets,
        attack=PGDSettings(**vars(config.attack)),
        batch_size=config.batch_size,
        device=device,
        seed=config.seed,
        logits_folder=config.folder / "logits",
        workers=config.workers,
        progress=True,
    )
    return {**about, **found}


def _about(config: EvaluateConfig, model: Model, class_map: ClassMap | None) -> dict[str, Any]:
    """What `metrics.json` says of network and images; that of a run in its own folder knows them already."""
    from pixmix._evaluators.store import network_fingerprint

    from .._runs.run_folder import RunFolder

    there = RunFolder(config.folder)
    dataset = config.data or (model.dataset if _needs_data(config) else None)
    if model.run is None or config.folder.resolve() != model.run.path.resolve():
        if there.config.exists():
            raise InputError(
                f"{config.folder}: is the folder of a run, and MODEL is not this run; choose another --out"
            )
        about = {"model": config.model, "network": network_fingerprint(model.network), "class_map": class_map}
        if dataset is None:
            return about
        subset = _test_subset(config, model, dataset)
        return {**about, "dataset": dataset, "size": config.size or model.size, "test_subset": subset}
    if not there.metrics.exists():
        raise InputError(f"MODEL {config.model}: this run has not ended; let it end, or measure it into another --out")
    own = (model.dataset, model.size, model.test_subset)
    given = (dataset, config.size, config.test_subset)
    if class_map or any(one not in (None, other) for one, other in zip(given, own, strict=True)):
        raise InputError(f"MODEL {config.model}: its folder is for measures of its own test images; give --out FOLDER")
    return {}


def _check_same(config: EvaluateConfig, before: dict[str, Any], about: dict[str, Any]) -> None:
    """InputError where the folder holds measures of something else."""
    for name, value in about.items():
        if name != "model" and name in before and before[name] != value:
            held, given = before[name], value
            if name == "network":
                held, given = before.get("model"), f"{about['model']} as it is now"
            raise InputError(f"{config.folder}: holds measures of {name} {held}, not {given}; choose another --out")


def _needs_data(config: EvaluateConfig) -> bool:
    from pixmix._evaluators import EVALUATORS

    return any(EVALUATORS[name].of_data for name in config.suite)


def _test_subset(config: EvaluateConfig, model: Model, dataset: str) -> int | None:
    """As many as the run has, if they are its images."""
    return config.test_subset or (model.test_subset if dataset == model.dataset else None)


def _test_images(config: EvaluateConfig, model: Model, class_map: ClassMap | None) -> LabelledImages | None:
    """The labelled test images, or None where no suite asks for them."""
    from pixmix.readers._problems import warn_once

    from .._data.datasets import load_test
    from .models import classes_of

    dataset = config.data or (model.dataset if _needs_data(config) else None)
    if dataset is None:
        if _needs_data(config):
            line = f"MODEL {config.model}: is no run, so name the test images: --data cifar10, folder:PATH, ..."
            raise InputError(line)
        return None
    usual = Path("data")
    folder = config.data_folder or model.data_folder or usual
    if config.data is None and dataset.startswith("folder:"):
        warn_once(f"MODEL {config.model}: its config.json names the test images {dataset}; --data names others")
    subset = _test_subset(config, model, dataset)
    return load_test(
        dataset,
        size=config.size or model.size,
        folder=folder,
        subset=subset,
        network=lambda side: classes_of(model, side),
        class_map=class_map,
        download=config.data_folder is not None or folder == usual,
    )[1]
