"""Padding within convolutions: absorbed where that changes nothing."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from mixset.generate._fvis.padding import absorb_padding


class Padded(nn.Conv2d):
    """A convolution that pads its input itself."""

    def __init__(self, pad: tuple[int, int, int, int] = (1, 1, 2, 2), **options: object) -> None:
        super().__init__(3, 4, (5, 3), **options)
        self.static_padding = nn.ZeroPad2d(pad)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.static_padding(x)
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Stubborn(Padded):
    """One that does not look at `padding`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(self.static_padding(x), self.weight, self.bias, self.stride)


class Choosy(Padded):
    """One that takes small images only."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] > 20:
            raise RuntimeError("too large")
        return super().forward(x)


class Mirrored(Padded):
    """One whose padding is not of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.static_padding = nn.ReflectionPad2d(1)  # type: ignore[assignment]


def shared() -> nn.Module:
    body = nn.ModuleDict({"0": Padded(), "other": Padded()})
    body["other"].static_padding = body["0"].static_padding
    return body


@pytest.mark.parametrize(
    ("body", "absorbed"),
    [
        (nn.ModuleDict({"0": Padded()}), True),
        (nn.ModuleDict({"0": Padded(stride=2)}), True),
        (nn.ModuleDict({"0": Padded((1, 2, 2, 2))}), False),
        (nn.ModuleDict({"0": Padded((1, 1, 0, 2))}), False),
        (nn.ModuleDict({"0": Padded(padding=1)}), False),
        (nn.ModuleDict({"0": Stubborn()}), False),
        (nn.ModuleDict({"0": Choosy()}), False),
        (nn.ModuleDict({"0": Mirrored()}), False),
        (shared(), False),
    ],
    ids=["plain", "stride", "left", "top", "own", "stubborn", "choosy", "mirrored", "shared"],
)
def test_only_what_changes_nothing_is_absorbed(body: nn.ModuleDict, absorbed: bool) -> None:
    image = torch.randn(2, 3, 17, 19)
    before = copy.deepcopy(body)["0"](image)
    absorb_padding(body, keep=[])
    assert isinstance(body["0"].static_padding, nn.Identity) == absorbed
    assert torch.allclose(body["0"](image), before, atol=1e-5)


def test_a_padding_that_is_looked_at_stays() -> None:
    body = nn.ModuleDict({"0": Padded(), "1": Padded()})
    absorb_padding(body, keep=["0.static_padding", "1"])
    assert isinstance(body["0"].static_padding, nn.ZeroPad2d)
    assert isinstance(body["1"].static_padding, nn.Identity)
