"""ImageNet-R, ImageNet's own folders and single images."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reader_layouts as layouts
from hypothesis import given, settings, strategies as st
from PIL import Image
from torchvision import datasets, transforms as tv

from mixset._common.errors import InputError
from pixmix import measures, readers
from pixmix.readers import RenditionSet, Transform, _renditions as renditions, read_class_folders
from pixmix.readers._files import read_image


@pytest.fixture
def imagenet_r(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The 200 classes with one image each, a README beside them; the archive's number of images is pretended."""
    root = tmp_path / "imagenet-r"
    for index in measures.imagenet_r_classes():
        layouts.jpeg(root / readers.imagenet_wnids()[index] / "art_0.jpg", layouts.bytes_of(20, 30, 3, seed=index))
    (root / "README.txt").write_text("200 classes")
    monkeypatch.setattr(renditions, "IMAGES", 200)
    return root


def test_imagenet_r_is_labelled_by_the_rank_of_its_wnid(imagenet_r: Path) -> None:
    found = RenditionSet(imagenet_r, fit=Transform(crop=16, resize=18))
    assert found.images.labels.tolist() == list(range(200)) and found.problems == ()
    assert found.classes == tuple(sorted(path.name for path in imagenet_r.iterdir() if path.is_dir()))
    image, label = found.images[137]
    assert image.shape == (16, 16, 3) and label == 137
    # Its columns of the 1,000 logits are in the same order.
    logits = np.zeros((1, 1000))
    logits[0, readers.imagenet_wnids().index(found.classes[137])] = 1
    assert measures.error(measures.imagenet_r_logits(logits), [label]) == 0


def test_faults_of_imagenet_r_are_named_or_left_out(imagenet_r: Path) -> None:
    (imagenet_r / "n01443537" / "art_0.jpg").unlink()
    (imagenet_r / "n01440764").mkdir()
    line = r"n01440764/: unknown class; 1 of 200 classes missing: n01443537; 199 images, ImageNet-R has 200"
    with pytest.raises(InputError, match=re.escape(line).replace("\\ ", " ")) as caught:
        RenditionSet(imagenet_r)
    assert "\n" not in str(caught.value)
    found = RenditionSet(imagenet_r, partial=True)
    assert len(found.problems) == 3 and 0 not in found.images.labels and len(found.images) == 199
    assert found.images.labels.max() == 199


def test_what_is_no_imagenet_r_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or directory; give the folder of the set"):
        RenditionSet(tmp_path / "nowhere")
    (tmp_path / "cats").mkdir()
    with pytest.raises(InputError, match="holds none of ImageNet-R's classes"):
        RenditionSet(tmp_path, partial=True)
    with pytest.raises(InputError, match="200 of 200 classes missing"):
        RenditionSet(tmp_path)


def test_the_archive_has_as_many_images_as_the_paper_says() -> None:
    assert renditions.IMAGES == 30_000


def test_class_folders_are_torchvisions_image_folder(tmp_path: Path) -> None:
    for name in ("n02", "n10", "n01"):
        for number in (10, 2):
            layouts.jpeg(tmp_path / name / f"{number}.JPEG", layouts.bytes_of(40, 50, 3, seed=number))
    steps = tv.Compose([tv.Resize(32), tv.CenterCrop(28)])
    expected = datasets.ImageFolder(tmp_path, transform=steps)
    found = read_class_folders(tmp_path, Transform(crop=28, resize=32))
    assert len(found) == len(expected)
    for (image, label), (other, truth) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(image, np.asarray(other))
        assert label == truth


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(20, 90),
    height=st.integers(20, 90),
    resize=st.none() | st.integers(20, 60),
    crop=st.integers(1, 20),
)
def test_transforms_are_torchvisions_at_any_size(width: int, height: int, resize: int | None, crop: int) -> None:
    image = Image.fromarray(layouts.bytes_of(height, width, 3))
    steps = [*([tv.Resize(resize)] if resize else []), tv.CenterCrop(crop)]
    expected = np.asarray(tv.Compose(steps)(image))
    np.testing.assert_array_equal(Transform(crop=crop, resize=resize)(image), expected)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_images_become_rgb_as_torchvisions_loader_has_them(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(layouts.bytes_of(9, 9, 3)).convert(mode)
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    image.save(path)
    found = read_image(path, Transform(crop=9))
    np.testing.assert_array_equal(found, np.asarray(datasets.folder.default_loader(str(path))))


def test_images_are_not_turned_by_their_exif_as_in_the_benchmarks_code(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    image = Image.fromarray(layouts.bytes_of(8, 8, 3))
    image.save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png", Transform(crop=8)), np.asarray(image))


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_broken_images_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png: (broken image|not an image of a known format)") as caught:
        read_image(tmp_path / "a.png", Transform(crop=1))
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png: no such file"):
        read_image(tmp_path / "gone.png", Transform(crop=1))


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "n01").mkdir()
    with pytest.raises(InputError, match="no image in its class folders"):
        read_class_folders(tmp_path, Transform(crop=4))


@pytest.mark.parametrize("path", ["measures/constants/imagenet_r.json", "readers/imagenet_classes.json"])
def test_lists_of_classes_are_ascending(path: str) -> None:
    content = json.loads((Path(readers.__file__).parents[1] / path).read_text())
    values = content.get("wnids") or content["indices"]
    assert values == sorted(set(values)) and len(values) in (200, 1000)


def test_readers_import_no_torch() -> None:
    code = "import pixmix.readers, sys; sys.exit(any(name in sys.modules for name in ('torch', 'torchvision', 'cv2')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
