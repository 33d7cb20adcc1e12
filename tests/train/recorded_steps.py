"""CUDA graphs played on a CPU: a step's operations are written down once, and repeated on the same tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Call = tuple[Any, tuple[Any, ...], dict[str, Any], list[Tensor]]


class Operations(TorchDispatchMode):
    """Writes down every operation on tensors; one whose result Python looks at breaks a capture, and this."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("called a synchronizing operation")
        result = function(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.calls.append((function, args, kwargs or {}, made))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        """Do it all again; what an operation made new is put where its first result lies."""
        for function, args, kwargs, made in self.calls:
            again = [leaf for leaf in tree_leaves(function(*args, **kwargs)) if isinstance(leaf, Tensor)]
            for old, new in zip(made, again, strict=True):
                if old.data_ptr() != new.data_ptr():  # else it is a view, or was written in place
                    old.detach().copy_(new)


class CpuRecorder:
    """In place of `CudaRecorder`, which it has the promises of."""

    recorded = 0
    replayed = 0

    def __init__(self, device: torch.device) -> None:
        assert device.type == "cpu"

    def warm_up(self, step: Callable[[], None]) -> None:
        for _ in range(2):
            with Operations():
                step()

    def record(self, step: Callable[[], None], generator: torch.Generator | None) -> Callable[[], None]:
        operations = Operations()
        with operations:
            step()
        CpuRecorder.recorded += 1

        def replay() -> None:
            CpuRecorder.replayed += 1
            operations.replay()

        return replay
