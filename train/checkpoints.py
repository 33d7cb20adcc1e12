"""Checkpoints: written atomically, read without running code, weights of other projects among them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset.errors import InputError
from mixset.partials import write_atomically


def save(state: Mapping[str, Any], path: Path) -> None:
    """Write `state` (tensors and plain values) so that `path` is at any time the old file or the new one."""
    # In memory first: on a full disk torch.save hides the reason behind an assertion of its own.
    content = io.BytesIO()
    torch.save(dict(state), content)
    write_atomically(path, content.getvalue())


def load(path: Path) -> Any:
    """Read a checkpoint on the CPU, tensors and plain values alone (`weights_only`).

    NumPy scalars are let through: the paper's CIFAR checkpoints hold their best accuracy as one.

    Raises:
        InputError: no such file, not a checkpoint, damaged, or with objects that would run code when read.
    """
    scalars = [np.dtype, type(np.dtype(np.float64)), type(np.dtype(np.float32)), type(np.dtype(np.int64))]
    # Files name this function by its home before NumPy 2 and after it.
    reader: Any = np.float64(0).__reduce__()[0]
    allowed = [*scalars, (reader, "numpy.core.multiarray.scalar"), (reader, "numpy._core.multiarray.scalar")]
    try:
        with torch.serialization.safe_globals(allowed):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"checkpoint {path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"checkpoint {path}: is a folder; name the file in it, for example weights.pt") from None
    except pickle.UnpicklingError:
        raise InputError(
            f"checkpoint {path}: holds more than tensors and plain values, or is no checkpoint; it is not read, since "
            "reading could run its code"
        ) from None
    except OSError as error:
        raise InputError(f"checkpoint {path}: cannot be read ({error.strerror})") from None
    except Exception as error:  # of a file that is something else, torch's reader may stumble over anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"checkpoint {path}: damaged or no checkpoint ({reason}); fetch or make it again") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """The network's weights from a file of ours, torchvision's, or one that a paper released, by plain names.

    Takes a bare state dict (ours, torchvision, outlier exposure) or one under `state_dict` (PixMix, AugMix, CutMix,
    Stylized-ImageNet), `model_state_dict` (the game of noise) or `model` (the adversarially trained ones). `module.`,
    which DataParallel puts before each name, goes; of a network that was saved with its normaliser and its attacker,
    the network alone stays.

    Raises:
        InputError: as `load`, or there are no weights in the file.
    """
    content = load(path)
    for name in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"checkpoint {path}: holds no weights (looked for a state_dict, model_state_dict or model)")
    weights = {str(name).removeprefix("module."): value for name, value in content.items()}
    parts = {name.split(".")[0] for name in weights}
    if {"model", "attacker"} <= parts <= {"model", "attacker", "normalizer"}:
        own = {name: value for name, value in weights.items() if name.startswith("model.")}
        weights = {name.removeprefix("model."): value for name, value in own.items()}
    # The original Wide ResNet code, which outlier exposure's files come from, has this one name spelt otherwise.
    return {name.replace(".convShortcut.", ".conv_shortcut."): value for name, value in weights.items()}


def architecture(path: Path) -> str | None:
    """Which network a file of weights says it is of (the paper's ImageNet files do); None where it does not."""
    content = load(path)
    name = content.get("arch") if isinstance(content, Mapping) else None
    return name if isinstance(name, str) else None


def load_into(network: nn.Module, weights: Mapping[str, Tensor], source: str) -> list[str]:
    """Load weights strictly, but leave a head of another number of classes as it is; returns the names left.

    Files of before torch 0.4.1 may lack the counts of batches that BatchNorm has kept since; they start at zero.

    Raises:
        InputError: a missing, an unexpected or a differently shaped tensor anywhere else.
    """
    own = network.state_dict()
    heads = [name for name in weights if name in own and name.rsplit(".", 1)[0] in ("fc", "head", "classifier")]
    left = [name for name in heads if weights[name].shape != own[name].shape]
    counts = {name: torch.zeros_like(own[name]) for name in own if name.endswith(".num_batches_tracked")}
    weights = {**counts, **weights}
    missing, unexpected = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    wrong = [
        name for name in own.keys() & weights.keys() if own[name].shape != weights[name].shape and name not in left
    ]
    if missing or unexpected or wrong:
        first = (missing or unexpected or sorted(wrong))[0]
        kind = "lacks" if missing else "has the unknown" if unexpected else "has another shape of"
        raise InputError(f"{source}: does not fit the network: it {kind} {first}; choose its own --network")
    network.load_state_dict({**weights, **{name: own[name] for name in left}})
    return left
