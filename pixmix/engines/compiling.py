"""Functions of tensors, compiled where that pays: on GPUs that Triton compiles for."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

_FAILED: set[Callable] = set()
"""What could not be compiled on this machine."""


def run_compiled(function: Callable[..., Tensor], first: Tensor, *arguments: Any) -> Tensor:
    """`function(first, *arguments)`, compiled if `first` lies on a GPU; as it is, with a warning, if that fails."""
    if first.device.type != "cuda" or not _has_triton() or function in _FAILED:
        return function(first, *arguments)
    try:
        return compiled(function)(first, *arguments)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a missing C compiler, an old GPU: many kinds, none of which may end a training
        result = function(first, *arguments)
        _FAILED.add(function)
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        warnings.warn(f"PixMix is not compiled and slower here: {line}", RuntimeWarning, stacklevel=2)
        return result


@cache
def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function through torch.compile, once for each function."""
    return torch.compile(function)


@cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None
