"""Networks: the Wide ResNet is the paper's, names and all; any factory can be named."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mixset._common.errors import InputError
from mixset.generate._networks.spec import foreign, network_spec, recorded
from mixset.generate._networks.wide_resnet import wide_resnet


def test_names_and_shapes_are_those_of_the_papers_checkpoints() -> None:
    state = wide_resnet(depth=40, width=4, num_classes=100).state_dict()
    assert sum(value.numel() for name, value in state.items() if "running" not in name and "num" not in name) == 8972340
    expected = {
        "conv1.weight": (16, 3, 3, 3),
        "block1.layer.0.bn1.weight": (16,),
        "block1.layer.0.conv1.weight": (64, 16, 3, 3),
        "block1.layer.0.conv_shortcut.weight": (64, 16, 1, 1),
        "block1.layer.5.conv2.weight": (64, 64, 3, 3),
        "block2.layer.0.conv_shortcut.weight": (128, 64, 1, 1),
        "block3.layer.5.bn2.running_var": (256,),
        "bn1.bias": (256,),
        "fc.weight": (100, 256),
    }
    assert {name: tuple(state[name].shape) for name in expected} == expected
    assert not any(name.startswith("block1.layer.1.conv_shortcut") for name in state)


def plain_wide_resnet(state: dict[str, Tensor], x: Tensor, blocks: int) -> Tensor:
    """The forward pass in eval mode, restated from the description of the reference network."""

    def norm(name: str, x: Tensor) -> Tensor:
        keys = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.{key}"] for key in keys))

    x = F.conv2d(x, state["conv1.weight"], padding=1)
    for stage in (1, 2, 3):
        for index in range(blocks):
            name = f"block{stage}.layer.{index}"
            stride = 2 if stage > 1 and index == 0 else 1
            active = norm(f"{name}.bn1", x).relu()
            out = F.conv2d(active, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            out = F.conv2d(norm(f"{name}.bn2", out).relu(), state[f"{name}.conv2.weight"], padding=1)
            if f"{name}.conv_shortcut.weight" in state:
                x = F.conv2d(active, state[f"{name}.conv_shortcut.weight"], stride=stride)
            x = x + out
    x = F.avg_pool2d(norm("bn1", x).relu(), 8).flatten(1)
    return F.linear(x, state["fc.weight"], state["fc.bias"])


def test_forward_is_the_reference_networks() -> None:
    torch.manual_seed(0)
    network = wide_resnet(depth=16, width=2, dropout=0.3, num_classes=7).eval()
    for name, value in network.state_dict().items():
        if "running" in name or "bn" in name:
            value.copy_(torch.rand_like(value.float()) + 0.5)
    x = torch.randn(3, 3, 32, 32)
    expected = plain_wide_resnet(network.state_dict(), x, blocks=2)
    torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-4)


def test_dropout_acts_in_training_only() -> None:
    network = wide_resnet(depth=10, width=1, dropout=0.5)
    x = torch.randn(2, 3, 32, 32)
    network.eval()
    assert torch.equal(network(x), network(x))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0
    network.train()
    assert not torch.equal(network(x), network(x))


def test_a_factory_is_found_by_name() -> None:
    spec = network_spec("torchvision.models:mobilenet_v2", classes=5)
    assert spec.build().eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 5)
    assert network_spec("resnet18", classes=3).to_json() == {"name": "resnet18", "arguments": {"num_classes": 3}}
    wide = network_spec("wrn-16-2", classes=3, dropout=0.3)
    assert recorded(wide.to_json()) == ("wrn-16-2", {"num_classes": 3, "dropout": 0.3})
    built = sum(weight.numel() for name, weight in wide.build().named_parameters() if weight.ndim > 1)
    assert wide.parameters() == built


def test_those_of_timm_and_of_the_wheel_are_built_with_their_classes() -> None:
    for name, package in (("timm:test_resnet", "timm"), ("efficientnet_lite0", "efficientnet_lite_pytorch")):
        pytest.importorskip(package)
        assert network_spec(name, classes=5).build().eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 5)
    assert network_spec("test_resnet", classes=5).name == "timm:test_resnet"
    with pytest.raises(InputError, match="timm does not make it"):
        network_spec("timm:nothing_like_it", classes=5).build()


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (("pixmix.train.networks.wide_resnet:wide_resnet", {"depth": 40, "width": 4, "num_classes": 7}), "wrn-40-4"),
        (("torchvision.models:resnet18", {"num_classes": 7}), "resnet18"),
        (("torchvision.models:vgg", {"num_classes": 7}), "torchvision.models:vgg"),
        (("my_net:small", {"num_classes": 7}), "my_net:small"),
    ],
)
def test_runs_of_0_1_0_are_read(entry: tuple[str, dict[str, int]], name: str) -> None:
    assert recorded({"factory": entry[0], "arguments": entry[1]}) == (name, {"num_classes": 7})


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("wrn-40-4", False), ("resnet18", False), ("timm:resnet50.a1_in1k", False), ("efficientnet_lite0", False),
        ("timm:hf-hub:a/b", True), ("timm:local-dir:/x", True), ("run:x", True), ("os:system", True), (":", True),
    ],
)  # fmt: skip
def test_what_files_may_not_name(name: str, others: bool) -> None:
    assert foreign(name) is others


@pytest.mark.parametrize(
    "name",
    [
        "wrn-41-4",
        "wrn-4-1",
        "resnet7",
        "no.such:thing",
        "math:nothing",
        ":",
        ".x:y",
        "a:",
        "wrn-10-99999999999",
        "wrn-10-20000",
    ],
)
def test_an_unknown_network_is_named(name: str) -> None:
    with pytest.raises(InputError, match=name):
        network_spec(name, classes=10).build()
