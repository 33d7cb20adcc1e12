"""ImageNet-A, -O, -V2 and -Sketch in the layouts of their archives: labels, counts, faults."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import reader_layouts as layouts
from PIL import Image

from mixset._common.errors import InputError
from pixmix import measures, readers
from pixmix.readers import ImageNetSet, Transform, _imagenet_sets as imagenet_sets, imagenet_wnids

WNIDS = imagenet_wnids()
SMALL = Transform(crop=16, resize=18)


@pytest.fixture(autouse=True)
def counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image a class is pretended to be the whole of each archive."""
    for suite, images in (("a", 200), ("o", 200), ("sketch", 1000)):
        monkeypatch.setitem(imagenet_sets.ARCHIVES, suite, imagenet_sets.ARCHIVES[suite]._replace(images=images))
    monkeypatch.setattr(imagenet_sets, "V2_IMAGES", 1000)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image in each of ImageNet's 1,000 classes."""
    return layouts.wnid_folders(tmp_path_factory.mktemp("sets") / "sketch", WNIDS, suffix="JPEG")


@pytest.fixture(scope="module")
def v2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of ImageNet-V2's variants, an archive beside them."""
    root = tmp_path_factory.mktemp("v2")
    for name in ("imagenetv2-matched-frequency-format-val", "imagenetv2-threshold0.7-format-val"):
        layouts.wnid_folders(root / name, map(str, range(1000)), suffix="jpeg")
    (root / "imagenetv2-top-images.tar.gz").touch()
    return root


def refused(root: Path, suite: str) -> str:
    with pytest.raises(InputError) as caught:
        ImageNetSet(root, suite)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def of(indices: np.ndarray) -> list[str]:
    return [WNIDS[index] for index in indices]


def test_the_archives_have_as_many_images_as_their_authors_say() -> None:
    fresh = {"a": 7_500, "o": 2_000, "sketch": 50_000}
    source = Path(imagenet_sets.__file__).read_text()
    assert all(f'"{suite}": _Archive({count:_}' in source for suite, count in fresh.items())
    assert "V2_IMAGES = 10_000" in source


def test_the_classes_of_a_o_and_r_are_three_lists() -> None:
    a, o, r = (
        set(function().tolist())
        for function in (measures.imagenet_a_classes, measures.imagenet_o_classes, measures.imagenet_r_classes)
    )
    assert (len(a), len(o), len(a & r), len(o & a), len(o & r)) == (200, 200, 86, 59, 36)


@pytest.mark.parametrize("inner", ["", "imagenet-a"])
def test_a_is_labelled_among_its_200_classes(tmp_path: Path, inner: str) -> None:
    layouts.wnid_folders(tmp_path / inner, of(measures.imagenet_a_classes()))
    (tmp_path / inner / "README.txt").write_text("200 classes")
    found = ImageNetSet(tmp_path, "a", fit=SMALL)
    assert found.images[""].labels.tolist() == list(range(200)) and found.problems == ()
    assert found.indices == tuple(measures.imagenet_a_classes())
    # The label is the column that the cut gives the class.
    logits = np.zeros((1, 1000))
    logits[0, WNIDS.index(found.images[""].names[137].partition("/")[0])] = 1
    assert measures.cut(logits, found.indices).argmax() == 137
    assert found.images[""][0][0].shape == (16, 16, 3)


def test_folders_of_o_are_no_labels(tmp_path: Path) -> None:
    layouts.wnid_folders(tmp_path / "imagenet-o", of(measures.imagenet_o_classes()))
    found = ImageNetSet(tmp_path / "imagenet-o", "o", fit=SMALL)
    assert set(found.images[""].labels) == {-1} and len(found.images[""]) == 200


def test_faults_of_a_are_named_or_left_out(tmp_path: Path) -> None:
    layouts.wnid_folders(tmp_path, of(measures.imagenet_a_classes()))
    shutil.rmtree(tmp_path / WNIDS[6])
    layouts.wnid_folders(tmp_path, ["n01440764"])
    line = refused(tmp_path, "a")
    assert "n01440764/: unknown class; 1 of 200 classes missing: n01498041; 199 images, ImageNet-A has 200" in line
    assert "leave it out with `partial`" in line
    found = ImageNetSet(tmp_path, "a", partial=True)
    assert len(found.problems) == 3
    assert found.images[""].labels.tolist() == list(range(1, 200))  # numbered as if all were there


def test_a_set_is_not_taken_for_another(tmp_path: Path) -> None:
    layouts.wnid_folders(tmp_path, of(measures.imagenet_o_classes()))
    assert "141 unknown classes: n01443537" in refused(tmp_path, "a")


