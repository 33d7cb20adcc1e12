"""Files of tensors: torch's, safetensors and NumPy's, read whole, compared with their checksums, never run as code."""

from __future__ import annotations

import argparse
import io
import pathlib
import pickle
import re
import stat
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mixset._common.arrays import unpack_arrays
from mixset._common.errors import InputError, reading
from mixset._common.seals import read_sealed, write_sealed
from mixset._common.zips import zip_members

AGAIN = "fetch or make it again"
FORMAT = 2
"""Version of a checkpoint's content, raised whenever what a run needs to resume is stored otherwise; sealed since 2."""

NUMBERS = "?bhilqBHILQefdgFDUS"
"""NumPy's types of plain values, which files may name."""


_COMPILED = "torch.jit.ScriptModule"
"""What a file of torch.jit is: code with its weights."""


class Content(NamedTuple):
    """What a file holds."""

    value: Any
    """Tensors and plain values, nested; of safetensors and NumPy's archives a dict by name."""
    sealed: bool
    """Whether a SHA-256 of ours stood behind it."""
    metadata: dict[str, str]
    """Metadata of a safetensors file; else empty."""


def read_file(path: Path, what: str) -> Content:
    """Read a file of tensors and plain values on the CPU, whatever its format; no code in it is run.

    Members of zip archives, which torch's files and NumPy's are, are compared with their CRC-32, and files that we
    sealed with their SHA-256.

    Args:
        what: the file as an error names it.

    Raises:
        InputError: no such file, none of these formats, damaged, or with objects that would run code when read.
    """
    with reading(what, AGAIN):
        mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise InputError(f"{what}: is a folder; name the file in it, for example weights.safetensors")
    if not stat.S_ISREG(mode):
        raise InputError(f"{what}: is not a regular file; copy its content into one")
    content, sealed = read_sealed(path, what, AGAIN)
    with reading(what, f"is it a file of weights? {AGAIN}"):
        try:
            return _read(content, sealed)
        except pickle.UnpicklingError as error:
            raise InputError(_refusal(what, path, error)) from error


def _read(content: bytes, sealed: bool) -> Content:
    if content.startswith(b"PK\3\4"):
        members = zip_members(content)
        if any(name.endswith(".npy") for name in members):
            arrays = unpack_arrays(members).items()
            # torch has the machine's order of bytes alone.
            plain = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays}
            return Content({name: torch.from_numpy(array) for name, array in plain.items()}, sealed, {})
        content = _plain_archive(members)
    elif content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content):
        return _read_safetensors(content, sealed)
    with torch.serialization.safe_globals(_allowed()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch finds odd in a file before it refuses it
        return Content(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True), sealed, {})


def _plain_archive(members: Mapping[str, bytes]) -> bytes:
    """A new zip archive of another's members.

    torch compares no checksums, and takes what the archive says besides (a member marked as a folder) for true: so it
    is given nothing but what was read here.
    """
    if any(name.endswith("/constants.pkl") for name in members):
        raise pickle.UnpicklingError(f"<class '{_COMPILED}'>")
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return plain.getvalue()


def _read_safetensors(content: bytes, sealed: bool) -> Content:
    import json

    import safetensors.torch

    tensors = safetensors.torch.load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return Content(tensors, sealed, header.get("__metadata__", {}))


def _allowed() -> list[Any]:
    """What files may name besides tensors: NumPy's scalars and arrays, argparse's results, and paths as text.

    The paper's CIFAR checkpoints hold their best accuracy as a scalar, timm's and torchvision's their arguments.
    """
    reader: Any = np.float64(0).__reduce__()[0]
    maker: Any = np.zeros(0).__reduce__()[0]
    allowed: list[Any] = [np.dtype, np.ndarray, *{type(np.dtype(char)) for char in NUMBERS}]
    for home in ("numpy.core.multiarray", "numpy._core.multiarray"):  # before NumPy 2 and after it
        allowed += [(reader, f"{home}.scalar"), (maker, f"{home}._reconstruct")]
    return [*allowed, argparse.Namespace, (pathlib.PurePosixPath, "pathlib.PosixPath"), pathlib.PurePosixPath]


def _refusal(what: str, path: Path, error: Exception) -> str:
    """Why torch does not read a file, and the two lines that make a plain one of it."""
    named = re.search(r"(?:GLOBAL |<class ')([A-Za-z_][\w.]*)", str(error))
    if named is None:
        return f"{what} is damaged or no file of weights; {AGAIN}"
    if named[1] == _COMPILED:
        lines = f'content = torch.jit.load({str(path)!r}); torch.save(content.state_dict(), "plain.pt")'
    else:
        lines = (
            f"content = torch.load({str(path)!r}, weights_only=False); "
            'torch.save(content["state_dict"], "plain.pt"), of a whole network content.state_dict()'
        )
    return (
        f"{what}: holds more than tensors and plain values ({named[1]}); it is not read, since reading could run its "
        f"code. If you trust it, Python makes a plain file of it: {lines}"
    )


def save(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint, tensors and plain values, so that `path` is at any time the old file or the new one."""
    # In memory first: on a full disk torch.save hides the reason behind an assertion of its own.
    content = io.BytesIO()
    torch.save({**state, "format": FORMAT}, content)
    write_sealed(path, content.getbuffer())


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint that `save` wrote, or one of 0.1.0, which has no seal.

    Raises:
        InputError: as `read_file`, or it is no checkpoint of a run, or another release wrote it.
    """
    what = f"checkpoint {path}"
    state, sealed, _ = read_file(path, what)
    version = state.get("format") if isinstance(state, dict) else None
    if type(version) is not int:
        raise InputError(f"{what}: is not of a run of `pixmix train`")
    if version not in (1, FORMAT):
        raise InputError(f"{what}: was written by another release; resume with that one, or choose another folder")
    if version >= 2 and not sealed:
        raise InputError(f"{what} is damaged (its SHA-256 is missing); {AGAIN}")
    return state
