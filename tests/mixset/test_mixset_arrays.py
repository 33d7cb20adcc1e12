"""`.npy` and `.npz` files: read as they are, or refused in one line, whatever bit of their headers is flipped."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixset._common.arrays import map_array, read_archive
from mixset._common.errors import InputError
from mixset._common.seals import write_sealed

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3)).astype(np.uint8)
ARRAYS = {"logits": IMAGES[:, 0, 0].astype(np.float32), "labels": np.arange(4), "key": np.array("of the network")}


def written(save: Callable[..., None], *arrays: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def same(found: dict[str, np.ndarray]) -> bool:
    return list(found) == list(ARRAYS) and all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)


@pytest.mark.parametrize(
    "array",
    [
        IMAGES,
        np.asfortranarray(IMAGES.astype(np.float64)),
        np.arange(12, dtype=">i4").reshape(3, 4),
        np.arange(5, dtype=np.float16),
        np.zeros((0, 3)),
        np.array(3.5),
    ],
)
def test_arrays_are_read_as_numpy_reads_them(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "array.npy"
    np.save(path, array)
    found = map_array(path, "array", "")
    assert (found.dtype, found.shape, found.flags.writeable) == (array.dtype, array.shape, False)
    assert np.array_equal(found, array)
    np.savez(tmp_path / "archive.npz", one=array, other=array[..., :1] if array.ndim else array)
    assert np.array_equal(read_archive(tmp_path / "archive.npz", "archive", "")["one"], array)


def flipped(raw: bytes, index: int, bit: int) -> bytes:
    content = bytearray(raw)
    content[index] ^= 1 << bit
    return bytes(content)


def check(path: Path, content: bytes, read: Callable[..., Any], equal: Callable[[Any], bool]) -> bool:
    """Whether a damaged file was refused; one that is read must hold what it held."""
    path.write_bytes(content)
    try:
        found = read(path, "file", "fetch it again")
    except InputError as error:
        assert str(error).startswith("file") and "\n" not in str(error)
        return True
    assert equal(found)
    return False


@pytest.mark.parametrize("share", [0.3, pytest.param(1, marks=pytest.mark.slow)])
def test_bits_of_a_header_are_found(tmp_path: Path, share: float) -> None:
    raw, path = written(np.save, IMAGES), tmp_path / "images.npy"
    assert not check(path, raw, map_array, lambda found: np.array_equal(found, IMAGES))
    indices = [(index, bit) for index in range(128) for bit in range(8)]
    indices = random.Random(0).sample(indices, int(share * len(indices)))
    refused = [check(path, flipped(raw, *at), map_array, lambda found: np.array_equal(found, IMAGES)) for at in indices]
    assert sum(refused) >= len(indices) - 2  # another sign for the order of a number's bytes, of which there is but one


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_bits_of_an_archive_are_found(tmp_path: Path, save: Callable[..., None]) -> None:
    raw, path = written(save, **ARRAYS), tmp_path / "archive.npz"
    assert not check(path, raw, read_archive, same)
    indices = [(index, bit) for index in range(len(raw)) for bit in range(8)]
    for at in random.Random(0).sample(indices, 300):
        check(path, flipped(raw, *at), read_archive, same)


@pytest.mark.slow
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_bit_of_an_archive_is_found(tmp_path: Path, save: Callable[..., None]) -> None:
    raw, path = written(save, **ARRAYS), tmp_path / "archive.npz"
    for index in range(len(raw)):
        for bit in range(8):
            check(path, flipped(raw, index, bit), read_archive, same)


def test_every_bit_of_a_sealed_archive_is_found(tmp_path: Path) -> None:
    path = tmp_path / "archive.npz"
    write_sealed(path, written(np.savez, **ARRAYS))
    assert same(dict(np.load(path)))  # also by who knows nothing of seals
    sealed = path.read_bytes()
    assert not check(path, sealed, read_archive, same)
    content = len(sealed) - 74
    for index in (*range(0, content, 37), *range(content + 9, len(sealed))):
        assert check(path, flipped(sealed, index, index % 8), read_archive, same)


def header(text: str) -> bytes:
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\x93NUMPY", "EOF"),
        (written(np.save, IMAGES)[:300], "432 bytes, it holds 172"),
        (written(np.save, IMAGES) + b"more", "432 bytes, it holds 436"),
        (written(np.save, np.array([{}])), "it holds object"),
        (written(np.save, np.zeros(3, [("a", "u1")])), "it holds"),
        (written(np.save, np.array(["text"])), "it holds <U4"),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,)}\n"), "1,000,000,000,000 bytes"),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}\n"), "shape"),
        (header("(" * 9000), "(EOF in multi-line statement|too many nested parentheses)"),
        (header("{'descr': '|V0', 'fortran_order': False, 'shape': (9,)}\n"), "it holds"),
    ],
)
def test_what_is_no_array_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "array.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"^array x is damaged \(.*{reason}.*\); fetch it again$") as caught:
        map_array(path, "array x", "fetch it again")
    assert "\n" not in str(caught.value)


def test_claims_of_archives_are_compared_with_their_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("logits.npy", "w") as member:
        for _ in range(80):
            member.write(bytes(1 << 20))
    with pytest.raises(InputError, match=r"bytes claim to unpack to 83,886,080, more than 100 times as many"):
        read_archive(path, "archive", "fetch it again")


def test_what_is_no_regular_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    for path, reason in (
        (tmp_path / "pipe.npy", "not a regular file"),
        (tmp_path, "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
    ):
        for read in (map_array, read_archive):
            with pytest.raises(InputError, match=reason):
                read(path, "file", "")
    with pytest.raises(InputError, match="no such file"):
        map_array(tmp_path / "nowhere.npy", "file", "")