def test_sketch_has_all_classes_and_may_have_more_images(
    thousand: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ImageNetSet(thousand.parent, "sketch")
    assert found.images[""].labels.tolist() == list(range(1000)) and found.problems == ()
    more = tmp_path / "more"
    shutil.copytree(thousand, more, symlinks=True, copy_function=shutil.copyfile)
    shutil.copyfile(more / WNIDS[3] / "0.JPEG", more / WNIDS[3] / "1.JPEG")
    larger = ImageNetSet(more, "sketch")
    assert len(larger.images[""]) == 1001 and larger.problems == ()
    assert "1,001 images, the authors' ImageNet-Sketch has 1,000; all are taken" in capsys.readouterr().err
    shutil.rmtree(more / WNIDS[3])
    assert "1 of 1,000 classes missing: n01491361; 999 images" in refused(more, "sketch")


def test_v2_is_numbered_by_value_in_each_variant(v2: Path) -> None:
    found = ImageNetSet(v2, "v2", fit=SMALL)
    assert [*found.images] == ["matched_frequency", "threshold_0.7"]
    for images in found.images.values():
        folders = [int(name.partition("/")[0]) for name in images.names]
        assert folders == images.labels.tolist() == list(range(1000))  # not 0, 1, 10, 100, ...
    image, label = found.images["matched_frequency"][10]
    assert label == 10 and abs(int(image[8, 8, 0]) - 30) < 3  # the shade of folder 10


def test_one_variant_of_v2_is_a_set(v2: Path) -> None:
    found = ImageNetSet(v2 / "imagenetv2-threshold0.7-format-val", "v2")
    assert [*found.images] == ["threshold_0.7"]


def test_v2_of_mirrors_has_wnids(thousand: Path, tmp_path: Path) -> None:
    (tmp_path / "ImageNetV2-matched-frequency").symlink_to(thousand)
    found = ImageNetSet(tmp_path, "v2")
    assert found.images["matched_frequency"].labels.tolist() == list(range(1000))
    assert found.images["matched_frequency"].names[0].startswith("n01440764/")


def test_faults_of_v2_are_named(v2: Path, tmp_path: Path) -> None:
    name = "imagenetv2-top-images-format-val"
    shutil.copytree(v2 / "imagenetv2-matched-frequency-format-val", tmp_path / name)
    (tmp_path / name / "1000").mkdir()
    shutil.copyfile(tmp_path / name / "7" / "0.jpeg", tmp_path / name / "7" / "1.jpeg")
    line = refused(tmp_path, "v2")
    assert f"{name}: 1000/: unknown class; {name}: 1,001 images, ImageNet-V2 has 1,000" in line
    shutil.rmtree(tmp_path / name / "7")
    assert "1 of 1,000 classes missing: 7" in refused(tmp_path, "v2")
    found = ImageNetSet(tmp_path, "v2", partial=True).images["top_images"]
    assert 7 not in found.labels and found.labels.max() == 999
    (tmp_path / "top-images-too").mkdir()
    assert "are both top_images; remove one" in refused(tmp_path, "v2")


def test_a_folder_that_says_no_variant_is_refused(thousand: Path, v2: Path, tmp_path: Path) -> None:
    assert "no folder's name says which variant of ImageNet-V2 it is; give one called" in refused(thousand, "v2")
    (tmp_path / "imagenetv2-top-images.tar.gz").touch()
    assert "unpack imagenetv2-top-images.tar.gz first" in refused(tmp_path, "v2")


@pytest.mark.parametrize("suite", ["a", "o", "v2", "sketch"])
def test_what_is_no_set_gets_one_line(suite: str, tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "nowhere", suite)
    (tmp_path / "file").touch()
    assert "no such folder" in refused(tmp_path / "file", suite)
    (tmp_path / "imagenetv2-matched-frequency" / "cats").mkdir(parents=True)
    with pytest.raises(InputError, match="holds none of the classes of ImageNet-"):
        ImageNetSet(tmp_path, suite, partial=True)


def test_an_archive_that_is_not_unpacked_is_said(tmp_path: Path) -> None:
    (tmp_path / "imagenet-a.tar").touch()
    assert "unpack imagenet-a.tar first" in refused(tmp_path, "a")


def test_an_unknown_suite_gets_the_known_ones(tmp_path: Path) -> None:
    assert "choose one of a, o, v2, sketch" in refused(tmp_path, "r")


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    layouts.wnid_folders(tmp_path, of(measures.imagenet_a_classes()))
    (tmp_path / WNIDS[6] / "0.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"n01498041/0\.jpg: not an image"):
        ImageNetSet(tmp_path, "a").images[""][0]


def test_a_stretch_is_torchvisions(tmp_path: Path) -> None:
    from torchvision import transforms as tv

    image = Image.fromarray(layouts.bytes_of(50, 70, 3))
    found = readers.Transform(crop=24, resize=(24, 24))(image)
    np.testing.assert_array_equal(found, np.asarray(tv.Resize((24, 24))(image)))


@pytest.mark.parametrize(("logits", "classes", "line"), [
    (np.zeros((2, 200)), [1], "logits of ImageNet's 1,000 classes are needed, got 200"),
    (np.zeros((2, 1000)), [], "indices of classes are needed"),
    (np.zeros((2, 1000)), [0.5], "indices of classes are needed"),
    (np.zeros((2, 1000)), [[1]], "indices of classes are needed"),
    (np.zeros((2, 1000)), [-1, 3], "indices from 0 to 999 are needed, got -1 to 3"),
    (np.zeros((2, 1000)), [3, 1000], "indices from 0 to 999 are needed, got 3 to 1000"),
])  # fmt: skip
def test_what_cannot_be_cut_is_refused(logits: np.ndarray, classes: list, line: str) -> None:
    with pytest.raises(InputError, match=re.escape(line)):
        measures.cut(logits, classes)
