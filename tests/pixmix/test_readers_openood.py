"""OpenOOD's lists and folders, read as they unpack."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import openood_folders as openood
import pytest

from mixset._common.errors import InputError
from pixmix.readers import OpenOODSet, Transform, _openood_lists as lists

SETS = ("cifar100", "tin", "mnist", "svhn", "texture", "places365")


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    openood.official(monkeypatch)
    return openood.cifar(tmp_path / "data")


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        OpenOODSet(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("benchmark", ["cifar10", "cifar100"])
def test_images_are_those_of_the_lists_prepared_as_openood_does(
    benchmark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openood.official(monkeypatch, benchmark)
    folder = openood.cifar(tmp_path, benchmark)
    reader = OpenOODSet(folder)
    other = {"cifar10": "cifar100", "cifar100": "cifar10"}[benchmark]
    files = {
        "test": f"test_{benchmark}.txt",
        "validation": f"val_{benchmark}.txt",
        "validation_outliers": "val_tin.txt",
    }
    files |= {name: f"test_{name}.txt" for name in (other, *SETS[1:])}
    assert {*reader.images} == {*files}
    for name, file in files.items():
        images, labels = openood.arrays(folder, file)
        assert np.array_equal(np.stack([image for image, _ in reader.images[name]]), images), name
        assert reader.images[name].labels.tolist() == labels.tolist(), name
    assert (reader.near, reader.far, reader.shifted) == ((other, "tin"), SETS[2:], ())
    images, labels = openood.arrays(folder, f"train_{benchmark}.txt")
    training = reader.training()
    assert np.array_equal(np.stack([image for image, _ in training]), images)
    assert training.labels.tolist() == labels.tolist()
    assert reader.problems == ()
    assert reader.benchmark.classes == {"cifar10": 10, "cifar100": 100}[benchmark]


def test_labels_of_outliers_mean_nothing(cifar10: Path) -> None:
    path = cifar10 / "test_svhn.txt"
    path.write_text(path.read_text().replace(" -1", " 7"))
    assert {*OpenOODSet(cifar10).images["svhn"].labels.tolist()} == {-1}


def test_the_full_spectrum_is_read_where_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    openood.official(monkeypatch)
    folder = openood.cifar(tmp_path, shifted=True)
    reader = OpenOODSet(folder)
    assert (reader.shifted, reader.absent) == (("cifar10c",), {})
    assert reader.images["cifar10c"].labels.tolist() == [*range(10), *range(10)]
    (first := next((tmp_path / "images_classic" / "cifar10c").iterdir())).unlink()
    assert f"cifar10c: 1 of 20 images missing (images_classic/cifar10c/{first.name})" in refused(folder)
    shutil.rmtree(tmp_path / "images_classic" / "cifar10c")
    capsys.readouterr()
    absent = OpenOODSet(folder)
    assert (absent.shifted, [*absent.absent], absent.problems) == ((), ["cifar10c"], ())
    assert "the full spectrum is without cifar10c: there is no images_classic/cifar10c/" in capsys.readouterr().err


def test_the_official_lists_are_asked_for(tmp_path: Path) -> None:
    """Without a change to what is known of them: the numbers and hashes are those of the published lists."""
    folder = openood.cifar(tmp_path)
    message = refused(folder)
    for name, count in (
        ("test_cifar10", "9,000"),
        ("val_cifar10", "1,000"),
        ("val_tin", "1,000"),
        ("test_tin", "7,793"),
    ):
        assert f"{name}.txt: names 20 images, the official list {count}" in message
    assert "leave it out with `partial`" in message
    reader = OpenOODSet(folder, partial=True)
    assert len(reader.problems) == 9
    assert "test_places365.txt: names 20 images, the official list 35,195" in reader.problems
    assert [len(images) for images in reader.images.values()] == [20] * 9


def test_a_list_is_known_by_its_hash(cifar10: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = lists.BENCHMARKS["cifar10"]
    right = hashlib.md5((cifar10 / "test_cifar10.txt").read_bytes()).hexdigest()
    changed = {"test": about.test._replace(md5=right[:8]), "validation": about.validation._replace(md5="0388c9ab")}
    monkeypatch.setitem(lists.BENCHMARKS, "cifar10", lists.Benchmark(**{**vars(about), **changed}))
    assert "val_cifar10.txt: is not the official list: its MD5 is " in (message := refused(cifar10))
    assert "not 0388c9ab..." in message and "test_cifar10.txt" not in message


def test_what_is_missing_is_named_and_left_out(cifar10: Path) -> None:
    root = cifar10.parent.parent / "images_classic"
    (cifar10 / "test_mnist.txt").unlink()
    shutil.rmtree(root / "svhn")
    (root / "places365/val/Places365_val_00000903.jpg").unlink()
    message = refused(cifar10)
    assert "test_mnist.txt: missing" in message
    assert "svhn: 20 of 20 images missing (images_classic/svhn/test/700.jpg)" in message
    assert "places365: 1 of 20 images missing (images_classic/places365/val/Places365_val_00000903.jpg)" in message
    reader = OpenOODSet(cifar10, partial=True)
    assert (reader.near, reader.far) == (("cifar100", "tin"), ("texture", "places365"))
    assert len(reader.images["places365"]) == 19
    assert len(reader.problems) == 3
    shutil.rmtree(root / "cifar10/test")
    with pytest.raises(InputError, match="there are no test images; fetch OpenOOD's lists and images"):
        OpenOODSet(cifar10, partial=True)


def test_training_images_are_looked_for_when_they_are_asked_for(cifar10: Path) -> None:
    root = cifar10.parent.parent / "images_classic"
    next((root / "cifar10" / "train" / "bird").iterdir()).unlink()
    with pytest.raises(InputError, match=r"training: 1 of 20 images missing \(images_classic/cifar10/train/bird/"):
        OpenOODSet(cifar10).training()
    reader = OpenOODSet(cifar10, partial=True)
    assert reader.problems == ()
    assert len(reader.training()) == 19
    assert len(reader.problems) == 1
    (cifar10 / "train_cifar10.txt").unlink()
    with pytest.raises(InputError, match=r"train_cifar10\.txt: missing"):
        OpenOODSet(cifar10, partial=True).training()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("cifar10/test/bird/1.png", "line 1: needs FILE and LABEL, a whole number: cifar10/test/bird/1.png"),
        ("cifar10/test/bird/1.png {'a': 1}", "line 1: needs FILE and LABEL"),  # of the lists that end in _mos
        ("/etc/passwd 1", "line 1: /etc/passwd is no file below the folder of images"),
        ("cifar10/../../secret.png 1", "is no file below the folder of images"),
        ("cifar10/test/bird/1.png 99999999999999999999", "has labels that are no class numbers"),
        ("", "names no image"),
    ],
)
def test_lists_of_another_form_are_refused(line: str, complaint: str, cifar10: Path) -> None:
    (cifar10 / "val_cifar10.txt").write_text(f"{line}\n")
    assert complaint in refused(cifar10)
    assert "validation" not in OpenOODSet(cifar10, partial=True).images


@pytest.mark.parametrize("label", ["10", "-1"])
def test_labels_of_classes_that_there_are_not_are_refused(label: str, cifar10: Path) -> None:
    path = cifar10 / "test_cifar10.txt"
    path.write_text(path.read_text().replace(" 9\n", f" {label}\n"))
    assert "test_cifar10.txt: labels run from " in refused(cifar10)


def test_the_folder_is_that_of_a_benchmark(cifar10: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (tmp_path / "data", tmp_path / "data" / "benchmark_imglist"):
        assert f"choose from {cifar10}" in refused(wrong)
    assert "name one, such as data/benchmark_imglist/cifar10" in refused(tmp_path)
    assert "no such folder" in refused(tmp_path / "cifar10")
    monkeypatch.chdir(cifar10)
    assert len(OpenOODSet(Path()).images["test"]) == 20


def test_what_is_known_of_the_official_lists() -> None:
    """The numbers of images that OpenOOD's paper and lists have."""

    def counts(name: str, group: str) -> dict[str, int]:
        return {each: about.images for each, about in getattr(lists.BENCHMARKS[name], group).items()}

    assert counts("cifar10", "near") == {"cifar100": 9000, "tin": 7793}
    assert counts("cifar100", "near") == {"cifar10": 10000, "tin": 6526}
    places = {"cifar10": 35195, "cifar100": 33773}
    for name, count in places.items():
        assert counts(name, "far") == {"mnist": 70000, "svhn": 26032, "texture": 5640, "places365": count}
    for name in ("imagenet200", "imagenet"):
        about = lists.BENCHMARKS[name]
        assert counts(name, "near") == {"ssb_hard": 49000, "ninco": 5879}
        assert counts(name, "far") == {"inaturalist": 10000, "textures": 5160, "openimage_o": 15869}
        assert about.far["textures"].folder == "images_classic" != about.test.folder
        assert (about.size, about.resize, about.validation_outliers.images) == (224, 256, 1763)
    full = {name: about.test.images + sum(counts(name, "shifted").values()) for name, about in lists.BENCHMARKS.items()}
    assert full == {"cifar10": 19000, "cifar100": 9000, "imagenet200": 43000, "imagenet": 95000}


def test_imagenet_is_resized_and_imagenet_c_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openood.official(monkeypatch, "imagenet200", count=2)
    folder = tmp_path / "benchmark_imglist" / "imagenet200"
    folder.mkdir(parents=True)
    for name, about in lists.BENCHMARKS["imagenet200"].lists.items():
        kind = "texture" if name == "textures" else name
        paths = [f"{kind}/{about.name[:-4]}_{number}.JPEG" for number in range(2)]
        for seed, path in enumerate(paths):
            openood.write_image(tmp_path / about.folder / path, 224, seed=seed)
        (folder / about.name).write_text("".join(f"{path} {number}\n" for number, path in enumerate(paths)))
    reader = OpenOODSet(folder)
    assert reader.shifted == ("imagenet_v2", "imagenet_c", "imagenet_r")
    fits = {name: images.fit for name, images in reader.images.items()}
    assert fits.pop("imagenet_c") == Transform(224)
    assert {*fits.values()} == {Transform(224, 256)}
    assert reader.images["textures"][0][0].shape == (224, 224, 3)
