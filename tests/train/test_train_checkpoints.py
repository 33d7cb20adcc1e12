"""Checkpoints: atomic, read without running code, weights of other projects load."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mixset.errors import InputError
from pixmix.train import checkpoints
from pixmix.train.networks.wide_resnet import wide_resnet


def small(classes: int = 10) -> torch.nn.Module:
    torch.manual_seed(classes)
    return wide_resnet(depth=10, width=1, num_classes=classes)


def papers_checkpoint(path: Path, network: torch.nn.Module) -> None:
    """The layout of the paper's CIFAR script: DataParallel names, a NumPy scalar among the values."""
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9).state_dict()
    content = {
        "epoch": 99,
        "dataset": "cifar10",
        "model": "wrn",
        "state_dict": state,
        "best_acc": np.float64(0.958),
        "optimizer": optimizer,
    }
    torch.save(content, path)


def test_the_papers_layout_loads(tmp_path: Path) -> None:
    network, other = small(), small()
    torch.nn.init.normal_(other.fc.weight)
    papers_checkpoint(tmp_path / "checkpoint.pth.tar", network)
    checkpoints.load_into(other, checkpoints.read_weights(tmp_path / "checkpoint.pth.tar"), "test")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"model_state_dict": s, "epoch": 3}, lambda s: {"model": s}])
def test_other_layouts_load(tmp_path: Path, wrap) -> None:  # type: ignore[no-untyped-def]
    network = small()
    torch.save(wrap(network.state_dict()), tmp_path / "w.pt")
    assert checkpoints.read_weights(tmp_path / "w.pt").keys() == network.state_dict().keys()


class Payload:
    """An object whose reading would run a command."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):  # type: ignore[no-untyped-def]
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
    assert set(checkpoints.load_into(network, source.state_dict(), "test")) == {"fc.weight", "fc.bias"}
    assert torch.equal(network.fc.weight, head)
    assert torch.equal(network.conv1.weight, source.conv1.weight)


def test_another_network_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        checkpoints.load_into(small(), wide_resnet(depth=16, width=1).state_dict(), "test")
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
    assert checkpoints.load(path) == {"epoch": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.pt"]
