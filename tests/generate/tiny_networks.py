"""Networks of a few layers, each with what can go wrong when layers are listed or batch norms folded."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations


def drawn(body: nn.Module, seed: int = 0) -> nn.Module:
    """The network in eval mode, parameters and statistics drawn anew: fresh batch norms would do next to nothing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in body.parameters():
            tensor.normal_(0, 0.4, generator=generator)
        for module in body.modules():
            if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.5, generator=generator)
                module.running_var.uniform_(0.3, 3, generator=generator)
    return body.eval()


def conv(inputs: int = 6, outputs: int = 6, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, **{"padding": 1} | options)


class Same(nn.Conv2d):
    """A convolution that pads in its own forward."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(x, (1, 2, 0, 1)), self.weight, self.bias, self.stride)


class Standardised(nn.Conv2d):
    """A convolution that does not use its weight as it is."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight / self.weight.norm(), self.bias)


class Remade(nn.Conv2d):
    """A convolution whose weight is no parameter, but made anew in each pass, as by `torch.nn.utils.weight_norm`."""

    def __init__(self, *arguments: int) -> None:
        super().__init__(*arguments)
        self.direction = self.weight
        del self.weight
        self.weight = self.direction.detach()

    def forward(self, x: Tensor) -> Tensor:
        self.weight = self.direction / self.direction.norm()
        return super().forward(x)


class Activated(nn.Conv2d):
    """A convolution with an activation in it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu_()


class ActivatedNorm(nn.BatchNorm2d):
    """A batch norm with an activation in it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


class PreActivated(nn.Module):
    """norm1-relu-conv1-norm2-relu-conv2 beside a shortcut: only norm2 follows a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(6), conv(bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(6), conv()

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(self.norm1(x).relu())
        return x + self.conv2(self.norm2(out).relu())


class UsedTwice(nn.Module):
    """A convolution whose output goes to a batch norm and past it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(3), nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.norm(x) * x


class CalledTwice(nn.Module):
    """One convolution, called twice, each time with a batch norm behind it."""

    def __init__(self, norms: int) -> None:
        super().__init__()
        self.stem, self.conv = conv(3), conv()
        self.norms = nn.ModuleList(nn.BatchNorm2d(6) for _ in range(norms))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for turn in range(2):
            x = self.norms[turn % len(self.norms)](self.conv(x)).relu()
        return x


class SharedNorm(nn.Module):
    """A batch norm of a convolution and of something else."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(3), nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.norm(self.conv(x)).relu())


class TwoNorms(nn.Module):
    """Two batch norms of one convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.one, self.other = conv(3), nn.BatchNorm2d(6), nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.one(x) + self.other(x)


class Tied(nn.Module):
    """A convolution whose weight is used a second time, by another operation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(3), nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(self.norm(self.conv(x)), self.conv.weight, padding=1)


class Returned(nn.Module):
    """A network that returns a convolution's output beside its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(3), nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> dict[str, list[Tensor]]:
        features = self.conv(x)
        return {"all": [self.norm(features).relu(), features]}


class InPlaceBetween(nn.Module):
    """An operation in place between convolution and batch norm: the tensor is the same object, its content is not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(3), nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(functional.relu(self.conv(x), inplace=True))


class Tupled(nn.Module):
    """A stem, and a module that returns a tuple, with a convolution in it."""

    class Split(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = conv(4, 8), nn.BatchNorm2d(8)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            first, second = self.norm(self.conv(x)).chunk(2, 1)
            return first, second

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.split, self.head = conv(3, 4), self.Split(), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.split(self.stem(x))
        return self.head((first * second).mean((2, 3)))


class Elsewhere(nn.Module):
    """A batch norm that the network holds twice, and calls by a list that is no ModuleList."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(3), nn.BatchNorm2d(6)
        self.again, self.steps = self.norm, [self.conv, self.norm]

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x


def plain() -> nn.Module:
    """Two of conv-norm-relu, one without bias, and logits."""
    return nn.Sequential(
        conv(3), nn.BatchNorm2d(6), nn.ReLU(), conv(bias=False, stride=2), nn.BatchNorm2d(6, affine=False), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4),
    )  # fmt: skip


def in_index() -> nn.Module:
    return nn.Sequential(conv(3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), conv(), nn.ReLU(inplace=True))


def depthwise() -> nn.Module:
    """Depthwise and pointwise convolutions, batch norms of another epsilon."""
    return nn.Sequential(
        conv(3), nn.BatchNorm2d(6, eps=0.3), conv(groups=6), nn.BatchNorm2d(6), nn.ReLU6(),
        nn.Conv2d(6, 8, 1, groups=2), nn.SyncBatchNorm(8),
    )  # fmt: skip


class Case(NamedTuple):
    """A network and its convolutions that can be folded into."""

    body: nn.Module
    folded: set[str]


def cases() -> dict[str, Case]:
    """Each kind of network by name; all take (N, 3, H, W)."""
    stack = nn.Sequential
    norm = nn.BatchNorm2d(6)
    return {
        name: Case(drawn(body), set(convolutions))
        for name, (body, convolutions) in {
            "plain": (plain(), ["0", "3"]),
            "in place": (in_index(), ["0"]),
            "depthwise": (depthwise(), ["0", "2", "5"]),
            "pre-activated": (stack(conv(3), nn.ReLU(), PreActivated(), PreActivated()), ["2.conv1", "3.conv1"]),
            "pads itself": (stack(Same(3, 6, 4, stride=2), norm), ["0"]),
            "circular": (stack(conv(3, padding_mode="circular", dilation=2, padding="same"), norm), ["0"]),
            "inner container": (stack(stack(conv(3)), nn.Identity(), nn.BatchNorm2d(6)), ["0.0"]),
            "tuple": (Tupled(), ["split.conv"]),
            "held elsewhere": (Elsewhere(), ["conv"]),
            "standardised": (stack(Standardised(3, 6, 3), nn.BatchNorm2d(6)), []),
            "weight norm": (stack(parametrizations.weight_norm(conv(3)), nn.BatchNorm2d(6)), []),
            "old weight norm": (stack(Remade(3, 6, 3), nn.BatchNorm2d(6)), []),
            "activated": (stack(Activated(3, 6, 3), nn.BatchNorm2d(6)), []),
            "activated norm": (stack(conv(3), ActivatedNorm(6)), []),
            "no statistics": (stack(conv(3), nn.BatchNorm2d(6, track_running_stats=False)), []),
            "transposed": (stack(nn.ConvTranspose2d(3, 6, 3), nn.BatchNorm2d(6)), []),
            "used twice": (UsedTwice(), []),
            "called twice": (CalledTwice(2), []),
            "both called twice": (CalledTwice(1), []),
            "shared norm": (SharedNorm(), []),
            "two norms": (TwoNorms(), []),
            "tied": (Tied(), []),
            "returned": (Returned(), []),
            "in place between": (InPlaceBetween(), []),
        }.items()
    }


def random() -> nn.Module:
    """A network with weights from torch's global generator, and in training mode, as a user's function may give it."""
    return plain()


def failing() -> nn.Module:
    raise ZeroDivisionError("no luck\nat all")


def leaving() -> nn.Module:
    raise SystemExit(3)


def classes(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, num_classes))
