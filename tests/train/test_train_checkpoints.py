"""Checkpoints: atomic, read without running code, weights of other projects load."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from mixset._common.errors import InputError
from mixset.generate._networks.wide_resnet import wide_resnet
from pixmix.train._runs import checkpoints


def small(classes: int = 10) -> torch.nn.Module:
    torch.manual_seed(classes)
    return wide_resnet(depth=10, width=2, num_classes=classes)


class Attacked(torch.nn.Module):
    """A network within its normaliser and beside its attacker, as the `robustness` package saves it."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.normalizer = Normaliser()
        self.model = network
        self.attacker = torch.nn.Module()
        self.attacker.normalize = Normaliser()
        self.attacker.model = network


class Normaliser(torch.nn.Module):
    """The buffers of that package's normaliser."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("new_mean", torch.full((3, 1, 1), 0.45))
        self.register_buffer("new_std", torch.full((3, 1, 1), 0.22))


State = dict[str, Any]


def parallel(state: State) -> State:
    return {f"module.{name}": value for name, value in state.items()}


def optimizer(network: torch.nn.Module) -> State:
    """An SGD's state after a step, as files that training can go on from hold it."""
    sgd = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, nesterov=True)
    network(torch.zeros(2, 3, 16, 16)).sum().backward()
    sgd.step()
    return sgd.state_dict()


def original_names(state: State) -> State:
    return {name.replace("conv_shortcut", "convShortcut"): value for name, value in state.items()}


def before_counts(state: State) -> State:
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


RELEASED = {
    "ours, torchvision": lambda n, s, o: s,
    "PixMix, CIFAR": lambda n, s, o: {
        "epoch": 99, "dataset": "cifar10", "model": "wrn", "state_dict": parallel(s), "best_acc": np.float64(0.958),
        "optimizer": o,
    },
    "PixMix, ImageNet": lambda n, s, o: {
        "epoch": 90, "arch": "resnet50", "state_dict": s, "best_acc1": torch.tensor(77.4), "optimizer": o,
    },
    "AugMix": lambda n, s, o: {
        "epoch": 89, "model": "resnet50", "state_dict": parallel(s), "best_acc1": 77.5, "optimizer": o,
    },
    "CutMix": lambda n, s, o: {
        "epoch": 300, "arch": "resnet", "state_dict": parallel(s), "best_err1": torch.tensor(21.4),
        "best_err5": torch.tensor(5.9), "optimizer": o,
    },
    "Stylized-ImageNet": lambda n, s, o: {
        "epoch": 60, "arch": "resnet50", "state_dict": before_counts(parallel(s)), "best_prec1": torch.tensor(74.6),
        "optimizer": o,
    },
    "the game of noise": lambda n, s, o: {"epoch": 120, "model_state_dict": s, "optimizer_state_dict": o},
    "outlier exposure": lambda n, s, o: original_names(s),
    "adversarially trained": lambda n, s, o: {
        "model": parallel(Attacked(n).state_dict()), "optimizer": o, "schedule": {"step_size": 30, "gamma": 0.1},
        "epoch": 90, "amp": None, "nat_prec1": torch.tensor(62.8),
    },
}  # fmt: skip
"""What the files hold, from a network, its state and an optimizer's: keys and names as their projects write them."""


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize("project", RELEASED)
def test_released_layouts_load_and_answer_alike(tmp_path: Path, project: str, zipped: bool) -> None:
    network, other = small(), wide_resnet(depth=10, width=2)
    state = optimizer(network)
    content = RELEASED[project](network, network.state_dict(), state)
    torch.save(content, tmp_path / "released.pth.tar", _use_new_zipfile_serialization=zipped)
    weights = checkpoints.read_weights(tmp_path / "released.pth.tar")
    assert checkpoints.load_into(other, weights, project) == []
    images = torch.rand(4, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(other.eval()(images), network.eval()(images))


def test_a_network_of_parts_with_such_names_keeps_them(tmp_path: Path) -> None:
    network = torch.nn.ModuleDict({name: torch.nn.Linear(2, 2) for name in ("model", "attacker", "neck")})
    torch.save(network.state_dict(), tmp_path / "w.pt")
    assert checkpoints.read_weights(tmp_path / "w.pt").keys() == network.state_dict().keys()


class Payload:
    """An object whose reading would run a command."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, zipped: bool) -> None:
    path, mark = tmp_path / "w.pt", tmp_path / "ran"
    if zipped:
        torch.save({"state_dict": {}, "extra": Payload(mark)}, path)
    else:
        path.write_bytes(pickle.dumps({"extra": Payload(mark)}, protocol=2))
    with pytest.raises(InputError, match="more than tensors") as caught:
        checkpoints.load(path)
    assert not mark.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0, 10, 1000, -100])
def test_a_truncated_file_is_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "w.pt"
    torch.save(small().state_dict(), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"w\.pt") as caught:
        checkpoints.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"root:x:0:0:root:/root:/bin/bash\n", b"", b"\x80\x02K\x01.", b"(lp0\nI1\na."])
def test_a_file_of_something_else_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(InputError, match=r"other(:| is damaged).*(not of a run|(no|a) file of weights)"):
        checkpoints.load(tmp_path / "other")


@given(content=st.binary(max_size=60))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_file_holds_the_line_is_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "any").write_bytes(content)
    with pytest.raises(InputError) as caught:
        checkpoints.load(tmp_path / "any")
    assert "\n" not in str(caught.value)


def test_missing_files_folders_and_weightless_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        checkpoints.load(tmp_path / "none.pt")
    with pytest.raises(InputError, match="is a folder"):
        checkpoints.load(tmp_path)
    torch.save({"epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(InputError, match="holds no weights"):
        checkpoints.read_weights(tmp_path / "w.pt")


def test_a_head_of_another_number_of_classes_starts_anew() -> None:
    network, source = small(5), small(10)
    head = network.fc.weight.clone()
    with pytest.raises(InputError, match=r"has another shape of fc\.bias"):
        checkpoints.load_into(network, source.state_dict(), "to be measured")
    left = checkpoints.load_into(network, source.state_dict(), "to begin with", classes=5)
    assert set(left) == {"fc.weight", "fc.bias"}
    assert torch.equal(network.fc.weight, head)
    assert torch.equal(network.conv1.weight, source.conv1.weight)


def test_another_network_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        checkpoints.load_into(small(), wide_resnet(depth=16, width=2).state_dict(), "test")
    with pytest.raises(InputError, match="another shape"):
        checkpoints.load_into(wide_resnet(depth=10, width=3), wide_resnet(depth=10, width=2).state_dict(), "test")


def test_saving_replaces_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.pt"
    checkpoints.save({"epoch": 1}, path)

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=r"c\.pt: No space"):
        checkpoints.save({"epoch": 2}, path)
    assert checkpoints.load(path) == {"epoch": 1, "format": checkpoints.FORMAT}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.pt"]
