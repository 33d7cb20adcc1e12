"""LogitNorm (Wei et al., 2022): cross entropy of logits of one length, so that training cannot grow them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ._base import Method, Setting

FLOOR = 1e-7
"""Added to the length of the logits (the authors' code)."""


class LogitNorm(Method):
    """The cross entropy of z / (|z| + 1e-7) / tau. At test the logits are as they are.

    Nothing trains the lengths of the logits, so confidences of the network, and its calibration, are not those of the
    loss.

    Args:
        temperature: tau, above 0.
    """

    name = "logitnorm"
    in_graph = True

    def __init__(self, *, temperature: float) -> None:
        self.temperature = temperature

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        lengths = logits.norm(dim=1, keepdim=True) + FLOOR
        return functional.cross_entropy(logits / lengths / self.temperature, targets)


def make(name: str, setting: Setting) -> Method:
    """LogitNorm with the settings' temperature."""
    return LogitNorm(temperature=setting.settings.logitnorm.temperature)
