"""Files of tensors: a flipped bit is found, code is not run, and whatever else a file is, the line is one."""

from __future__ import annotations

import argparse
import os
import pathlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flips import outcomes, same
from torch import nn

from mixset._common.errors import InputError
from mixset.generate._networks.files import FORMAT, load, read_file, save
from mixset.generate._networks.weights import read_weights, write_weights

KEPT = Path(__file__).parents[1] / "train" / "run-0.1.0"
"""A run of release 0.1.0."""


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)).state_dict()


def ours(path: Path) -> None:
    write_weights(state(), path)


def checkpoint(path: Path) -> None:
    save({"model": state(), "epoch": 3, "names": ["a"], "rate": 0.5}, path)


def others(path: Path) -> None:
    torch.save({"state_dict": state(), "epoch": 3}, path)


def archive(path: Path) -> None:
    np.savez(path, **{name: tensor.numpy() for name, tensor in state().items()})


def hashed(path: Path) -> Any:
    return read_weights(path, hashed=True)


def content(path: Path) -> Any:
    return read_file(path, "weights").value


FILES: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any]]] = {
    "weights.safetensors": (ours, hashed),
    "checkpoint.pt": (checkpoint, load),
    "others.pth": (others, content),
    "others.npz": (archive, read_weights),
}
"""What writes it, and what reads it."""


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    write, read = FILES[name]
    write(tmp_path / name)
    found = outcomes(tmp_path / name, read, 150)
    assert found["refused"] > 75  # zip archives are half names, dates and padding


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_many_flipped_bits_are_refused_or_harmless(tmp_path: Path, name: str) -> None:
    write, read = FILES[name]
    write(tmp_path / name)
    found = outcomes(tmp_path / name, read, 3000, seed=2)
    print(name, dict(found))


@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["weights.pt", "checkpoint.pt"])
def test_flipped_bits_in_a_run_of_0_1_0(tmp_path: Path, name: str, count: int) -> None:
    (tmp_path / name).write_bytes((KEPT / name).read_bytes())
    found = outcomes(tmp_path / name, load if name == "checkpoint.pt" else read_weights, count, seed=1)
    assert found["refused"] > 0.9 * count


def test_a_member_marked_as_a_folder_is_read_all_the_same(tmp_path: Path) -> None:
    """torch would take what lies in memory for its values: one bit among the attributes of the member."""
    others(tmp_path / "others.pth")
    whole, changed = content(tmp_path / "others.pth"), bytearray((tmp_path / "others.pth").read_bytes())
    changed[changed.rindex(b"others/data/7") - 8] ^= 16
    (tmp_path / "others.pth").write_bytes(changed)
    assert same(content(tmp_path / "others.pth"), whole)


def test_a_checkpoint_of_now_needs_its_seal(tmp_path: Path) -> None:
    checkpoint(tmp_path / "checkpoint.pt")
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    assert load(tmp_path / "checkpoint.pt")["format"] == FORMAT
    (tmp_path / "checkpoint.pt").write_bytes(whole[: whole.rindex(b"\n#sha256:")])
    with pytest.raises(InputError, match=r"checkpoint\.pt is damaged \(its SHA-256 is missing\)"):
        load(tmp_path / "checkpoint.pt")
    torch.save({"format": FORMAT + 1}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="by another release"):
        load(tmp_path / "checkpoint.pt")
    torch.save([1], tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="is not of a run"):
        load(tmp_path / "checkpoint.pt")


def test_weights_of_a_run_need_their_hash(tmp_path: Path) -> None:
    import safetensors.torch

    safetensors.torch.save_file(state(), tmp_path / "weights.safetensors")
    assert read_weights(tmp_path / "weights.safetensors").keys() == state().keys()  # timm's have none
    with pytest.raises(InputError, match="its SHA-256 is missing"):
        read_weights(tmp_path / "weights.safetensors", hashed=True)


def test_arguments_and_arrays_are_read_and_code_is_not(tmp_path: Path) -> None:
    values = {
        "args": argparse.Namespace(lr=0.1, out=pathlib.Path("runs"), milestones=[1, 2]),
        "curve": np.arange(6, dtype=np.float32).reshape(2, 3),
        "best": np.float64(0.5),
        "names": np.array(["a", "b"]),
    }
    torch.save(values, tmp_path / "w.pth")
    found = content(tmp_path / "w.pth")
    assert found["args"].lr == 0.1 and str(found["args"].out) == "runs"
    assert np.array_equal(found["curve"], values["curve"]) and found["names"].tolist() == ["a", "b"]

    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "sprung"),)

    for value in (Trap(), argparse.Namespace(x=Trap()), np.array([Trap()], dtype=object), nn.Linear(2, 2)):
        torch.save({"state_dict": {}, "extra": value}, tmp_path / "w.pth")
        with pytest.raises(InputError, match=r"more than tensors and plain values \([\w.]+\).*weights_only=False\)"):
            content(tmp_path / "w.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "damage",
    ["html", "empty", "cut", "pickle", "zeros", "zip of nothing", "safetensors of claims", "npz of claims", "text"],
)
def test_whatever_a_file_is_the_line_is_one(tmp_path: Path, damage: str) -> None:
    import io
    import pickle
    import zipfile

    path = tmp_path / "weights.pt"
    others(path)
    whole, inside = path.read_bytes(), io.BytesIO()
    with zipfile.ZipFile(inside, "w") as file:
        if damage == "npz of claims":
            header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"
            file.writestr("a.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
    claims = b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    path.write_bytes(
        {
            "html": b"<!DOCTYPE html><html><body>404</body></html>",
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "pickle": pickle.dumps({"a": os.system}),
            "zeros": bytes(5000),
            "zip of nothing": inside.getvalue(),
            "npz of claims": inside.getvalue(),
            "safetensors of claims": len(claims).to_bytes(8, "little") + claims,
            "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        }[damage]
    )
    with pytest.raises(InputError, match=r"weights\.pt") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(InputError, match="is not a regular file"):
            read_weights(path)
    with pytest.raises(InputError, match="is a folder"):
        read_weights(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_weights(tmp_path / "nothing.pt")


@pytest.mark.parametrize("odd", ["sparse", "meta", "text", "nothing"])
def test_what_is_no_ordinary_tensor_is_named(tmp_path: Path, odd: str) -> None:
    value = {
        "sparse": torch.eye(3).to_sparse(),
        "meta": torch.empty(3, device="meta"),
        "text": "x",
        "nothing": None,
    }[odd]
    torch.save({"conv.weight": torch.ones(2), "fc.weight": value}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"fc\.weight is not a tensor"):
        read_weights(tmp_path / "w.pt")


def test_an_archive_that_claims_to_unpack_to_far_more_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("w/data/0", "w") as member:
        for _ in range(100):
            member.write(bytes(1 << 20))
    with pytest.raises(InputError, match="claim to unpack to 104,857,600, more than 100 times as many"):
        read_file(path, "w")


def test_arrays_of_the_other_order_of_bytes_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.arange(3.0, dtype=">f4"))
    assert read_file(tmp_path / "w.npz", "w").value["a"].tolist() == [0, 1, 2]


def test_code_of_torch_jit_is_not_run_and_the_lines_that_help_are_given(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        for name in ("w/data.pkl", "w/constants.pkl", "w/code/__torch__.py"):
            archive.writestr(name, b"")
    with pytest.raises(InputError, match=r"torch\.jit\.ScriptModule.*content = torch\.jit\.load\("):
        read_file(tmp_path / "w.pt", "w")
