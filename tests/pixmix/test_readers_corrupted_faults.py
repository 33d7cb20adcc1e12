"""CIFAR-C, ImageNet-C and C̄ broken in every way: each fault is named in one line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reader_layouts as layouts
from reader_layouts import refused

from mixset._common.errors import InputError
from pixmix._evaluators.image_sets import ImageSet
from pixmix.readers import CorruptedSet, PerturbedSet


def cut(length: int) -> Callable[..., Any]:
    return lambda root: (root / "fog.npy").write_bytes((root / "fog.npy").read_bytes()[:length])


def replaced(array: np.ndarray) -> Callable[..., Any]:
    return lambda root: np.save(root / "fog.npy", array, allow_pickle=True)


def zeros(*shape: int) -> Callable[..., Any]:
    return replaced(np.zeros(shape, np.uint8))


ARRAY_FAULTS = {
    "missing file": (lambda root: (root / "fog.npy").unlink(), r"fog: missing", ()),
    "unknown name": (
        lambda root: (root / "fog.npy").rename(root / "fogg.npy"),
        r"fogg\.npy: unknown name; fog: missing",
        (),
    ),
    "cut short": (cut(20_000), r"fog\.npy is damaged \(.* bytes, it holds", ()),
    "cut in the header": (cut(9), r"fog\.npy is damaged", ()),
    "empty file": (cut(0), r"fog\.npy is damaged", ()),
    "pickled": (replaced(np.array([{}])), r"fog\.npy is damaged \(it holds object", ()),
    "floats": (
        replaced(np.zeros((20, 32, 32, 3))),
        r"fog\.npy: holds float64 \(20, 32, 32, 3\), needed is \(N, H, W, 3\) uint8",
        (),
    ),
    "channels first": (zeros(20, 3, 32, 32), r"fog\.npy: holds \(20, 3", ()),
    "no axis of images": (zeros(20, 32, 32), r"fog\.npy: holds uint8 \(20, 32, 32\)", ()),
    "wrong count": (zeros(18, 32, 32, 3), r"fog\.npy: 18 images, labels\.npy has 20", ()),
    "too many": (zeros(24, 32, 32, 3), r"fog\.npy: 24 images, labels\.npy has 20", ()),
    "missing severities": (
        zeros(12, 32, 32, 3),
        r"fog\.npy: severity 4, 5 missing \(12 of 20 images\)",
        (1, 2, 3),
    ),
}


@pytest.mark.parametrize("fault", ARRAY_FAULTS)
def test_a_fault_of_arrays_is_named_or_left_out(broken: Path, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    cause, line, left = ARRAY_FAULTS[fault]
    cause(broken)
    message = refused(broken)
    assert re.search(line, message), message
    assert str(broken) in message and "`partial`" in message
    found = CorruptedSet(broken, "c", partial=True)
    assert re.search(line, "; ".join(found.problems))
    assert re.search(f"{broken}: left out: .*{line}", capsys.readouterr().err)
    if left:
        assert found.severities("fog") == left
    assert ("fog" in found.corruptions) == bool(left) and len(found.corruptions) == 14 + bool(left)
    with pytest.raises(InputError, match="fog has no severity 5; it has 1" if left else "no corruption fog; it has"):
        found.images("fog", 5)


def removed(index: str) -> Callable[..., Any]:
    return lambda root: shutil.rmtree(root / index)


def renamed(index: str, other: str) -> Callable[..., Any]:
    return lambda root: (root / index).rename(root / other)


FOLDER_FAULTS = {
    "missing corruption": (removed("fog"), r"fog: missing", ()),
    "unknown name": (renamed("fog", "foog"), r"foog/: unknown name; fog: missing", ()),
    "missing severity": (removed("fog/3"), r"fog: severity 3 missing", (1, 2, 4, 5)),
    "unknown severity": (
        renamed("fog/3", "fog/6"),
        r"fog/6: not a severity; fog: severity 3 missing",
        (1, 2, 4, 5),
    ),
    "missing image": (
        lambda root: (root / "fog" / "3" / layouts.WNIDS[1] / "ILSVRC2012_val_00000011.JPEG").unlink(),
        r"fog/3: 5 images, others have 6 \(missing: n01443537/ILSVRC2012_val_00000011\.JPEG\)",
        (1, 2, 4, 5),
    ),
    "missing class": (removed(f"fog/3/{layouts.WNIDS[0]}"), r"fog/3: 4 images, others have 6", (1, 2, 4, 5)),
    "other images": (
        renamed(f"fog/3/{layouts.WNIDS[0]}", f"fog/3/{layouts.WNIDS[0]}x"),
        r"fog/3: 6 images, others have 6 \(missing: n01440764/",
        (1, 2, 4, 5),
    ),
    "empty severity": (
        lambda root: [path.unlink() for path in (root / "fog" / "3").rglob("*.JPEG")],
        r"fog/3: 0 images, others have 6",
        (1, 2, 4, 5),
    ),
}


@pytest.mark.parametrize("fault", FOLDER_FAULTS)
def test_a_fault_of_folders_is_named_or_left_out(broken_folders: Path, fault: str) -> None:
    cause, line, left = FOLDER_FAULTS[fault]
    cause(broken_folders)
    message = refused(broken_folders)
    assert re.search(line, message), message
    found = CorruptedSet(broken_folders, "c", partial=True)
    assert re.search(line, "; ".join(found.problems))
    assert (found.severities("fog") if left else ()) == left
    assert ("fog" in found.corruptions) == bool(left)


def test_all_faults_are_in_one_line_and_many_are_counted(broken: Path) -> None:
    for name in layouts.C[:9]:
        (broken / f"{name}.npy").unlink()
    message = refused(broken)
    assert "gaussian_noise: missing" in message and "and 3 more" in message
    assert len(CorruptedSet(broken, "c", partial=True).problems) == 9


def test_an_image_cut_short_is_named_when_it_is_read(broken_folders: Path) -> None:
    path = next((broken_folders / "fog" / "2").rglob("*.JPEG"))
    path.write_bytes(path.read_bytes()[:300])
    images = CorruptedSet(broken_folders, "c", size=64).images("fog", 2)
    with pytest.raises(InputError, match=re.escape(f"image {path}: broken")) as caught:
        list(ImageSet(images).batches(4))
    assert "\n" not in str(caught.value)


def test_images_smaller_than_the_crop_are_named(imagenet_c: Path) -> None:
    images = CorruptedSet(imagenet_c, "c", size=224).images("fog", 2)
    with pytest.raises(InputError, match=r"ILSVRC2012_val_00000000\.JPEG: is 64x64 px, smaller than the crop"):
        images[0]


def test_what_is_no_set_gets_one_line(tmp_path: Path, cifar_c: Path) -> None:
    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "gaussian_noise: missing" in refused(tmp_path)
    assert "has no complete corruption of suite c" in refused(tmp_path, partial=True)
    assert "not a suite of corruptions" in refused(cifar_c, "p")
    (tmp_path / "noise.tar").write_bytes(b"")
    assert "unpack noise.tar first" in refused(tmp_path, partial=True)
    assert "missing" in refused(cifar_c, "cbar")


def test_two_sets_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    layouts.cifar_c(tmp_path / "CIFAR-10-C", ("fog",))
    layouts.cifar_c(tmp_path / "CIFAR-100-C", ("fog",))
    assert "fog is there twice" in refused(tmp_path, partial=True)


def test_labels_that_do_not_fit_are_refused(broken: Path) -> None:
    np.save(broken / "labels.npy", np.zeros(19, np.int64))
    assert "labels.npy has 19 labels" in refused(broken, partial=True)
    np.save(broken / "labels.npy", np.zeros(20))
    assert "labels.npy: holds float64 (20,), needed are (N,) class numbers" in refused(broken, partial=True)
    (broken / "labels.npy").unlink()
    assert "labels.npy is missing; put it beside the arrays" in refused(broken, partial=True)


class Evil:
    """What a pickle does when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


