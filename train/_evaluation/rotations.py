"""The rotation head of a run that was trained by RotPred, which its checkpoints keep and its weights do not."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mixset._common.errors import InputError, reading
from pixmix.scores import Head

from .._runs import checkpoints
from .._runs.run_folder import RunFolder

_REMEDY = "score rotpred: needs the rotation head of a run that was trained by rotpred, whose checkpoints keep it"


def rotation_head(run: RunFolder | None) -> Head:
    """The head in the run's newest checkpoint.

    Raises:
        InputError: there is no run, no checkpoint, or none with such a head.
    """
    path = None if run is None else checkpoints.newest_checkpoint(run.path).path
    if path is None:
        raise InputError(f"{_REMEDY}; there is none")
    state = checkpoints.load(path)
    with reading(f"checkpoint {path}", "name another run"):
        extended = state.get("extended", {})
        # The network itself lies below `network.`; what is left is the head.
        own = {name: value for name, value in extended.items() if ".network." not in name}
        weight, bias = (_of_name(own, part) for part in ("head.weight", "head.bias"))
        if weight is not None and bias is not None and len(weight) == len(bias) == 4:
            return Head(weight.float().numpy(), bias.float().numpy())
    raise InputError(f"{_REMEDY}; {path} has none")


def _of_name(tensors: Mapping[str, Tensor], end: str) -> Tensor | None:
    return next((tensor for name, tensor in tensors.items() if name.endswith(end)), None)
