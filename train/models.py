"""Networks to be measured, as users name them: runs, checkpoint files, torchvision's and timm's names, functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset.errors import InputError
from mixset.generate.fvis.networks import load_network
from pixmix.forwarding import network_errors
from pixmix.normalized import Normalized
from pixmix.readers import imagenet_wnids

from . import checkpoints
from .networks import network_spec
from .pictures import HALF, IMAGENET_MEAN, IMAGENET_STD, Pictures
from .run_folder import RunFolder, read_json

FILES = (".pt", ".pth", ".tar", ".ckpt", ".bin", ".npz")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network with what is known of the pictures it takes."""

    network: Normalized
    """On the CPU; takes pictures in [0, 1]."""
    run: RunFolder | None = None
    """The run that trained it."""
    dataset: str | None = None
    """What it was trained on, as `--data` takes it."""
    size: int | None = None
    """Side of its pictures in pixels; None where it is not known."""
    classes: tuple[str, ...] | None = None
    """Names of its classes by number; None where they are not known."""
    test_subset: int | None = None
    """How many of the test pictures its run tests on; None: all."""
    data_folder: Path | None = None
    """Where its downloaded data set is; None where it is not known."""


def load_model(
    name: str,
    *,
    network: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Model:
    """The network called `name`, with its weights.

    Args:
        name: a run folder; a file of weights (ours, the paper's, AugMix's, torchvision's, ...; see
            `checkpoints.read_weights`); a torchvision or timm name, `efficientnet_lite0`, or `module:function`.
        network: for a file: `wrn-DEPTH-WIDTH`, `resnet18`, `resnet50` or `module:function`, where it does not say.
        mean, std: of the normalisation, where it is not known or another one is wanted. Files of Wide ResNets have the
            paper's 0.5 by default, others ImageNet's.

    Raises:
        InputError: nothing of that name, weights that do not fit, or a normalisation that cannot be.
    """
    path = Path(name)
    if path.is_dir():
        return _of_run(path, network, mean, std)
    if path.is_file():
        body, own_mean, own_std = _of_file(path, network)
    else:
        if network is not None:
            raise InputError(f"--network {network}: belongs to a file of weights, and {name} is no file")
        if ":" not in name and (path.suffix in FILES or "/" in name):  # timm's resnet50.a1_in1k is no file
            raise InputError(f"MODEL {name}: no such run folder or file")
        loaded = load_network(name)
        body, own_mean, own_std = loaded.body, loaded.mean, loaded.std
    return Model(network=_normalized(body, mean or own_mean, std or own_std))


def _of_run(path: Path, network: str | None, mean: Sequence[float] | None, std: Sequence[float] | None) -> Model:
    if network or mean or std:
        raise InputError(f"MODEL {path}: a run knows its network and normalisation; leave --network, --mean, --std out")
    folder = RunFolder(path)
    described: dict[str, Any] = read_json(folder.config)
    loaded = load_network(f"run:{path}")
    try:
        return Model(
            network=_normalized(loaded.body, loaded.mean, loaded.std),
            run=folder,
            dataset=described["config"]["dataset"],
            size=described["pictures"]["size"],
            classes=tuple(described["classes"]),
            test_subset=described["config"].get("test_subset"),
            data_folder=Path(described["config"]["data"]),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder.config}: is not of a run of `pixmix train` ({error!r})") from None


def _of_file(path: Path, network: str | None) -> tuple[nn.Module, Sequence[float], Sequence[float]]:
    weights = checkpoints.read_weights(path)
    network = network or checkpoints.architecture(path)
    if network is None:
        raise InputError(f"MODEL {path}: does not say which network it is of; name it: --network wrn-40-4")
    body = network_spec(network, classes=_classes(weights, path)).build()
    checkpoints.load_into(body, weights, f"MODEL {path}")
    wide = network.startswith("wrn-")
    return body, HALF if wide else IMAGENET_MEAN, HALF if wide else IMAGENET_STD


def _classes(weights: dict[str, Tensor], path: Path) -> int:
    """How many classes the last linear layer of the weights tells apart."""
    matrices = [tensor for tensor in weights.values() if tensor.ndim == 2]
    if not matrices:
        raise InputError(f"MODEL {path}: has no linear layer, so no classes; is it a classifier?")
    return len(matrices[-1])


def _normalized(body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> Normalized:
    if len(mean) != 3 or len(std) != 3 or not np.isfinite([*mean, *std]).all() or min(std) <= 0:
        raise InputError(f"--mean {tuple(mean)} and --std {tuple(std)}: three numbers each, those of --std above zero")
    return Normalized(body, mean, std)


def own_numbers(model: Model, names: Sequence[str], test: Pictures, dataset: str) -> Pictures:
    """Test pictures with the labels that the network has for their classes: a folder may lack some of them.

    The classes of a run are known by name; those of a network of 1,000 classes are ImageNet's, where the folders are.

    Args:
        names: the pictures' classes by their label.
        dataset: for messages.

    Raises:
        InputError: classes that are not those of the run.
    """
    known = model.classes
    wnids = imagenet_wnids()
    if known is None and len(names) < len(wnids) and {*names} <= {*wnids}:
        known = wnids if _outputs(model, test.size) == len(wnids) else None
    if known is None or tuple(names) == known:
        return test
    if not {*names} <= {*known}:
        if len(names) == len(known):  # the same classes called otherwise
            return test
        other = next(name for name in names if name not in known)
        raise InputError(f"--data {dataset}: its class {other} is none of the {len(known)} that {model.dataset} has")
    numbers = np.array([known.index(name) for name in names])
    return Pictures(numbers[test.labels], test.size, array=test.array, files=test.files)


@torch.no_grad()
def _outputs(model: Model, size: int) -> int:
    with network_errors(f"pictures of {size}x{size} px"):
        return model.network.eval()(torch.zeros(1, 3, size, size)).shape[1]
