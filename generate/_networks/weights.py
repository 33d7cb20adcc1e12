"""Weights: ours with the hash of their tensors, other projects' under the names that the network has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError, reading
from mixset._common.partials import write_atomically

from .files import AGAIN, read_file

CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
"""Under which of these files keep their weights (PixMix, AugMix, Lightning; the game of noise; torchvision; others)."""
AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
"""Under which of these they keep running averages of them (timm, torchvision, others)."""
WRAPPERS = ("module", "_orig_mod")
"""What DataParallel, DDP, AveragedModel and torch.compile put into names, in any order and depth."""
HASH = "sha256"


def tensors_hash(tensors: Mapping[str, Any]) -> str:
    """SHA-256, 64 hex digits, of named tensors: names, types, shapes and bytes, on any device, in any memory format."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        if isinstance(tensor, Tensor):  # a module may keep other state, which has no bytes to speak of
            digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write named tensors as safetensors, with their hash, atomically; the same bytes for the same tensors."""
    import safetensors.torch

    # Copies: two names of one tensor may not share its bytes.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    content = safetensors.torch.save(plain, {"format": "pt", HASH: tensors_hash(plain)})
    write_atomically(path, _metadata_in_order(content))


def _metadata_in_order(content: bytes) -> bytes:
    """The same file with its metadata sorted: safetensors writes them in an order drawn anew each time."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(end - 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def read_weights(path: Path, *, ema: bool = False, hashed: bool = False) -> dict[str, Tensor]:
    """The weights in a file of ours, torchvision's, timm's, Lightning's or a paper's, by the names in it.

    Takes safetensors, NumPy's archives and torch's files: bare names or those under one of `CONTAINERS`.

    Args:
        ema: take their running averages instead.
        hashed: the file is one that `write_weights` wrote, so it must have its hash.

    Raises:
        InputError: as `files.read_file`, or there are no such weights in the file, or their hash differs.
    """
    what = f"weights {path}"
    content, _, metadata = read_file(path, what)
    if hashed and HASH not in metadata:
        raise InputError(f"{what} is damaged (its SHA-256 is missing); {AGAIN}")
    if HASH in metadata and tensors_hash(content) != metadata[HASH]:
        raise InputError(f"{what} is damaged (its SHA-256 does not match); {AGAIN}")
    keys = AVERAGED if ema else CONTAINERS
    tensors = _within(content, keys)
    if ema and tensors is content:
        raise InputError(f"{what}: holds no averaged weights (looked for {', '.join(AVERAGED)})")
    tensors = _within(tensors, CONTAINERS)
    with reading(what, AGAIN):
        if not isinstance(tensors, Mapping) or not tensors:
            raise InputError(f"{what}: holds no weights (looked for {', '.join(keys)})")
        plain = {str(name): _plain(value) for name, value in tensors.items()}
    weights = {name: value for name, value in plain.items() if value is not None}
    odd = next((name for name in plain if name not in weights), None)
    if odd is not None:
        raise InputError(f"{what}: holds no weights, or more: {odd} is not a tensor (looked for {', '.join(keys)})")
    return weights


def _within(content: Any, keys: tuple[str, ...]) -> Any:
    """The mapping under the first of the keys that has one; the content itself where none has."""
    if isinstance(content, Mapping):
        return next((content[key] for key in keys if isinstance(content.get(key), Mapping)), content)
    return content


def _plain(value: Any) -> Tensor | None:
    """An ordinary tensor in memory, of an array, too; None for anything else."""
    tensor = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
    if not isinstance(tensor, Tensor) or tensor.layout is not torch.strided or tensor.is_quantized:
        return None
    return tensor if tensor.device.type == "cpu" else None  # `meta` has no values


def architecture(path: Path) -> str | None:
    """Which network a file of weights says it is of (the paper's ImageNet files do); None where it does not."""
    content = read_file(path, f"weights {path}").value
    name = content.get("arch") if isinstance(content, Mapping) else None
    return name if isinstance(name, str) else None