def test_nothing_is_ever_unpickled(broken: Path, tmp_path: Path) -> None:
    np.save(broken / "labels.npy", np.array([Evil(tmp_path / "here")] * 20), allow_pickle=True)
    assert "labels.npy is damaged (it holds object" in refused(broken, partial=True)
    assert not (tmp_path / "here").exists()


def test_arrays_of_another_size_than_most_are_named(tmp_path: Path) -> None:
    for root, suite in ((layouts.cifar_c(tmp_path / "c"), "c"), (layouts.cifar_p(tmp_path / "p"), "p")):
        array = np.load(root / "snow.npy")
        np.save(root / "snow.npy", array[..., ::2, ::2, :])
        opened = PerturbedSet if suite == "p" else partial(CorruptedSet, suite="c")
        with pytest.raises(InputError, match=f"{root}: snow.npy: images of 16x16 px, others have 32x32; fetch"):
            opened(root)
        assert opened(root, partial=True).problems == ("snow.npy: images of 16x16 px, others have 32x32",)


def test_a_class_of_folders_without_an_image_is_not_left_out(tmp_path: Path) -> None:
    root = layouts.imagenet_c(tmp_path / "c", per_class=1, side=8)
    for name in layouts.C:
        for step in "12345":
            (root / name / step / "n01491361").mkdir()
    with pytest.raises(InputError, match="its class n01491361 has no image that can be read"):
        CorruptedSet(root, "c")
    with pytest.raises(InputError, match="its class n01491361 has no image that can be read"):
        CorruptedSet(root, "c", classes=3)
    CorruptedSet(root, "c", classes=(*layouts.WNIDS, "n01491361"))
