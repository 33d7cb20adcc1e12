"""Weights of other people under the names that the network has, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn
from torch.optim.swa_utils import AveragedModel

from mixset._common.errors import InputError
from mixset.generate._networks.weights import fitted, head, load_into, read_weights, tensors_hash, write_weights


class Small(nn.Module):
    """With a projection head behind the classifier, as contrastive learning has."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, classes)
        self.projection = nn.Linear(4, 16)


def small(classes: int = 5, seed: int = 0) -> Small:
    torch.manual_seed(seed)
    return Small(classes)


class Wrapped(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.net = network


class Compiled(nn.Module):
    """The names that torch.compile gives, which takes seconds to import."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._orig_mod = network


FORMS: dict[str, Any] = {
    "plain": lambda network: network.state_dict(),
    "data parallel": lambda network: nn.DataParallel(network).state_dict(),
    "compiled": lambda network: Compiled(network).state_dict(),
    "compiled, then parallel": lambda network: nn.DataParallel(Compiled(network)).state_dict(),
    "parallel, then compiled": lambda network: Compiled(nn.DataParallel(network)).state_dict(),
    "averaged": lambda network: AveragedModel(network).state_dict(),
    "averaged and parallel": lambda network: nn.DataParallel(AveragedModel(network)).state_dict(),
    "in Lightning's module": lambda network: {"state_dict": Wrapped(network).state_dict()},
    "in two, compiled": lambda network: {"state_dict": Wrapped(Wrapped(Compiled(network))).state_dict()},
    "under model": lambda network: {"model": network.state_dict(), "epoch": 3},
    "nested": lambda network: {"model": {"state_dict": network.state_dict()}},
    "arrays": lambda network: {name: np.asarray(value) for name, value in network.state_dict().items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_names_of_wrappers_go(tmp_path: Path, form: str) -> None:
    network = small()
    torch.save(FORMS[form](network), tmp_path / "w.pth")
    other = small(seed=1)
    assert load_into(other, read_weights(tmp_path / "w.pth"), form) == []
    assert tensors_hash(other.state_dict()) == tensors_hash(network.state_dict())


def test_a_part_of_the_network_that_is_compiled(tmp_path: Path) -> None:
    network = small()
    before = tensors_hash(network.state_dict())
    network.features = Compiled(network.features)  # type: ignore[assignment]
    other = small(seed=1)
    load_into(other, network.state_dict(), "w")
    assert tensors_hash(other.state_dict()) == before


def test_names_that_the_network_has_stay() -> None:
    network = nn.ModuleDict({"module": nn.Linear(2, 2), "net": nn.Linear(2, 2)})
    assert fitted(network.state_dict(), network.state_dict(), "w").keys() == network.state_dict().keys()


def test_two_networks_in_one_index_are_refused_and_one_under_two_names_is_not() -> None:
    network, other = small(), small(seed=1)
    of_both = {**network.state_dict(), **Compiled(other).state_dict()}
    with pytest.raises(InputError, match=r"w: holds two networks, _orig_mod\.features\.0\.weight is one of both; save"):
        load_into(small(seed=2), of_both, "w")
    read = small(seed=2)
    load_into(read, {**network.state_dict(), **Compiled(network).state_dict()}, "w")
    assert tensors_hash(read.state_dict()) == tensors_hash(network.state_dict())


@pytest.mark.parametrize(("dtype", "kind"), [(torch.int8, "int8"), (torch.bool, "bool"), (torch.complex64, "complex")])
def test_numbers_that_are_no_floats_are_refused_and_halves_are_not(dtype: torch.dtype, kind: str) -> None:
    weights = small().state_dict()
    load_into(small(), {name: value.half() for name, value in weights.items()}, "w")
    with pytest.raises(InputError, match=f"w: fc.weight holds {kind}.*, no floats"):
        load_into(small(), {**weights, "fc.weight": weights["fc.weight"].to(dtype)}, "w")


def test_averages_are_taken_when_asked_for(tmp_path: Path) -> None:
    network, average = small(), small(seed=2)
    for name, value in {
        "state_dict_ema": average.state_dict(),
        "model_ema": AveragedModel(average).state_dict(),
    }.items():
        torch.save({"state_dict": network.state_dict(), name: value}, tmp_path / "w.pth")
        for ema, wanted in ((False, network), (True, average)):
            other = small(seed=1)
            load_into(other, read_weights(tmp_path / "w.pth", ema=ema), "w")
            assert tensors_hash(other.state_dict()) == tensors_hash(wanted.state_dict())
    torch.save(network.state_dict(), tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"holds no averaged weights \(looked for state_dict_ema"):
        read_weights(tmp_path / "w.pth", ema=True)


def test_the_head_is_what_hangs_on_the_number_of_classes() -> None:
    own = small(7).state_dict()
    assert head(small(5).state_dict(), own, 7) == (5, ["fc.weight", "fc.bias"])
    assert head(small(7).state_dict(), own, 7) == (7, [])
    other = dict(small(5).state_dict())
    other["projection.weight"] = torch.ones(8, 4)
    assert head(other, own, 7) == (7, [])  # more than a head differs


def test_what_does_not_fit_is_named_and_nothing_is_loaded() -> None:
    network = small()
    before = tensors_hash(network.state_dict())
    weights = small(seed=1).state_dict()
    lacking = {name: value for name, value in weights.items() if name != "fc.bias"}
    for given, words in (
        (weights | {"decoder.weight": torch.ones(2)}, "has the unknown decoder.weight"),
        (lacking, "lacks fc.bias"),
        (small(6).state_dict(), "has another shape of fc.bias"),
        (weights | {"fc.weight": torch.ones(5, 3)}, "has another shape of fc.weight"),
        ({"x": torch.ones(1)}, "lacks fc.bias"),
        ({f"net.{name}": value for name, value in weights.items()} | {"loss.weight": torch.ones(1)}, "loss.weight"),
    ):
        with pytest.raises(InputError, match=words):
            load_into(network, given, "w")
        assert tensors_hash(network.state_dict()) == before
    with pytest.raises(InputError, match=r"fc\.bias is not finite"):
        load_into(network, weights | {"fc.bias": torch.full((5,), float("nan"))}, "w")


def test_shared_tensors_are_written_and_read(tmp_path: Path) -> None:
    network = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    network["b"].weight = network["a"].weight
    write_weights(network.state_dict(), tmp_path / "w.safetensors")
    assert tensors_hash(read_weights(tmp_path / "w.safetensors", hashed=True)) == tensors_hash(network.state_dict())


def test_the_same_tensors_are_the_same_bytes(tmp_path: Path) -> None:
    weights = {"größe.weight": torch.arange(3.0), "bias": torch.zeros(2, dtype=torch.int64)}
    files = {i: tmp_path / f"{i}.safetensors" for i in range(20)}
    for file in files.values():
        write_weights(weights, file)
    assert (
        len({file.read_bytes() for file in files.values()}) == 1
    )  # by chance of two orders one time in half a million
    with safe_open(files[0], "pt") as opened:
        assert {*opened.metadata()} == {"format", "sha256"} and (files[0].stat().st_size - 3 * 4 - 2 * 8) % 8 == 0
    assert all(torch.equal(value, weights[name]) for name, value in read_weights(files[0], hashed=True).items())
