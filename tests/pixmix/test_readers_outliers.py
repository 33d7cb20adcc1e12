"""Real out-of-distribution sets: folders, arrays, SVHN's and CIFAR's files, whole and broken."""

from __future__ import annotations

import hashlib
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reader_layouts as layouts
from PIL import Image
from scipy.io import savemat
from torchvision import datasets, transforms as tv

from mixset._common import warned
from mixset._common.errors import InputError
from pixmix import measures
from pixmix._evaluators.image_sets import ImageSet
from pixmix.readers import OutlierSets, _matlab as matlab, open_outliers, take


def textures(root: Path) -> Path:
    for number, name in enumerate(("banded", "woven")):
        for index in range(3):
            image = layouts.bytes_of(40 + 10 * number, 60, 3, seed=10 * number + index)
            layouts.jpeg(root / "images" / name / f"{name}_{index:04}.jpg", image)
    return root


def svhn(path: Path, count: int = 7, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"X": layouts.bytes_of(32, 32, 3, count), "y": np.ones((count, 1), np.uint8)}, **options)
    return path


def cifar10(root: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """The test batch as torchvision keeps it, with its sum taken for the right one."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    array = layouts.bytes_of(6, 3, 32, 32)
    content = pickle.dumps({"data": array.reshape(6, -1), "labels": [0] * 6})
    (folder / "test_batch").write_bytes(content)
    meta = pickle.dumps({"label_names": list("abcdefghij")})
    (folder / "batches.meta").write_bytes(meta)
    kind = datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [])
    monkeypatch.setattr(kind, "test_list", [["test_batch", hashlib.md5(content).hexdigest()]])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": hashlib.md5(meta).hexdigest()})
    return array.transpose(0, 2, 3, 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    textures(tmp_path / "dtd")
    svhn(tmp_path / "SVHN" / "test_32x32.mat")
    layouts.jpeg(tmp_path / "places69" / "attic" / "1.jpg", layouts.bytes_of(64, 64, 3))
    np.save(tmp_path / "lsun.npy", layouts.bytes_of(5, 32, 32, 3))
    return tmp_path


def test_sets_are_called_by_their_names(root: Path) -> None:
    found = OutlierSets(root, 32)
    assert found.names == ("textures", "svhn", "places69") and found.extra == ("lsun",) and found.problems == ()
    for name, count in (("textures", 6), ("svhn", 7), ("places69", 1), ("lsun", 5)):
        images = ImageSet(found.images(name))
        batch, labels, _ = next(images.batches(10))
        assert batch.shape == (count, 32, 32, 3) and (labels == -1).all()


def test_textures_are_scaled_and_cropped_as_torchvision_does(root: Path) -> None:
    images = OutlierSets(root, 24).images("textures")
    assert images.names[0] == "images/banded/banded_0000.jpg"
    with Image.open(root / "dtd" / images.names[4]) as opened:
        expected = np.asarray(tv.Compose([tv.Resize(24), tv.CenterCrop(24)])(opened))
    np.testing.assert_array_equal(images[4][0], expected)


def test_svhn_is_its_file_with_the_number_first(root: Path) -> None:
    array, labels = open_outliers(root / "SVHN", 32)
    np.testing.assert_array_equal(array, np.moveaxis(layouts.bytes_of(32, 32, 3, 7), 3, 0))
    assert labels.tolist() == [-1] * 7
    larger = open_outliers(root / "SVHN" / "test_32x32.mat", 48)
    expected = tv.Resize(48)(Image.fromarray(array[2]))
    np.testing.assert_array_equal(larger[2][0], np.asarray(expected))


def test_cifar_is_read_by_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cifar10(tmp_path / "sets", monkeypatch)
    found = OutlierSets(tmp_path / "sets", 32, partial=True)
    assert found.extra == ("cifar10",)
    np.testing.assert_array_equal(found.images("cifar10")[0], expected)
    np.testing.assert_array_equal(open_outliers(tmp_path / "sets", 32)[0], expected)
    (tmp_path / "sets" / "cifar-10-batches-py" / "test_batch").write_bytes(b"evil")
    with pytest.raises(InputError, match="not the files of CIFAR10, or truncated"):
        open_outliers(tmp_path / "sets", 32)


@pytest.mark.parametrize("name", ["textures", "svhn", "lsun"])
@pytest.mark.parametrize("size", [32, 40])
def test_a_choice_of_images_is_that_of_the_whole_set(root: Path, name: str, size: int) -> None:
    images = OutlierSets(root, size).images(name)
    whole = next(ImageSet(images).batches(10))[0]
    indices = measures.outlier_indices(20, len(whole), seed=1)
    assert len(indices) == 4
    chosen = next(ImageSet(take(images, indices)).batches(10))
    np.testing.assert_array_equal(chosen[0], whole[indices])
    assert (chosen[1] == -1).all()


def test_paths_can_be_given_by_name(root: Path) -> None:
    found = OutlierSets({"textures": root / "dtd", "stones": root / "places69"}, 32, partial=True)
    assert found.names == ("textures",) and found.extra == ("stones",)
    assert found.problems == ("svhn: missing", "places69: missing")


def test_missing_and_broken_sets_are_named_or_left_out(root: Path) -> None:
    (root / "lsun.npy").write_bytes(b"")
    (root / "SVHN" / "test_32x32.mat").write_bytes(b"MATLAB 5.0")
    (root / "empty").mkdir()
    with pytest.raises(InputError, match=r"test_32x32\.mat is damaged") as caught:
        OutlierSets(root, 32)
    line = str(caught.value)
    assert "\n" not in line and "empty: holds no images" in line and "lsun.npy is damaged" in line
    found = OutlierSets(root, 32, partial=True)
    assert found.names == ("textures", "places69") and found.extra == () and len(found.problems) == 3
    with pytest.raises(InputError, match="no out-of-distribution set svhn; choose from textures, places69"):
        found.images("svhn")


def test_other_variables_in_a_mat_file_are_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"Y": np.zeros(3)})
    with pytest.raises(InputError, match="has no array X"):
        open_outliers(tmp_path / "a.mat", 32)
    savemat(tmp_path / "b.mat", {"X": np.zeros((3, 32, 32, 5))})
    with pytest.raises(InputError, match="X holds float64"):
        open_outliers(tmp_path / "b.mat", 32)


def test_what_is_no_set_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        OutlierSets(tmp_path / "nowhere", 32)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match="not a folder of images"):
        open_outliers(tmp_path / "notes.txt", 32)
    for name in ("dtd", "textures"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="dtd and textures are both textures"):
        OutlierSets(tmp_path, 32)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_file_of_svhn_is_one_line(tmp_path: Path, compressed: bool) -> None:
    """Of a compressed one every flip past the header is found; the other has no sum, so only its form tells."""
    written = svhn(tmp_path / "whole.mat", count=2, do_compression=compressed).read_bytes()
    whole = open_outliers(tmp_path / "whole.mat", 32)[0]
    np.testing.assert_array_equal(whole, np.moveaxis(layouts.bytes_of(32, 32, 3, 2), 3, 0))
    stop = written.index(b"y", 128) if not compressed else 128 + 8 + int.from_bytes(written[132:136], "little")
    for index in (*range(124, 200), *range(200, stop, 397)):
        for bit in (0, 3, 7):
            damaged = bytearray(written)
            damaged[index] ^= 1 << bit
            (tmp_path / "test.mat").write_bytes(damaged)
            try:
                found = open_outliers(tmp_path / "test.mat", 32)
            except InputError as error:
                assert str(error).isprintable() and str(tmp_path) in str(error)
            else:
                assert len(found) == 2 and (not compressed or np.array_equal(found[0], whole)), index
    for length in (0, 100, 128, 130, 136, 200, len(written) // 2):
        (tmp_path / "test.mat").write_bytes(written[:length])
        with pytest.raises(InputError, match=r"test\.mat(: has no array X| is damaged)"):
            open_outliers(tmp_path / "test.mat", 32)


def test_files_of_matlab_in_either_order_of_bytes(tmp_path: Path) -> None:
    content = b"MATLAB 5.0".ljust(124) + struct.pack(">H", 0x100) + b"MI"
    values = layouts.bytes_of(2, 2, 3, 4)
    body = (
        struct.pack(">III4x", 6, 8, 9) + struct.pack(">II4i", 5, 16, *values.shape) + struct.pack(">HHc3x", 1, 1, b"X")
    )
    body += struct.pack(">II", 2, values.size) + values.tobytes("F")
    (tmp_path / "a.mat").write_bytes(content + struct.pack(">II", 14, len(body)) + body)
    found = open_outliers(tmp_path / "a.mat", 2)[0]
    np.testing.assert_array_equal(found, np.moveaxis(values, 3, 0))


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matlab, "_ROOM", 1000)
    packed = zlib.compress(bytes(10**6))
    head = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x100) + b"IM"
    (tmp_path / "a.mat").write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(InputError, match="unpack to more than"):
        open_outliers(tmp_path / "a.mat", 32)


def test_what_may_be_no_outliers_is_said(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warned, "_printed", set())
    layouts.jpeg(root / "dtd" / "labels" / "1.png", layouts.bytes_of(8, 8, 3))
    layouts.jpeg(root / "loose.jpg", layouts.bytes_of(8, 8, 3))
    OutlierSets(root, 32)
    said = capsys.readouterr().err
    assert f"{root / 'dtd'}: the images in labels are taken for outliers, too" in said
    assert "1 image beside the sets left out (loose.jpg)" in said
    (root / "SVHN" / "test_32x32.mat").rename(root / "svhn.tar.gz")
    (root / "SVHN").rmdir()
    with pytest.raises(InputError, match=r"unpack svhn\.tar\.gz first"):
        OutlierSets(root, 32)


def test_files_count_whatever_the_case_of_their_suffix_and_archives_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warned, "_printed", set())
    np.save(tmp_path / "lsun.npy", np.zeros((2, 32, 32, 3), np.uint8))
    (tmp_path / "lsun.npy").rename(tmp_path / "LSUN.NPY")
    (tmp_path / "isun.tar").touch()
    assert OutlierSets(tmp_path, 32, partial=True).extra == ("lsun",)
    assert f"{tmp_path}: isun.tar left out; unpack it\n" in capsys.readouterr().err
