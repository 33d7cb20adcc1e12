"""CIFAR-C, ImageNet-C and C̄ in the official layouts, and in ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import reader_layouts as layouts
from PIL import Image
from reader_layouts import refused
from torchvision import transforms as tv

from mixset._common.errors import InputError
from pixmix._evaluators.image_sets import Batch, ImageSet
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source
from pixmix.readers import CorruptedSet, imagenet_wnids
from pixmix.readers._severities import severity_folders


def test_cifar_c_is_cut_into_its_severities(cifar_c: Path) -> None:
    found = CorruptedSet(cifar_c, "c")
    assert found.corruptions == layouts.C
    assert set(found.extra) == set(layouts.C_EXTRA)
    assert found.problems == () and found.source == {"source": "official"} and found.classes is None
    for name in ("fog", "spatter"):
        whole, labels = np.load(cifar_c / f"{name}.npy"), np.load(cifar_c / "labels.npy")
        assert found.severities(name) == (1, 2, 3, 4, 5)
        for severity in found.severities(name):
            images, truth = found.images(name, severity)
            rows = slice(4 * (severity - 1), 4 * severity)
            np.testing.assert_array_equal(images, whole[rows])
            assert isinstance(images, np.memmap) and truth.dtype == np.int64
            assert truth.tolist() == labels[rows].tolist() == [0, 2, 4, 6]
            assert len(list(ImageSet((images, truth)).batches(3))) == 2


def test_cifar_cbar_has_the_same_layout(tmp_path: Path) -> None:
    root = layouts.cifar_c(tmp_path / "CIFAR-10-C-Bar", layouts.CBAR_CIFAR, labels_type=np.int64)
    found = CorruptedSet(root, "cbar")
    assert set(found.corruptions) == set(layouts.CBAR_CIFAR) and found.extra == ()
    assert found.images("lines", 5)[0].shape == (4, 32, 32, 3)


@pytest.mark.parametrize("group", [False, True])
def test_imagenet_c_with_and_without_groups(tmp_path: Path, group: bool) -> None:
    names = (*layouts.C, *layouts.C_EXTRA)
    root = layouts.imagenet_c(tmp_path / "c", names, group=group)
    found = CorruptedSet(root, "c", size=48)
    assert found.corruptions == layouts.C and set(found.extra) == set(layouts.C_EXTRA)
    assert found.classes == layouts.WNIDS
    images = found.images("frost", 3)
    assert images.labels.tolist() == [0, 0, 1, 1, 2, 2]
    image, label = images[3]
    assert image.shape == (48, 48, 3) and label == 1
    np.testing.assert_allclose(image, 41, atol=1)
    batch, labels, _ = next(ImageSet(images).batches(6))
    assert batch.shape == (6, 48, 48, 3) and labels.tolist() == images.labels.tolist()


def test_imagenet_cbar_by_severity_and_by_raw_values(tmp_path: Path) -> None:
    raw = {name: [f"{value:.2f}" for value in values] for name, values in layouts.CBAR_IMAGENET.items()}
    by_number = layouts.imagenet_c(tmp_path / "numbers", layouts.CBAR_IMAGENET, per_class=1)
    by_value = layouts.imagenet_c(tmp_path / "values", layouts.CBAR_IMAGENET, severities=raw, per_class=1)
    assert (by_value / "caustic_refraction" / "2.35").is_dir()
    for root in (by_number, by_value):
        found = CorruptedSet(root, "cbar", size=64)
        assert set(found.corruptions) == set(layouts.CBAR_IMAGENET) and found.problems == ()
    for name, values in raw.items():
        for severity, value in enumerate(values, 1):
            assert found.images(name, severity).root == by_value / name / value


def test_raw_values_and_severities_are_told_apart() -> None:
    assert severity_folders("cbar", "sparkles", ["1.00", "2.00", "3.00", "5.00", "6.00"]) == {
        "1.00": 1, "2.00": 2, "3.00": 3, "5.00": 4, "6.00": 5
    }  # fmt: skip
    assert list(severity_folders("cbar", "sparkles", ["1", "2", "3", "5", "6"]).values()) == [1, 2, 3, 4, 5]
    assert list(severity_folders("cbar", "sparkles", list("12345")).values()) == [1, 2, 3, 4, 5]
    assert severity_folders("cbar", "sparkles", ["1.00", "7.00", "old"]) == {"1.00": 1, "7.00": 0, "old": 0}
    assert severity_folders("c", "fog", ["1", "2.35", "nan"]) == {"1": 1, "2.35": 0, "nan": 0}


@pytest.mark.parametrize("resize", [False, True])
@pytest.mark.parametrize("side", [224, 300])
def test_both_transforms_are_torchvisions(tmp_path: Path, resize: bool, side: int) -> None:
    root = tmp_path / "c"
    layouts.imagenet_c(root, ("fog",), per_class=1, side=16)
    image = Image.fromarray(np.repeat(np.repeat(layouts.bytes_of(25, 25, 3), side // 25 + 1, 0), side // 25 + 1, 1))
    image = image.crop((0, 0, side, side))
    for path in (root / "fog").rglob("*.JPEG"):
        image.save(path, quality=85)
    found = CorruptedSet(root, "c", resize=resize, partial=True).images("fog", 1)
    steps = [*([tv.Resize(256)] if resize else []), tv.CenterCrop(224)]
    with Image.open(root / "fog" / "1" / layouts.WNIDS[0] / "ILSVRC2012_val_00000000.JPEG") as opened:
        expected = np.asarray(tv.Compose(steps)(opened.convert("RGB")))
    np.testing.assert_array_equal(found[0][0], expected)


def test_tiny_imagenet_c_is_read_at_its_own_size(tmp_path: Path) -> None:
    root = layouts.imagenet_c(tmp_path / "Tiny-ImageNet-C", per_class=1, side=64)
    found = CorruptedSet(root, "c")
    assert found.corruptions == layouts.C and found.classes == layouts.WNIDS
    images = found.images("fog", 3)
    assert images[2][0].shape == (64, 64, 3) and images.labels.tolist() == [0, 1, 2]
    layouts.imagenet_c(root, ("fog",), per_class=1, side=48)
    line = refused(root)
    assert "fog/1/n01440764/ILSVRC2012_val_00000000.JPEG has 48 px and " in line
    assert line.endswith(" 64; give the folder of one set")


def test_labels_follow_a_list_of_classes(imagenet_c: Path) -> None:
    classes = imagenet_wnids()
    found = CorruptedSet(imagenet_c, "c", classes=classes)
    expected = [classes.index(wnid) for wnid in layouts.WNIDS for _ in range(2)]
    assert found.images("fog", 1).labels.tolist() == expected
    assert found.classes == layouts.WNIDS and found.numbered
    assert "its class n01484850 is none of the 2 known classes" in refused(imagenet_c, classes=layouts.WNIDS[:2])


def test_what_this_package_makes_is_read_and_says_so(tmp_path: Path) -> None:
    source = Source(name="noise", size=8, labels=np.array([4, 1, 0]), array=layouts.bytes_of(3, 8, 8, 3))
    corrupt(
        source, tmp_path / "made", corruptions=["fog", "contrast"], severities=[4, 2], seed=7, workers=1, quiet=True
    )
    assert "gaussian_noise: missing" in refused(tmp_path / "made")
    found = CorruptedSet(tmp_path / "made", "c", partial=True)
    assert found.corruptions == ("fog", "contrast") and found.severities("fog") == (2, 4)
    assert found.source["source"] == "generated" and found.source["seed"] == 7 and found.source["dataset"] == "noise"
    json.dumps(found.source)
    whole = np.load(tmp_path / "made" / "fog.npy")
    np.testing.assert_array_equal(found.images("fog", 4)[0], whole[:3])
    np.testing.assert_array_equal(found.images("fog", 2)[0], whole[3:])
    assert found.images("fog", 2)[1].tolist() == [4, 1, 0]
    assert "holds suite c, needed is suite cbar" in refused(tmp_path / "made", "cbar")
    np.save(tmp_path / "made" / "labels.npy", np.zeros(4, np.int64))
    line = refused(tmp_path / "made", partial=True)
    assert "labels.npy is damaged (its SHA-256 does not match); `pixmix corrupt folder:.../noise " in line
    assert "made --suite c --size 8 --seed 7 --severities 4 2` makes it again" in line


@pytest.mark.parametrize(
    ("size", "flips"), [(8, 5), (80, 5), *(pytest.param(size, 400, marks=pytest.mark.slow) for size in (8, 80))]
)
def test_each_flipped_bit_of_a_made_set_is_found(tmp_path: Path, size: int, flips: int) -> None:
    names = ("ant/a", "ant/b", "bee/c")
    source = Source(
        name="noise", size=size, labels=np.array([0, 0, 1]), array=layouts.bytes_of(3, size, size, 3), names=names
    )
    root = corrupt(source, tmp_path / "made", corruptions=["fog", "contrast"], severities=[1], workers=1, quiet=True)

    def read() -> tuple[list[list[Batch]], tuple[str, ...]]:
        found = CorruptedSet(root, "c", partial=True)
        return [list(ImageSet(found.images(name, 1)).batches(3)) for name in found.corruptions], found.problems

    whole, problems = read()
    assert len(whole) == 2 and len(problems) == 13
    files = sorted(path for path in root.rglob("*.*") if path.is_file())
    assert len(files) == (4 if size == 8 else 7)
    for path in files:
        content = path.read_bytes()
        random = np.random.default_rng(0)
        for index in (1, 9, len(content) - 1, *random.integers(0, len(content), flips - 3)):
            bit = 1 << int(random.integers(8))
            path.write_bytes(content[:index] + bytes([content[index] ^ bit]) + content[index + 1 :])
            try:
                there, problems = read()
            except InputError as error:
                assert f"{path} is damaged" in str(error) and "again" in str(error) and "\n" not in str(error)
            else:
                assert len(there) == 1 and f"{path.name} is damaged (its SHA-256 does not match)" in problems
                assert f"--corruptions {path.stem}` makes it again" in refused(root)
        path.write_bytes(content)
    assert len(read()[0]) == 2


def test_large_images_this_package_makes_are_read_at_their_size(tmp_path: Path) -> None:
    names = tuple(f"{wnid}/{wnid}_0" for wnid in layouts.WNIDS)
    source = Source(name="large", size=96, labels=np.arange(3), array=layouts.bytes_of(3, 96, 96, 3), names=names)
    corrupt(source, tmp_path / "made", corruptions=["contrast"], workers=1, quiet=True)
    found = CorruptedSet(tmp_path / "made", "c", partial=True)
    images = found.images("contrast", 2)
    assert images[2][0].shape == (96, 96, 3) and images.labels.tolist() == [0, 1, 2]
    for path in (tmp_path / "made" / "contrast").glob(f"*/{layouts.WNIDS[0]}/*"):
        path.unlink()
    assert "2 images, its recipe has 3: run its command again" in refused(tmp_path / "made")


def test_fingerprints_follow_the_files_and_what_is_done_to_them(broken_folders: Path) -> None:
    first = CorruptedSet(broken_folders, "c").images("fog", 1)
    again = CorruptedSet(broken_folders, "c").images("fog", 1)
    resized = CorruptedSet(broken_folders, "c", resize=True).images("fog", 1)
    assert first.fingerprint() == again.fingerprint() != resized.fingerprint()
    assert first.fingerprint() != CorruptedSet(broken_folders, "c").images("fog", 2).fingerprint()
    before = first.fingerprint()
    layouts.jpeg(first.root / first.names[0], layouts.bytes_of(64, 64, 3))
    assert first.fingerprint() != before
    assert CorruptedSet(broken_folders, "c").images("fog", 1).take(np.array([1])).names == [first.names[1]]


def test_labels_of_arrays_are_those_of_each_severity(tmp_path: Path) -> None:
    root = layouts.cifar_c(tmp_path / "c")
    labels = np.load(root / "labels.npy")
    np.save(root / "labels.npy", np.sort(labels))
    with pytest.raises(InputError, match=r"labels.npy differs from severity to severity; each must have the same"):
        CorruptedSet(root, "c")
    np.save(root / "labels.npy", labels)
    CorruptedSet(root, "c")
