"""Networks to be measured, as users name them: runs, checkpoint files, torchvision's and timm's names, functions."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from mixset._common.arguments import check_flag, check_path
from mixset._common.errors import InputError, reading
from mixset._common.normalisation import HALF, IMAGENET_MEAN, IMAGENET_STD
from mixset.generate._networks.loading import load_network
from mixset.generate._networks.runs import Trust
from mixset.generate._networks.spec import foreign, network_spec
from mixset.generate._networks.weights import architecture, fitted, head, load_into, read_weights
from pixmix._common.normalized import Normalized
from pixmix.readers._labels import Known

from .._runs.records import read_config
from .._runs.run_folder import RunFolder
from .._runs.trials import try_network

FILES = (".pt", ".pth", ".tar", ".ckpt", ".bin", ".npz", ".safetensors")
PROBE = 7
"""Classes of a network that is made to see which of its tensors are its head."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network with what is known of the images it takes."""

    network: Normalized
    """On the CPU; takes images in [0, 1]."""
    run: RunFolder | None = None
    """The run that trained it."""
    dataset: str | None = None
    """What it was trained on, as `--dataset` takes it."""
    size: int | None = None
    """Side of its images in pixels; None where it is not known."""
    classes: tuple[str, ...] | None = None
    """Names of its classes by number; None where they are not known."""
    test_subset: int | None = None
    """How many of the test images its run tests on; None: all."""
    subset: int | None = None
    """How many of the training images it was trained on; None: all."""
    data_folder: Path | None = None
    """Where its downloaded data set is; None where it is not known."""


def load(run: str | Path, *, trust: bool = False) -> Normalized:
    """The network that a run trained, in eval mode on the CPU.

    It takes (N, 3, H, W) float images in [0, 1], which it normalises itself, and gives (N, classes) logits. Of a run
    that is still training it has the weights of the last checkpoint.

    Args:
        run: the run's folder.
        trust: run the code that its config.json names, where the network is a function of somebody else's.

    Raises:
        InputError: no run, one without weights, damaged files, or code that is not trusted.
    """
    path = check_path("run", run)
    if not path.is_dir():
        raise InputError(f"run {path}: no such folder")
    loaded = load_network(f"run:{path}", trust=Trust(everything=check_flag("trust", trust)))
    # What is loaded is shared and frozen; the caller's network is its own.
    body = copy.deepcopy(loaded.body).requires_grad_(True)
    return Normalized(body, loaded.mean, loaded.std).eval()


def load_model(
    name: str,
    *,
    network: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    best: bool = False,
    ema: bool = False,
    trust: bool = False,
) -> Model:
    """The network called `name`, with its weights.

    Args:
        name: a run folder; a file of weights (ours, the paper's, AugMix's, torchvision's, ...; see
            `weights.read_weights`); a torchvision or timm name, `efficientnet_lite0`, or `module:function`.
        network: for a file: `wrn-DEPTH-WIDTH`, a torchvision name, `timm:NAME` or `module:function`, where it does not
            say; for a run whose config.json names a function: the same function, which is run only so or by `trust`.
        mean, std: of the normalisation, where it is not known or another one is wanted. Files of Wide ResNets have the
            paper's 0.5 by default, others ImageNet's.
        best: take the weights of a run's best epoch.
        ema: take the running averages of a file's weights.
        trust: run the code that a run's config.json names.

    Raises:
        InputError: nothing of that name, weights that do not fit, or a normalisation that cannot be.
    """
    path = Path(name)
    if path.is_dir():
        if ema:
            raise InputError(f"MODEL {path}: the weights of a run that averages them are the averages; leave `ema` out")
        model = _of_run(path, Trust(network, trust), mean, std)
        return _at_best(model) if best else model
    if best:
        raise InputError(f"checkpoint best: is for a run, and {name} is none")
    if path.exists() and ":" not in name:
        body, own_mean, own_std = _of_file(path, network, ema)
    else:
        if network is not None:
            raise InputError(f"network {network}: belongs to a file of weights, and {name} is no file")
        if ema:
            raise InputError(f"ema: belongs to a file of weights, and {name} is no file")
        if ":" not in name and (path.suffix in FILES or "/" in name):  # timm's resnet50.a1_in1k is no file
            raise InputError(f"MODEL {name}: no such run folder or file")
        try:
            loaded = load_network(name, trust=Trust(everything=trust))
        except InputError as error:  # what the library calls a network is here the MODEL, and not --network
            raise InputError(f"MODEL {str(error).removeprefix('network ')}") from None
        body, own_mean, own_std = loaded.body, loaded.mean, loaded.std
    return Model(network=_normalized(body, mean or own_mean, std or own_std))


def _of_run(path: Path, trust: Trust, mean: Sequence[float] | None, std: Sequence[float] | None) -> Model:
    if mean or std:
        raise InputError(f"MODEL {path}: a run knows its normalisation; leave `mean` and `std` out")
    folder = RunFolder(path)
    loaded = load_network(f"run:{path}", trust=trust)
    described: dict[str, Any] = read_config(folder.config)
    with reading(str(folder.config), "it is not of a run of `pixmix train`"):
        config, size, classes = described["config"], described["images"]["size"], described["classes"]
        if type(size) is not int or not all(isinstance(name, str) for name in classes):
            raise TypeError("size or classes of other types")
        return Model(
            network=_normalized(loaded.body, loaded.mean, loaded.std),
            run=folder,
            dataset=config["dataset"],
            size=size,
            classes=tuple(classes),
            test_subset=config.get("test_subset"),
            subset=config.get("subset"),
            data_folder=Path(config["data_folder"]),
        )


def _at_best(model: Model) -> Model:
    assert model.run is not None
    path = model.run.best
    if not path.exists():
        raise InputError(f"checkpoint best: {model.run.path} has none; a run keeps it where `pixmix train` was told to")
    body = copy.deepcopy(model.network.body)  # the other one is shared
    load_into(body, read_weights(path, hashed=True), f"{path}")
    return replace(
        model, network=Normalized(body, model.network.mean.flatten().tolist(), model.network.std.flatten().tolist())
    )


def _of_file(path: Path, network: str | None, ema: bool) -> tuple[nn.Module, Sequence[float], Sequence[float]]:
    weights = read_weights(path, ema=ema)
    if network is None:
        network = architecture(path)
        if network is None or foreign(network):
            raise InputError(f"MODEL {path}: does not say which network it is of; name it: `network` wrn-40-4")
    body = network_spec(network, classes=PROBE).build()
    classes, _ = head(fitted(weights, body.state_dict(), f"MODEL {path}"), body.state_dict(), PROBE)
    if classes != PROBE:
        body = network_spec(network, classes=classes).build()
    load_into(body, weights, f"MODEL {path}")
    if network.startswith("wrn-"):
        return body, HALF, HALF
    own = getattr(body, "pretrained_cfg", None) or {}  # timm's
    return body, own.get("mean", IMAGENET_MEAN), own.get("std", IMAGENET_STD)


def _normalized(body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> Normalized:
    if len(mean) != 3 or len(std) != 3 or not np.isfinite([*mean, *std]).all() or min(std) <= 0:
        raise InputError(f"mean {tuple(mean)} and std {tuple(std)}: three numbers each, those of `std` above zero")
    return Normalized(body, mean, std)


def classes_of(model: Model, size: int) -> Known:
    """The names of the network's classes by number, or else how many it tells apart in images of this side."""
    return model.classes if model.classes is not None else try_network(model.network, size)
