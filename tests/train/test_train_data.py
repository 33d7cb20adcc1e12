"""Data sets: what their pictures and labels are, and a clear line where there are none."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from mixset.errors import InputError
from pixmix.train.data import load_data


def test_digits_are_halved_without_overlap() -> None:
    data = load_data("digits")
    assert data.train[0][0].shape == (32, 32, 3)
    assert data.train[0][0].dtype == np.uint8
    assert (len(data.train), len(data.test), data.size, data.flip) == (901, 896, 32, False)
    for label in range(10):
        halves = [(part.labels == label).sum() for part in (data.train, data.test)]
        assert abs(halves[0] - halves[1]) <= 1
    small = load_data("digits", size=8)
    bunch = load_digits()
    grey = np.round(bunch.images * 255 / 16).astype(np.uint8)
    seen = [(picture[..., 0].tobytes(), int(label)) for part in (small.train, small.test) for picture, label in part]
    expected = [(picture.tobytes(), int(label)) for picture, label in zip(grey, bunch.target, strict=True)]
    assert sorted(seen) == sorted(expected)


def test_a_folder_of_small_pictures_is_held_in_memory(colours: Path) -> None:
    data = load_data(f"folder:{colours}")
    assert data.classes == ("blue", "green", "red")
    assert (len(data.train), len(data.test), data.size) == (45, 30, 16)
    assert data.train.array is not None
    first = np.asarray(Image.open(colours / "train" / "blue" / "000.png"))
    assert np.array_equal(data.train[0][0], first)
    assert data.train.labels.tolist() == [0] * 15 + [1] * 15 + [2] * 15
    assert data.mean == (0.5, 0.5, 0.5)


def test_a_folder_of_large_pictures_is_read_each_time(tmp_path: Path) -> None:
    root = tmp_path / "large"
    for part in ("train", "test"):
        for name in ("a", "b"):
            (root / part / name).mkdir(parents=True)
            ramp = np.broadcast_to(np.arange(300, dtype=np.uint8)[None, :, None], (260, 300, 3))
            Image.fromarray(np.ascontiguousarray(ramp)).save(root / part / name / "x.png")
    data = load_data(f"folder:{root}")
    assert data.size == 224
    assert data.train.array is None
    picture, label = data.test[1]
    assert picture.shape == (224, 224, 3)
    assert label == 1
    assert data.mean == (0.485, 0.456, 0.406)
    # Short side 260 to 256, centre 224: columns run from about (300 - 224 * 260 / 256) / 2 on.
    assert abs(int(picture[100, 0, 0]) - 36) <= 2
    assert load_data(f"folder:{root}", size=48).train[0][0].shape == (48, 48, 3)


def test_what_is_wrong_with_a_folder_is_named(tmp_path: Path, colours: Path) -> None:
    with pytest.raises(InputError, match="no folder train/"):
        load_data(f"folder:{tmp_path}")
    root = tmp_path / "copy"
    shutil.copytree(colours, root)
    (root / "test" / "violet").mkdir()
    with pytest.raises(InputError, match="class violet"):
        load_data(f"folder:{root}")
    (root / "test" / "violet").rmdir()
    (root / "train" / "red" / "007.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"007\.png"):
        load_data(f"folder:{root}")
    shutil.rmtree(root / "train" / "red")
    shutil.rmtree(root / "train" / "green")
    with pytest.raises(InputError, match="at least two"):
        load_data(f"folder:{root}")


def test_unknown_names_get_the_known_ones() -> None:
    with pytest.raises(InputError, match="cifar10, cifar100, fashionmnist"):
        load_data("mnist")


def test_no_network_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    class Offline(torchvision.datasets.CIFAR10):
        def download(self) -> None:
            raise URLError("name resolution failed")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", Offline)
    with pytest.raises(InputError, match="cannot be downloaded") as caught:
        load_data("cifar10", folder=tmp_path)
    assert "\n" not in str(caught.value)


def test_torchvisions_sets_are_taken_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    class Small:
        classes = ("boot", "bag")

        def __init__(self, root: Path, train: bool, download: bool) -> None:
            self.data = np.full((4 if train else 2, 28, 28), 200, np.uint8)
            self.targets = [0, 1, 0, 1][: len(self.data)]

    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", Small)
    data = load_data("fashionmnist", folder=tmp_path)
    picture, label = data.train[1]
    assert label == 1
    assert picture.shape == (32, 32, 3)
    assert picture[16, 16].tolist() == [200] * 3
    assert picture[1, 16].tolist() == [0] * 3
