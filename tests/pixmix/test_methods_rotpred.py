"""RotPred: the turns, the second head, the loss, and that the network by itself is as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18

from mixset._common.errors import InputError
from mixset.generate._networks.wide_resnet import WideResNet
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._base import StepKey
from pixmix.methods._rival_settings import RotPredSettings
from pixmix.methods._rotpred import RotPred, TurnTelling

REST = {"network": nn.Identity(), "key": StepKey(seed=0, epoch=0, step=0), "classes": 5}


def make(name: str = "rotpred", *, size: Any = (16, 16), **options: Any) -> Any:
    half = (0.5, 0.5, 0.5)
    return make_method(name, classes=5, size=size, mean=half, std=half, **options)


def test_rows_are_the_images_turned_counter_clockwise() -> None:
    images = torch.rand(6, 3, 8, 8)
    rows, targets = make().batch(images, torch.arange(6) % 5, **REST)
    turned = [np.rot90(images.numpy(), turns, axes=(2, 3)) for turns in range(4)]
    np.testing.assert_array_equal(rows.numpy(), np.concatenate(turned))
    assert torch.equal(rows[6:12, :, 7 - 2, 3], images[:, :, 3, 2])  # what was on the left is now below
    assert targets.tolist() == [0, 1, 2, 3, 4, 0]


def test_the_loss_is_of_the_unturned_and_of_all_turns() -> None:
    random = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(4 * 6, 9, generator=random), torch.arange(6) % 5
    turns = torch.tensor([0] * 6 + [1] * 6 + [2] * 6 + [3] * 6)
    plain, told = functional.cross_entropy(outputs[:6, :5], targets), functional.cross_entropy(outputs[:, 5:], turns)
    torch.testing.assert_close(make().loss(outputs, targets), plain + told)
    half = make(settings=MethodSettings(rotpred=RotPredSettings(weight=0.5)))
    torch.testing.assert_close(half.loss(outputs, targets), plain + told / 2)


@pytest.mark.parametrize("made", [lambda: WideResNet(10, 1, 0.0, 5), lambda: resnet18(num_classes=5)])
def test_the_second_head_sees_what_the_classifier_sees(made: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    network = made().eval()
    state, keys = copy.deepcopy(network.state_dict()), list(network.state_dict())
    extended = make().extend(network)
    assert isinstance(extended, TurnTelling) and any(module is network for module in extended.modules())
    images = torch.rand(4, 3, 32, 32)
    outputs = extended.eval()(images)
    assert outputs.shape == (4, 9)
    torch.testing.assert_close(outputs[:, :5], network(images))
    assert extended.head.in_features == network.fc.in_features
    with torch.no_grad():  # the same weights on both heads, so the same numbers
        extended.head.weight.copy_(network.fc.weight[:4])
        extended.head.bias.copy_(network.fc.bias[:4])
    torch.testing.assert_close(extended(images)[:, 5:], outputs[:, :4])
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert list(network.state_dict()) == keys
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_both_heads_learn() -> None:
    torch.manual_seed(0)
    method = make()
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 8), nn.ReLU(), nn.Linear(8, 5))
    extended = method.extend(network)
    images, targets = method.batch(torch.rand(10, 3, 16, 16), torch.arange(10) % 5, **REST)
    method.loss(extended(images), targets).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in extended.parameters())
    assert extended.head.weight.grad.shape == (4, 8)  # at the last layer, not at the first


def test_composes_with_what_changes_images() -> None:
    both = make("mix-input+rotpred", engine="pillow")
    assert (both.views, both.batch_views) == (1, 4)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    assert isinstance(both.extend(network), TurnTelling)
    with pytest.raises(InputError, match="cutmix and rotpred both change each batch"):
        make("cutmix+rotpred")


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(InputError, match="must be square, not 16x24"):
        make(size=(16, 24))
    with pytest.raises(InputError, match="no linear layer"):
        RotPred(classes=5).extend(nn.Conv2d(3, 5, 1))
