"""Functions of tensors, compiled where that pays: on GPUs that Triton compiles for."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

_OPTIONS: dict[str, Any] = {"assert_indirect_indexing": False}
"""Of Inductor, for all; places are the host's own."""
_FUSED = {"realize_reads_threshold": 1000, "realize_acc_reads_threshold": 1000, "realize_opcount_threshold": 10_000}
"""What is used often is computed again; the work of compiling doubles with each use, so only short functions can."""
_FAILED: set[Callable] = set()
"""What could not be compiled on this machine."""


def run_compiled(
    function: Callable[..., Tensor], *arguments: Any, varying: Sequence[Tensor] = (), fused: bool = False
) -> Tensor:
    """`function(*arguments)`, compiled where that pays; as it is, with a warning, if that fails.

    Args:
        function: of tensors.
        arguments: its own; the first is a tensor, on whose device it depends whether to compile.
        varying: those of the arguments whose length is another at each call, for which it is compiled once.
        fused: make one kernel of it, whatever is then computed more than once.
    """
    if not compiles(function, arguments[0]) or any(len(tensor) < 2 for tensor in varying):
        return function(*arguments)
    try:
        for tensor in varying:
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
        return compiled(function, fused)(*arguments)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a missing C compiler, an old GPU: many kinds, none of which may end a training
        result = function(*arguments)
        _FAILED.add(function)
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        warnings.warn(f"PixMix runs slower: {function.__name__} cannot be compiled here: {line}", stacklevel=2)
        return result


def compiles(function: Callable[..., Tensor], first: Tensor) -> bool:
    """Whether the function is compiled for the device of `first`."""
    return first.device.type == "cuda" and _has_triton() and function not in _FAILED


@cache
def compiled(function: Callable[..., Tensor], fused: bool) -> Callable[..., Tensor]:
    """The function through torch.compile, once for each function."""
    return torch.compile(function, options=_OPTIONS | (_FUSED if fused else {}))


@cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None
