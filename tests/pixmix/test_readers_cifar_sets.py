"""CIFAR-10.1, CIFAR-10.2 and CINIC-10 in the layouts of their archives: labels, counts, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reader_layouts as layouts

from mixset._common.errors import InputError
from pixmix.readers import CIFAR10Set, ImageFiles, _cifar_sets as cifar_sets

REVERSED = layouts.CIFAR[::-1]


def refused(root: Path, suite: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        CIFAR10Set(root, suite, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def arrays(found: CIFAR10Set) -> tuple[np.ndarray, np.ndarray]:
    images = found.images[""]
    assert isinstance(images, tuple)
    return images


@pytest.mark.parametrize("inner", ["", "datasets"])
def test_version_6_of_cifar10_1_is_taken_where_both_are(tmp_path: Path, inner: str) -> None:
    layouts.cifar10_1(tmp_path / inner, "v4", 2021, np.int64)
    assert CIFAR10Set(tmp_path, "cifar10_1").source == {"source": "official", "version": "v4"}
    layouts.cifar10_1(tmp_path / inner)
    found = CIFAR10Set(tmp_path, "cifar10_1")
    assert found.source["version"] == "v6" and found.problems == ()
    images, labels = arrays(found)
    np.testing.assert_array_equal(images, np.load(tmp_path / inner / "cifar10.1_v6_data.npy"))
    assert labels.tolist() == (np.arange(2000) * 7 % 10).tolist()


def test_labels_are_the_networks_numbers(tmp_path: Path) -> None:
    layouts.cifar10_1(tmp_path)
    layouts.cifar10_2(tmp_path)
    layouts.cinic10(tmp_path)
    for suite in ("cifar10_1", "cifar10_2"):
        _, own = arrays(CIFAR10Set(tmp_path, suite))
        _, labels = arrays(CIFAR10Set(tmp_path, suite, classes=REVERSED))
        assert (labels == 9 - own).all()
    cinic = CIFAR10Set(tmp_path, "cinic10", classes=REVERSED, partial=True).images["imagenet"]
    image, label = cinic[0]
    assert label == 9 and image.shape == (32, 32, 3)


def test_cifar10_2_is_read_past_its_python_objects_in_the_order_of_its_names(tmp_path: Path) -> None:
    layouts.cifar10_2(tmp_path, label_names=np.array(REVERSED))
    _, labels = arrays(CIFAR10Set(tmp_path, "cifar10_2"))
    assert labels.tolist() == (9 - np.arange(2000) * 3 % 10).tolist()
    layouts.cifar10_2(tmp_path, label_names=np.array([*layouts.CIFAR, None], object)[:10])  # cannot be read: CIFAR-10's
    _, labels = arrays(CIFAR10Set(tmp_path, "cifar10_2"))
    assert labels.tolist() == (np.arange(2000) * 3 % 10).tolist()


def test_cinic10_is_told_into_cifars_and_imagenets_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar_sets, "CINIC_IMAGES", 90)
    monkeypatch.setattr(cifar_sets, "CINIC_SHIFTED", 70)
    layouts.cinic10(tmp_path)
    for root in (tmp_path, tmp_path / "test"):
        found = CIFAR10Set(root, "cinic10")
        assert {name: len(images) for name, images in found.images.items()} == {"cifar": 20, "imagenet": 70}
    for name, images in found.images.items():
        assert isinstance(images, ImageFiles)
        for index in range(len(images)):
            file, label = images.names[index], images[index][1]
            assert file.startswith(f"{layouts.CIFAR[label]}/") and ("cifar-10" in file) == (name == "cifar")
    (tmp_path / "test" / "frog" / "n02123045_62.png").rename(tmp_path / "test" / "frog" / "cifar-10-train-9.png")
    assert "69 images of ImageNet's, CINIC-10 has 70" in refused(tmp_path, "cinic10")


def test_counts_are_checked(tmp_path: Path) -> None:
    layouts.cifar10_1(tmp_path, count=1999)
    assert "1,999 images, CIFAR-10.1 has 2,000; fetch" in refused(tmp_path, "cifar10_1")
    assert len(arrays(CIFAR10Set(tmp_path, "cifar10_1", partial=True))[1]) == 1999
    layouts.cifar10_2(tmp_path, count=10)
    assert "10 images, CIFAR-10.2 has 2,000" in refused(tmp_path, "cifar10_2")
    layouts.cinic10(tmp_path)
    (tmp_path / "test" / "frog").rename(tmp_path / "test" / "toad")
    assert "toad/: unknown class; frog/: missing; 81 images, CINIC-10 has 90,000" in refused(tmp_path, "cinic10")
    assert cifar_sets.VERSIONS == {"v6": 2000, "v4": 2021} and cifar_sets.CIFAR10_2_IMAGES == 2000
    assert (cifar_sets.CINIC_IMAGES, cifar_sets.CINIC_SHIFTED) == (90_000, 70_000)


@pytest.mark.parametrize("suite", ["cifar10_1", "cifar10_2", "cinic10"])
def test_what_is_no_set_gets_one_line(tmp_path: Path, suite: str) -> None:
    assert "no such folder" in refused(tmp_path / "nowhere", suite)
    assert "give" in refused(tmp_path, suite, partial=True)
    assert "a network of CIFAR-10's classes is needed, and this one has no bird" in refused(
        tmp_path, suite, classes=[name for name in layouts.CIFAR if name != "bird"]
    )


def test_an_unknown_suite_gets_the_known_ones(tmp_path: Path) -> None:
    assert "choose one of cifar10_1, cifar10_2, cinic10" in refused(tmp_path, "c")


@pytest.mark.parametrize(("data", "labels", "line"), [
    (np.zeros((4, 32, 32, 3), np.float32), np.zeros(4, int), "holds float32"),
    (np.zeros((4, 3, 32, 32), np.uint8), np.zeros(4, int), "needed is (N, H, W, 3) uint8"),
    (np.zeros((4, 28, 28, 3), np.uint8), np.zeros(4, int), "images of 28x28 px, needed are 32x32"),
    (np.zeros((4, 32, 32, 3), np.uint8), np.zeros(3, int), "4 images need as many labels"),
    (np.zeros((4, 32, 32, 3), np.uint8), np.zeros((4, 1), int), "needed are (N,) class numbers"),
    (np.zeros((4, 32, 32, 3), np.uint8), np.array([0, 1, 2, 10]), "labels must be 0 to 9"),
    (np.zeros((4, 32, 32, 3), np.uint8), np.array([0, 1, 2, -1]), "needed are (N,) class numbers"),
    (np.zeros((4, 32, 32, 3), np.uint8), np.zeros(4), "needed are (N,) class numbers"),
])  # fmt: skip
def test_other_arrays_are_refused(tmp_path: Path, data: np.ndarray, labels: np.ndarray, line: str) -> None:
    np.save(tmp_path / "cifar10.1_v6_data.npy", data)
    assert "cifar10.1_v6_labels.npy is missing; put it beside the images" in refused(tmp_path, "cifar10_1")
    np.save(tmp_path / "cifar10.1_v6_labels.npy", labels)
    assert line in refused(tmp_path, "cifar10_1", partial=True)


@pytest.mark.parametrize(("members", "line"), [
    ({"images": np.zeros((4, 32, 32, 3), np.int64)}, "images holds int64"),
    ({"images": np.zeros((4, 32, 32), np.uint8)}, "needed is (N, 32, 32, 3) uint8"),
    ({"images": np.zeros((4, 8, 8, 3), np.uint8)}, "images of 8x8 px"),
    ({"labels": np.zeros(3, int)}, "4 images need as many labels"),
    ({"labels": np.zeros(4)}, "got float64"),
    ({"labels": np.array([0, 1, 2, 11])}, "labels must be 0 to 9"),
    ({"labels": np.array([0, 1, 2, -1])}, "labels must be 0 to 9"),
    ({"labels": np.array([0, 1, 2, None], object)}, "is damaged (its array labels holds object, numbers are needed)"),
    ({"label_names": np.array([*layouts.CIFAR[:9], "lorry"])}, "needed are CIFAR-10's classes"),
    ({"label_names": np.arange(10)}, "needed are CIFAR-10's classes"),
])  # fmt: skip
def test_other_archives_are_refused(tmp_path: Path, members: dict[str, Any], line: str) -> None:
    layouts.cifar10_2(tmp_path, 4, **members)
    assert line in refused(tmp_path, "cifar10_2", partial=True)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\5\6" + b"\0" * 18])
def test_a_damaged_archive_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cifar102_test.npz").write_bytes(content)
    assert "cifar102_test.npz is damaged" in refused(tmp_path, "cifar10_2", partial=True)
