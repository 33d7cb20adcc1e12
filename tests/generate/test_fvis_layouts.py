"""Layouts of layers: channels-last maps and tokens are found by runs at two sizes, and what has no units is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError
from mixset.generate import FVisRecipe
from mixset.generate._fvis.layers import choose_layers, list_layers
from mixset.generate._fvis.layouts import as_map
from mixset.generate._fvis.objectives import Unit, direction_of, scores
from mixset.generate._fvis.optimise import visualise
from mixset.generate._fvis.rendering import render_all
from mixset.generate._fvis.tapped import Tapped
from mixset.generate._fvis.wobble import RandomAffine

pytestmark = pytest.mark.usefixtures("one_thread")

HALF, ONE = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)


class Formed(nn.Module):
    """Brings a map (N, C, H, W) into another form."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form

    def forward(self, x: Tensor) -> Tensor:
        count, channels = x.shape[:2]
        tokens = x.flatten(2).transpose(1, 2)
        if self.form.startswith("tokens"):  # "tokens+2": behind two others
            prefix = tokens.new_full((count, int(self.form.partition("+")[2] or 0), channels), 1e3)
            return torch.cat([prefix, tokens], 1)
        forms = {
            "last": lambda: x.permute(0, 2, 3, 1),
            "heads": lambda: tokens.unflatten(2, (2, channels // 2)).transpose(1, 2),
            "attention": lambda: (tokens @ tokens.transpose(1, 2))[:, None].expand(-1, 3, -1, -1),
            "whole attention": lambda: tokens @ tokens.transpose(1, 2),
            "windows": lambda: x.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 4, 5, 1).flatten(0, 2).flatten(1, 2),
            "last tokens": lambda: x.flatten(2),
            "rows": lambda: x.mean(3, keepdim=True).expand(-1, -1, -1, 5),
        }
        return forms[self.form]()


class Forms(nn.Module):
    """A convolution, and its output in several forms; `others` are reached at one size alone."""

    def __init__(self, *forms: str, size: int | None = None, tokens: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 4, stride=4)
        self.size, self.form = size, nn.ModuleList(map(Formed, forms))
        self.tokens = Formed("tokens") if tokens else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        assert self.size in (None, x.shape[2]), "of one size alone"
        x = self.conv(x)
        self.tokens(x)
        for form in self.form:
            form(x)
        return x


@pytest.mark.parametrize("size", [16, 36, 64])
@pytest.mark.parametrize(
    ("form", "layout"), [("last", "NHWC"), ("tokens", "NTC"), ("tokens+1", "NTC+1"), ("tokens+5", "NTC+5")]
)
def test_layouts_are_found_at_any_size(form: str, layout: str, size: int) -> None:
    layers = {layer.name: layer for layer in list_layers(Forms(form), size)}
    assert layers["conv"][2:] == (6, size // 4, size // 4, "NCHW", "")
    assert layers["form.0"][2:] == (6, size // 4, size // 4, layout, "")


@pytest.mark.parametrize("form", ["last", "tokens", "tokens+1", "tokens+5"])
def test_a_map_comes_back_from_its_form(form: str) -> None:
    maps = torch.randn(2, 6, 4, 4)
    layout = {"last": "NHWC"}.get(form, form.replace("tokens", "NTC"))
    assert torch.equal(as_map(Formed(form)(maps), layout), maps)
    assert torch.equal(as_map(maps, "NCHW"), maps)
    assert torch.equal(as_map(maps[:, :, 0, 0], "NC"), maps[:, :, :1, :1])


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("heads", "single heads of attention, or an attention map"),
        ("attention", "single heads of attention, or an attention map"),
        ("whole attention", "it is an attention map"),
        ("windows", "its first axis does not count the images"),
        ("last tokens", "its channels come before its tokens"),
        ("rows", "of its axes 2 follow the images' size"),
    ],
)
def test_what_has_no_units_is_refused_with_a_reason(form: str, reason: str) -> None:
    layers = list_layers(Forms(form), 16)
    with pytest.raises(InputError, match=rf"^layers: form\.0 has no units to visualise: .*{reason}"):
        choose_layers(layers, ["form.0"])
    with pytest.raises(InputError, match=reason):
        choose_layers(layers, ["form.?"])
    assert [layer.name for layer in choose_layers(layers, ["*"])] == ["conv", "tokens"]


def test_without_tokens_heads_are_refused_too() -> None:
    layers = list_layers(Forms("heads", tokens=False), 16)
    with pytest.raises(InputError, match="of its axes 2 follow the images' size"):
        choose_layers(layers, ["form.0"])


class TestNetworksOfOneSize:
    body = Forms("last", "tokens+1", size=16)

    def test_what_torch_defines_is_known_and_the_rest_is_not_guessed(self) -> None:
        layers = list_layers(self.body, 16)
        assert [layer.name for layer in choose_layers(layers, ["*"])] == ["conv"]
        with pytest.raises(InputError, match=r"form\.1 has no units to visualise: runs at other sizes do not tell"):
            choose_layers(layers, ["form.1"])

    @pytest.mark.parametrize(("layout", "name"), [("NHWC", "form.0"), ("NTC+1", "form.1")])
    def test_a_layout_can_be_given(self, layout: str, name: str) -> None:
        chosen = choose_layers(list_layers(self.body, 16, layout), [name])
        assert [layer[2:] for layer in chosen] == [(6, 4, 4, layout, "")]

    def test_given_tokens_have_to_be_a_square(self) -> None:
        with pytest.raises(InputError, match="its 17 tokens less 0 are no square of patches"):
            choose_layers(list_layers(self.body, 16, "NTC"), ["form.1"])

    @pytest.mark.parametrize("layout", ["nchw", "NCT", "NTC+", "NTC+0", "NTC-1", "NTC+1x", "NCX", 3])
    def test_unknown_ones_are_refused(self, layout: Any) -> None:
        with pytest.raises(InputError, match=r"^layout: "):
            FVisRecipe(network="x:y", layout=layout)


def test_a_map_that_is_the_same_at_all_sizes_is_told_by_torchs_own_modules() -> None:
    body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.ReLU())
    layers = list_layers(body, 16)
    assert [layer.layout for layer in layers] == ["NCHW", "NCHW", "", "NCHW", "NCHW"]


