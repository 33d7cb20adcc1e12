"""Data sets: what their images and labels are, and a clear line where there are none."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from mixset._common.errors import InputError
from pixmix.train._data import labelled
from pixmix.train._data.datasets import load_data, load_test, with_copies
from pixmix.train._data.labelled import TrainingData


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
    seen = [(image[..., 0].tobytes(), int(label)) for part in (small.train, small.test) for image, label in part]
    expected = [(image.tobytes(), int(label)) for image, label in zip(grey, bunch.target, strict=True)]
    assert sorted(seen) == sorted(expected)


def test_a_folder_of_small_images_is_held_in_memory(colours: Path) -> None:
    data = load_data(f"folder:{colours}")
    assert data.classes == ("blue", "green", "red")
    assert (len(data.train), len(data.test), data.size) == (45, 30, 16)
    assert data.train.array is not None
    first = np.asarray(Image.open(colours / "train" / "blue" / "000.png"))
    assert np.array_equal(data.train[0][0], first)
    assert data.train.labels.tolist() == [0] * 15 + [1] * 15 + [2] * 15
    assert data.mean == (0.5, 0.5, 0.5)


def test_a_folder_of_large_images_is_read_each_time(tmp_path: Path) -> None:
    root = tmp_path / "large"
    for part in ("train", "test"):
        for name in ("a", "b"):
            (root / part / name).mkdir(parents=True)
            ramp = np.broadcast_to(np.arange(300, dtype=np.uint8)[None, :, None], (260, 300, 3))
            Image.fromarray(np.ascontiguousarray(ramp)).save(root / part / name / "x.png")
    data = load_data(f"folder:{root}")
    assert data.size == 224
    assert data.train.array is None
    image, label = data.test[1]
    assert image.shape == (224, 224, 3)
    assert label == 1
    assert data.mean == (0.485, 0.456, 0.406)
    # Short side 260 to 256, centre 224: columns run from about (300 - 224 * 260 / 256) / 2 on.
    assert abs(int(image[100, 0, 0]) - 36) <= 2
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
    (root / "train" / "red" / "007.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"007\.png"):
        load_data(f"folder:{root}")
    shutil.rmtree(root / "train" / "red")
    shutil.rmtree(root / "train" / "green")
    with pytest.raises(InputError, match="at least two"):
        load_data(f"folder:{root}")


def write_copies(root: Path, data: TrainingData, indices: list[int], *, suffix: str = "") -> None:
    """The training images of these places as files, in a folder for each class."""
    for index in indices:
        image, label = data.train[index]
        folder = root / data.classes[label].replace("/", "_")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index:05d}{suffix}.png")


@pytest.mark.parametrize("within", ["", "train"])
def test_copies_follow_the_training_images(tmp_path: Path, colours: Path, within: str) -> None:
    data = load_data(f"folder:{colours}")
    write_copies(tmp_path / within, data, [0, 3, 40])
    write_copies(tmp_path / within, data, [40], suffix="-again")
    (tmp_path / within / ".hidden").mkdir()
    more = with_copies(data, tmp_path)
    assert len(more.train) == 45 + 4
    assert more.train.labels[45:].tolist() == [0, 0, 2, 2]
    assert np.array_equal(more.train.array[:45], data.train.array)
    for index, own in enumerate([0, 3, 40, 40]):
        assert np.array_equal(more.train[45 + index][0], data.train[own][0])
    assert (more.test, more.classes, more.size) == (data.test, data.classes, data.size)
    assert len(data.train) == 45


def test_copies_of_any_size_are_brought_to_that_of_the_data_set(tmp_path: Path) -> None:
    """Digits are 8 px, seen at 32: a copy at 8 is enlarged as they are, one at 32 taken as it is."""
    seen, own = load_data("digits"), load_data("digits", size=8)
    write_copies(tmp_path, own, [5])
    write_copies(tmp_path, seen, [5], suffix="-large")
    more = with_copies(seen, tmp_path)
    assert np.array_equal(more.train[901][0], seen.train[5][0])
    assert np.array_equal(more.train[902][0], seen.train[5][0])


def test_copies_of_large_images_stay_in_their_files(tmp_path: Path) -> None:
    for part, names in (("data/train", "ab"), ("data/test", "ab"), ("copies", "b")):
        for name in names:
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("RGB", (100, 90), (10, 20, 200)).save(tmp_path / part / name / "x.png")
    data = with_copies(load_data(f"folder:{tmp_path / 'data'}", size=80), tmp_path / "copies")
    assert data.train.array is None
    assert [file.relative_to(tmp_path).as_posix() for file in data.train.files] == [
        "data/train/a/x.png",
        "data/train/b/x.png",
        "copies/b/x.png",
    ]
    assert data.train.labels.tolist() == [0, 1, 1]
    assert data.train[2][0].shape == (80, 80, 3)


def test_a_class_called_train_is_told_from_a_folder_of_classes(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for part in ("train", "test"):
        for name in ("T-shirt_top", "train"):
            (root / part / name).mkdir(parents=True)
            Image.new("RGB", (16, 16)).save(root / part / name / "x.png")
    data = load_data(f"folder:{root}")
    write_copies(tmp_path / "plain", data, [0, 1])
    write_copies(tmp_path / "within" / "train", data, [0, 1])
    for copies in ("plain", "within"):
        assert with_copies(data, tmp_path / copies).train.labels.tolist() == [0, 1, 0, 1]
    write_copies(tmp_path / "one", data, [1])
    assert with_copies(data, tmp_path / "one").train.labels.tolist() == [0, 1, 1]
    slashed = replace(data, classes=("T-shirt/top", "train"))
    assert with_copies(slashed, tmp_path / "plain").train.labels.tolist() == [0, 1, 0, 1]


def test_what_is_wrong_with_copies_is_named(tmp_path: Path, colours: Path) -> None:
    data = load_data(f"folder:{colours}")
    cases = {"no such folder": tmp_path / "none", "no image in its class folders": tmp_path / "empty"}
    cases["its class violet is none of the 3 known classes"] = tmp_path / "other"
    cases[r"00000\.png"] = tmp_path / "broken"
    (tmp_path / "empty").mkdir()
    shutil.copytree(colours / "test" / "red", tmp_path / "other" / "train" / "violet")
    write_copies(tmp_path / "broken", data, [0])
    (tmp_path / "broken" / "blue" / "00000.png").write_bytes(b"no image")
    for line, path in cases.items():
        with pytest.raises(InputError, match=line) as caught:
            with_copies(data, path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


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
    image, label = data.train[1]
    assert label == 1
    assert image.shape == (32, 32, 3)
    assert image[16, 16].tolist() == [200] * 3
    assert image[1, 16].tolist() == [0] * 3


def test_a_subset_is_the_first_of_each_class() -> None:
    whole = load_data("digits")
    some = load_data("digits", subset=50, test_subset=20)
    assert len(some.train) == 50 and len(some.test) == 20
    for all_of, chosen, each in ((whole.train, some.train, 5), (whole.test, some.test, 2)):
        assert np.bincount(chosen.labels).tolist() == [each] * 10
        indices = sorted(np.concatenate([np.flatnonzero(all_of.labels == label)[:each] for label in range(10)]))
        assert all_of.array is not None and chosen.array is not None
        assert np.array_equal(chosen.array, all_of.array[indices])
        assert np.array_equal(chosen.labels, all_of.labels[indices])


def test_the_subset_of_the_test_images_alone() -> None:
    assert np.array_equal(load_test("digits", subset=20)[1].labels, load_data("digits", test_subset=20).test.labels)


@pytest.mark.parametrize(
    ("subset", "message"),
    [(15, "subset 15: must be a multiple of the 10 classes"), (10_000, "is 1000 of each class, and one has 8")],
)
def test_a_subset_that_there_is_not(subset: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_data("digits", subset=subset)


def test_what_was_read_of_a_large_folder_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And read again when a file has changed or another part of the folder is asked for; never more than one array."""
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(labelled, "KEPT_FROM", 4)
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in "ab":
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(3):
                image = Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8))
                image.save(tmp_path / part / name / f"{index}.png")
    first = load_data(f"folder:{tmp_path}")
    monkeypatch.setattr(labelled, "_read_files", None)  # no file is opened the second time
    again = load_data(f"folder:{tmp_path}")
    for one, other in ((first.train, again.train), (first.test, again.test)):
        assert one.array is not None and other.array is not None
        assert np.array_equal(one.array, other.array)
    assert len(list((tmp_path / "cache" / "images").glob("*.npy"))) == 2
    monkeypatch.undo()
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(labelled, "KEPT_FROM", 4)
    Image.new("RGB", (9, 9), "red").save(tmp_path / "train" / "b" / "0.png")
    changed = load_data(f"folder:{tmp_path}").train.array
    assert changed is not None and (changed[3] == (255, 0, 0)).all()
    next((tmp_path / "cache" / "images").glob("*.npy")).write_bytes(b"damaged")
    for subset, kept in ((4, 2), (2, 2)):  # two images are too few to be kept
        some = load_data(f"folder:{tmp_path}", subset=subset).train.array
        assert some is not None and np.array_equal(some[-1], changed[2 + subset // 2])
        assert len(list((tmp_path / "cache" / "images").glob("*.npy"))) == kept
