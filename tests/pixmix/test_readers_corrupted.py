"""CIFAR-C, ImageNet-C and C̄ in the official layouts, in ours, and broken in every way."""

import json
import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import reader_layouts as layouts
from PIL import Image
from torchvision import transforms as tv

from mixset._common.errors import InputError
from pixmix._evaluators.image_sets import ImageSet
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source
from pixmix.readers import CorruptedSet, PerturbedSet, imagenet_wnids
from pixmix.readers._corrupted import severity_folders


@pytest.fixture(scope="module")
def cifar_c(tmp_path_factory):
    return layouts.cifar_c(tmp_path_factory.mktemp("sets") / "CIFAR-10-C")


@pytest.fixture(scope="module")
def imagenet_c(tmp_path_factory):
    return layouts.imagenet_c(tmp_path_factory.mktemp("sets") / "imagenet-c")


@pytest.fixture
def broken(cifar_c, tmp_path):
    return shutil.copytree(cifar_c, tmp_path / "CIFAR-10-C")


@pytest.fixture
def broken_folders(imagenet_c, tmp_path):
    return shutil.copytree(imagenet_c, tmp_path / "imagenet-c")


def refused(root, suite="c", **options):
    with pytest.raises(InputError) as caught:
        CorruptedSet(root, suite, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_cifar_c_is_cut_into_its_severities(cifar_c):
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


def test_cifar_cbar_has_the_same_layout(tmp_path):
    root = layouts.cifar_c(tmp_path / "CIFAR-10-C-Bar", layouts.CBAR_CIFAR, labels_type=np.int64)
    found = CorruptedSet(root, "cbar")
    assert set(found.corruptions) == set(layouts.CBAR_CIFAR) and found.extra == ()
    assert found.images("lines", 5)[0].shape == (4, 32, 32, 3)


@pytest.mark.parametrize("group", [False, True])
def test_imagenet_c_with_and_without_groups(tmp_path, group):
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


def test_imagenet_cbar_by_severity_and_by_raw_values(tmp_path):
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


def test_raw_values_and_severities_are_told_apart():
    assert severity_folders("cbar", "sparkles", ["1.00", "2.00", "3.00", "5.00", "6.00"]) == {
        "1.00": 1, "2.00": 2, "3.00": 3, "5.00": 4, "6.00": 5
    }  # fmt: skip
    assert list(severity_folders("cbar", "sparkles", ["1", "2", "3", "5", "6"]).values()) == [1, 2, 3, 4, 5]
    assert list(severity_folders("cbar", "sparkles", list("12345")).values()) == [1, 2, 3, 4, 5]
    assert severity_folders("cbar", "sparkles", ["1.00", "7.00", "old"]) == {"1.00": 1, "7.00": 0, "old": 0}
    assert severity_folders("c", "fog", ["1", "2.35", "nan"]) == {"1": 1, "2.35": 0, "nan": 0}


@pytest.mark.parametrize("resize", [False, True])
@pytest.mark.parametrize("side", [224, 300])
def test_both_transforms_are_torchvisions(tmp_path, resize, side):
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


def test_tiny_imagenet_c_is_read_at_its_own_size(tmp_path):
    root = layouts.imagenet_c(tmp_path / "Tiny-ImageNet-C", per_class=1, side=64)
    found = CorruptedSet(root, "c")
    assert found.corruptions == layouts.C and found.classes == layouts.WNIDS
    images = found.images("fog", 3)
    assert images[2][0].shape == (64, 64, 3) and images.labels.tolist() == [0, 1, 2]
    layouts.imagenet_c(root, ("fog",), per_class=1, side=48)
    line = refused(root)
    assert "fog/1/n01440764/ILSVRC2012_val_00000000.JPEG has 48 px and " in line
    assert line.endswith(" 64; give the folder of one set")


def test_labels_follow_a_list_of_classes(imagenet_c):
    classes = imagenet_wnids()
    found = CorruptedSet(imagenet_c, "c", classes=classes)
    expected = [classes.index(wnid) for wnid in layouts.WNIDS for _ in range(2)]
    assert found.images("fog", 1).labels.tolist() == expected
    assert found.classes == layouts.WNIDS and found.numbered
    assert "its class n01484850 is none of the 2 known classes" in refused(imagenet_c, classes=layouts.WNIDS[:2])


def test_what_this_package_makes_is_read_and_says_so(tmp_path):
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
def test_each_flipped_bit_of_a_made_set_is_found(tmp_path, size, flips):
    names = ("ant/a", "ant/b", "bee/c")
    source = Source(
        name="noise", size=size, labels=np.array([0, 0, 1]), array=layouts.bytes_of(3, size, size, 3), names=names
    )
    root = corrupt(source, tmp_path / "made", corruptions=["fog", "contrast"], severities=[1], workers=1, quiet=True)

    def read():
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


def test_large_images_this_package_makes_are_read_at_their_size(tmp_path):
    names = tuple(f"{wnid}/{wnid}_0" for wnid in layouts.WNIDS)
    source = Source(name="large", size=96, labels=np.arange(3), array=layouts.bytes_of(3, 96, 96, 3), names=names)
    corrupt(source, tmp_path / "made", corruptions=["contrast"], workers=1, quiet=True)
    found = CorruptedSet(tmp_path / "made", "c", partial=True)
    images = found.images("contrast", 2)
    assert images[2][0].shape == (96, 96, 3) and images.labels.tolist() == [0, 1, 2]
    for path in (tmp_path / "made" / "contrast").glob(f"*/{layouts.WNIDS[0]}/*"):
        path.unlink()
    assert "2 images, its recipe has 3: run its command again" in refused(tmp_path / "made")


def test_fingerprints_follow_the_files_and_what_is_done_to_them(broken_folders):
    first = CorruptedSet(broken_folders, "c").images("fog", 1)
    again = CorruptedSet(broken_folders, "c").images("fog", 1)
    resized = CorruptedSet(broken_folders, "c", resize=True).images("fog", 1)
    assert first.fingerprint() == again.fingerprint() != resized.fingerprint()
    assert first.fingerprint() != CorruptedSet(broken_folders, "c").images("fog", 2).fingerprint()
    before = first.fingerprint()
    layouts.jpeg(first.root / first.names[0], layouts.bytes_of(64, 64, 3))
    assert first.fingerprint() != before
    assert CorruptedSet(broken_folders, "c").images("fog", 1).take(np.array([1])).names == [first.names[1]]


def cut(length):
    return lambda root: (root / "fog.npy").write_bytes((root / "fog.npy").read_bytes()[:length])


def replaced(array):
    return lambda root: np.save(root / "fog.npy", array, allow_pickle=True)


def zeros(*shape):
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
def test_a_fault_of_arrays_is_named_or_left_out(broken, fault, capsys):
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


def removed(index):
    return lambda root: shutil.rmtree(root / index)


def renamed(index, other):
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
def test_a_fault_of_folders_is_named_or_left_out(broken_folders, fault):
    cause, line, left = FOLDER_FAULTS[fault]
    cause(broken_folders)
    message = refused(broken_folders)
    assert re.search(line, message), message
    found = CorruptedSet(broken_folders, "c", partial=True)
    assert re.search(line, "; ".join(found.problems))
    assert (found.severities("fog") if left else ()) == left
    assert ("fog" in found.corruptions) == bool(left)


def test_all_faults_are_in_one_line_and_many_are_counted(broken):
    for name in layouts.C[:9]:
        (broken / f"{name}.npy").unlink()
    message = refused(broken)
    assert "gaussian_noise: missing" in message and "and 3 more" in message
    assert len(CorruptedSet(broken, "c", partial=True).problems) == 9


def test_an_image_cut_short_is_named_when_it_is_read(broken_folders):
    path = next((broken_folders / "fog" / "2").rglob("*.JPEG"))
    path.write_bytes(path.read_bytes()[:300])
    images = CorruptedSet(broken_folders, "c", size=64).images("fog", 2)
    with pytest.raises(InputError, match=re.escape(f"image {path}: broken")) as caught:
        list(ImageSet(images).batches(4))
    assert "\n" not in str(caught.value)


def test_images_smaller_than_the_crop_are_named(imagenet_c):
    images = CorruptedSet(imagenet_c, "c", size=224).images("fog", 2)
    with pytest.raises(InputError, match=r"ILSVRC2012_val_00000000\.JPEG: is 64x64 px, smaller than the crop"):
        images[0]


def test_what_is_no_set_gets_one_line(tmp_path, cifar_c):
    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "gaussian_noise: missing" in refused(tmp_path)
    assert "has no complete corruption of suite c" in refused(tmp_path, partial=True)
    assert "not a suite of corruptions" in refused(cifar_c, "p")
    (tmp_path / "noise.tar").write_bytes(b"")
    assert "unpack noise.tar first" in refused(tmp_path, partial=True)
    assert "missing" in refused(cifar_c, "cbar")


def test_two_sets_in_one_folder_are_not_mixed(tmp_path):
    layouts.cifar_c(tmp_path / "CIFAR-10-C", ("fog",))
    layouts.cifar_c(tmp_path / "CIFAR-100-C", ("fog",))
    assert "fog is there twice" in refused(tmp_path, partial=True)


def test_labels_that_do_not_fit_are_refused(broken):
    np.save(broken / "labels.npy", np.zeros(19, np.int64))
    assert "labels.npy has 19 labels" in refused(broken, partial=True)
    np.save(broken / "labels.npy", np.zeros(20))
    assert "labels.npy: holds float64 (20,), needed are (N,) class numbers" in refused(broken, partial=True)
    (broken / "labels.npy").unlink()
    assert "labels.npy is missing; put it beside the arrays" in refused(broken, partial=True)


class Evil:
    """What a pickle does when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_is_ever_unpickled(broken, tmp_path):
    np.save(broken / "labels.npy", np.array([Evil(tmp_path / "here")] * 20), allow_pickle=True)
    assert "labels.npy is damaged (it holds object" in refused(broken, partial=True)
    assert not (tmp_path / "here").exists()


def test_labels_of_arrays_are_those_of_each_severity(tmp_path: Path) -> None:
    root = layouts.cifar_c(tmp_path / "c")
    labels = np.load(root / "labels.npy")
    np.save(root / "labels.npy", np.sort(labels))
    with pytest.raises(InputError, match=r"labels.npy differs from severity to severity; each must have the same"):
        CorruptedSet(root, "c")
    np.save(root / "labels.npy", labels)
    CorruptedSet(root, "c")


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