class TestTimm:
    """timm's transformers, small and with random weights."""

    @staticmethod
    def vit(**changes: Any) -> nn.Module:
        pytest.importorskip("timm")
        from timm.models.vision_transformer import VisionTransformer

        torch.manual_seed(0)
        return VisionTransformer(
            **{"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 4, "num_heads": 2, "num_classes": 5} | changes
        ).eval()

    @pytest.mark.parametrize(
        ("changes", "layout"),
        [
            ({}, "NTC+1"),
            ({"dynamic_img_size": True, "qk_norm": True}, "NTC+1"),
            ({"reg_tokens": 4, "dynamic_img_size": True}, "NTC+5"),
            ({"class_token": False, "global_pool": "avg"}, "NTC"),
        ],
    )
    def test_vision_transformers(self, changes: dict[str, Any], layout: str) -> None:
        layers = list_layers(self.vit(**changes), 32)
        hidden = [f"blocks.{block}.mlp.act" for block in range(4)]
        assert [layer.name for layer in choose_layers(layers, ["all"])] == hidden
        assert [layer.name for layer in choose_layers(layers, ["early"])] == hidden[:1]
        by_name = {layer.name: layer for layer in layers}
        assert by_name["blocks.3.mlp.act"][2:] == (96, 4, 4, layout, "")
        assert by_name["patch_embed.norm"].channels == 24
        assert by_name["head"][2:] == (5, 1, 1, "NC", "")
        with pytest.raises(InputError, match="attention"):
            choose_layers(layers, ["blocks.0.attn.q_norm"])

    def test_swin_has_channels_last(self) -> None:
        pytest.importorskip("timm")
        from timm.models.swin_transformer import SwinTransformer

        torch.manual_seed(0)
        body = SwinTransformer(
            img_size=32, patch_size=2, window_size=4, embed_dim=12, depths=(2, 2), num_heads=(2, 2), num_classes=5
        )
        layers = {layer.name: layer for layer in list_layers(body.eval(), 32)}
        assert layers["layers.0.blocks.0"][2:] == (12, 16, 16, "NHWC", "")
        assert layers["layers.1.blocks.1"][2:] == (24, 8, 8, "NHWC", "")
        assert layers["layers.0.blocks.0.mlp.act"][2:] == (48, 16, 16, "NTC", "")
        assert "does not count the images" in layers["layers.0.blocks.0.attn.qkv"].refusal
        assert [layer.name for layer in choose_layers(list(layers.values()), ["early"])] == [
            "layers.0.blocks.0.mlp.act"
        ]

    def test_another_size_than_the_networks_gets_a_remedy(self) -> None:
        with pytest.raises(InputError, match=r"cannot take an image of 48×48 pixels .*dynamic_img_size=True"):
            list_layers(self.vit(), 48)

    def test_scores_are_of_patch_tokens_without_the_class_token(self) -> None:
        body = self.vit()
        images, units = torch.rand(2, 3, 32, 32), [Unit("blocks.2.mlp.act", 7), Unit("blocks.2.mlp.act", 90)]
        tapped = Tapped(body, {"blocks.2.mlp.act": "NTC+1"}, HALF, ONE, None)
        outputs: list[Tensor] = []
        handle = body.get_submodule("blocks.2.mlp.act").register_forward_hook(lambda _, __, out: outputs.append(out))
        with torch.no_grad():
            maps = tapped.features(images)
            body(images - 0.5)
        handle.remove()
        patches = outputs[-1][:, 1:]
        mean, centre = patches.mean(1), patches[:, 2 * 4 + 2]
        cosines = [
            torch.cosine_similarity(patches[row], direction_of(unit, 96)[None], dim=1).mean()
            for row, unit in enumerate(units)
        ]
        assert torch.allclose(scores("channel", maps, units), mean[[0, 1], [7, 90]], atol=1e-6)
        assert torch.equal(scores("neuron", maps, units), centre[[0, 1], [7, 90]])
        assert torch.allclose(scores("direction", maps, units), torch.stack(cosines), atol=1e-6)

    @pytest.mark.parametrize("objective", ["channel", "direction"])
    def test_optimising_activates_units_of_tokens(self, objective: str) -> None:
        units = [Unit("blocks.1.mlp.act", channel) for channel in range(4)]

        def run(steps: int) -> np.ndarray:
            return visualise(
                self.vit(),
                lambda index, attempt: units[index],
                range(4),
                mean=HALF,
                std=ONE,
                size=32,
                steps=steps,
                objective=objective,
                layouts={"blocks.1.mlp.act": "NTC+1"},
            ).scores

        assert run(24).mean() > 1.3 * run(1).mean()


def small_vit() -> nn.Module:
    return TestTimm.vit()


class TestSets:
    recipe = FVisRecipe(
        count=3, size=32, network="test_fvis_layouts:small_vit", layers=("early", "head"), steps=2, batch=4
    )

    def test_layouts_are_written_down_and_read(self) -> None:
        pytest.importorskip("timm")
        resolved = self.recipe.resolved()
        assert (resolved.layers, resolved.channels) == (("blocks.0.mlp.act", "head"), (96, 5))
        assert resolved.layouts == ("NTC+1", "NC")
        assert FVisRecipe.from_json(json.loads(json.dumps(resolved.to_json())), count=3) == resolved
        _, _, params = next(render_all(resolved, range(1), "cpu"))
        assert (params["layer"], params["layout"]) == ("blocks.0.mlp.act", "NTC+1")

    @pytest.mark.parametrize("changes", [{"layouts": ["NTC+1"]}, {"layouts": ["NTC+1", "x"]}, {"layouts": [1, 2]}])
    def test_forged_ones_are_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(InputError, match=r"^layout"):
            FVisRecipe.from_json({**self.recipe.to_json(), **changes}, count=3)


def test_shifts_reach_as_far_as_a_patch_up_to_an_eighth_of_the_side() -> None:
    for patch, longest in ((0.0, 10), (1 / 14, 18), (1 / 8, 30), (1 / 2, 30)):
        wobble = RandomAffine([np.random.default_rng(0)], 4000, torch.device("cpu"), patch)
        assert float((-wobble.rows[..., 2] / 2 * 224).max()) == pytest.approx(longest, abs=1e-3)
