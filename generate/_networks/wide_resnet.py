"""Wide residual networks (Zagoruyko & Komodakis, BMVC 2016), with the parameter names of the paper's checkpoints."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """BN-ReLU-conv3-BN-ReLU-dropout-conv3 beside a shortcut; where channels change, both start from the first ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.dropout = dropout
        self.conv_shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x))
        out = F.relu(self.bn2(self.conv1(active)))
        if self.dropout > 0:
            out = F.dropout(out, self.dropout, self.training)
        shortcut = x if self.conv_shortcut is None else self.conv_shortcut(active)
        return shortcut + self.conv2(out)


class NetworkBlock(nn.Module):
    """A stage: blocks of one width, the first with the stride. Its `layer` is part of the checkpoints' names."""

    def __init__(self, blocks: int, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.layer = nn.Sequential(
            *(
                BasicBlock(inputs if i == 0 else outputs, outputs, stride if i == 0 else 1, dropout)
                for i in range(blocks)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class WideResNet(nn.Module):
    """Three stages of widths 16w, 32w, 64w over (N, 3, H, W) network inputs; the paper uses 40-4 at 32 px.

    The average is taken over the whole last map, which at 32 px is the original's 8 x 8 window.
    """

    def __init__(self, depth: int, width: int, dropout: float, num_classes: int) -> None:
        super().__init__()
        blocks = (depth - 4) // 6
        widths = (16, 16 * width, 32 * width, 64 * width)
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.block1 = NetworkBlock(blocks, widths[0], widths[1], 1, dropout)
        self.block2 = NetworkBlock(blocks, widths[1], widths[2], 2, dropout)
        self.block3 = NetworkBlock(blocks, widths[2], widths[3], 2, dropout)
        self.bn1 = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                area = module.kernel_size[0] * module.kernel_size[1]
                nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / (area * module.out_channels)))
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


def wide_resnet(*, depth: int = 40, width: int = 4, dropout: float = 0.0, num_classes: int = 10) -> WideResNet:
    """A Wide ResNet of `depth` = 6 n + 4 layers."""
    return WideResNet(depth, width, dropout, num_classes)