def fitted(weights: Mapping[str, Tensor], own: Mapping[str, Any], source: str) -> dict[str, Tensor]:
    """Weights by the names that the network has: without what other modules around it have put before and between.

    `own` is the network's state dict. Of a network that was saved with its normaliser and its attacker, the network
    alone stays; so it does of one that lies in a larger module (Lightning's), beside whose other tensors stay, too.

    Args:
        source: for messages.

    Raises:
        InputError: two different tensors have the same name in the network.
    """
    known = {part for name in own for part in name.split(".")}
    kept: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        plain = ".".join(part for part in name.split(".") if part in known or part not in WRAPPERS)
        # The original Wide ResNet code, which outlier exposure's files come from, has this one name spelt otherwise.
        plain = plain.replace("convShortcut", "conv_shortcut") if "conv_shortcut" in known else plain
        if plain in kept and tensors_hash({plain: kept[plain]}) != tensors_hash({plain: tensor}):
            raise InputError(f"{source}: holds two networks, {name} is one of both; save only the one to load")
        kept[plain] = tensor
    if "n_averaged" not in known:
        kept.pop("n_averaged", None)
    parts = {name.partition(".")[0] for name in kept}
    if {"model", "attacker"} <= parts <= {"model", "attacker", "normalizer"}:
        kept = {name: tensor for name, tensor in kept.items() if name.startswith("model.")}
    before = _prefix(kept, own)
    return {name.removeprefix(before): tensor for name, tensor in kept.items()}


def _prefix(weights: Mapping[str, Tensor], own: Mapping[str, Any]) -> str:
    """What stands before each name of the network; empty where nothing does, or the names are others."""
    needed = [name for name in own if not name.endswith(".num_batches_tracked")]
    if not needed or needed[0] in weights:
        return ""
    ends = [name.removesuffix(needed[0]) for name in weights if name.endswith(f".{needed[0]}")]
    whole = [before for before in ends if all(before + name in weights for name in needed)]
    return min(whole, key=len, default="")


def head(weights: Mapping[str, Tensor], own: Mapping[str, Tensor], classes: int) -> tuple[int, list[str]]:
    """How many classes the weights tell apart, and which tensors of the network hang on that number.

    The head of a network are those tensors whose first dimension differs between the file and the network, made for
    `classes` classes, if they are as many as the classes on both sides and equal otherwise; whatever its name is, and
    whatever other layers there are. Where nothing differs, the classes are the network's.
    """
    differing = [name for name in own if name in weights and own[name].shape != weights[name].shape]
    counts = {tuple(weights[name].shape[:1]) for name in differing}
    same = all(
        own[name].shape[:1] == (classes,) and own[name].shape[1:] == weights[name].shape[1:] for name in differing
    )
    if len(counts) == 1 and same and (count := counts.pop()):
        return count[0], differing
    return classes, []


def load_into(
    network: nn.Module, weights: Mapping[str, Tensor], source: str, *, classes: int | None = None
) -> list[str]:
    """Load weights into a network: all of them, and nothing of it is left as it was.

    Files of before torch 0.4.1 may lack the counts of batches that BatchNorm has kept since; they start at zero.

    Args:
        source: for messages.
        classes: of the network, to begin a training from weights whose head tells apart another number of them: it
            stays as it is.

    Returns:
        The names of the head that was left.

    Raises:
        InputError: a missing, an unexpected or a differently shaped tensor, or a value that is not finite.
    """
    own = network.state_dict()
    weights = fitted(weights, own, source)
    left = [] if classes is None else head(weights, own, classes)[1]
    counts = {name: torch.zeros_like(own[name]) for name in own if name.endswith("num_batches_tracked")}
    weights = {**counts, **weights}
    missing, unexpected = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    wrong = sorted(
        name for name in own.keys() & weights.keys() if own[name].shape != weights[name].shape and name not in left
    )
    if missing or unexpected or wrong:
        first = (missing or unexpected or wrong)[0]
        kind = "lacks" if missing else "has the unknown" if unexpected else "has another shape of"
        raise InputError(f"{source}: does not fit the network: it {kind} {first}; name its own `network`")
    for name in own:
        if own[name].is_floating_point() and not weights[name].is_floating_point():
            kind = f"{weights[name].dtype}".removeprefix("torch.")
            raise InputError(f"{source}: {name} holds {kind}, no floats (is it quantised?); choose plain weights")
    with reading(source, AGAIN):
        network.load_state_dict({**weights, **{name: own[name] for name in left}})
    check_finite(network, source)
    return left


def check_finite(network: nn.Module, source: str) -> None:
    """InputError where a parameter is not finite or a buffer is not a number: a training has diverged.

    Buffers may be infinite: masks of attention are.
    """
    for name, parameter in network.named_parameters():
        if not torch.isfinite(parameter).all():
            raise InputError(f"{source}: {name} is not finite (its training diverged); choose other weights")
    for name, tensor in network.named_buffers():
        if torch.isnan(tensor).any():
            raise InputError(f"{source}: {name} is not a number (its training diverged); choose other weights")
