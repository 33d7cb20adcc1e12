"""Class folders and their images: what is listed, in which order, what is left out and said, what is refused."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reader_layouts import CIFAR

from mixset._common.decoding import decode, list_image_files
from mixset._common.errors import InputError
from pixmix.readers import CorruptedSet, Transform, VideoFiles, open_outliers, read_class_folders
from pixmix.readers._classes import list_classes, list_images

FIT = Transform(crop=8, resize=8)

pytestmark = pytest.mark.usefixtures("nothing_said")


def image(path: Path, shade: int = 0, side: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (shade, 0, 0)).save(path)


def test_what_is_no_class_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ant", "bee"):
        image(tmp_path / name / "images" / "1.png")
    alone = read_class_folders(tmp_path, FIT)
    assert (alone.names, alone.labels.tolist()) == (["ant/images/1.png", "bee/images/1.png"], [0, 1])
    assert capsys.readouterr().err == ""
    image(tmp_path / "@eaDir" / "1.png" / "thumbnail.jpg")
    image(tmp_path / "bee" / "@eaDir" / "1.png" / "thumbnail.jpg")
    image(tmp_path / "__MACOSX" / "ant" / "._1.png")
    image(tmp_path / ".hidden" / "1.png")
    image(tmp_path / "loose.png")
    (tmp_path / "ant" / "2.heic").touch()
    (tmp_path / "bee" / "photo").touch()
    (tmp_path / "bee" / "notes.txt").touch()
    again = read_class_folders(tmp_path, FIT)
    assert (again.names, again.labels.tolist()) == (alone.names, [0, 1])
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}: 1 image beside the class folders left out (loose.png)",
        f"{tmp_path}: @eaDir, __MACOSX left out: not a class",
        f"{tmp_path / 'ant'}: files without an image's suffix left out (1 .heic); convert any images among them",
        f"{tmp_path / 'bee'}: files without an image's suffix left out (1 without a suffix); convert any "
        "images among them",
    ]


def test_classes_without_an_image_do_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image(tmp_path / "ant" / "1.png")
    image(tmp_path / "cow" / "1.png")
    (tmp_path / "bee").mkdir()
    (tmp_path / "bee" / "1.heic").touch()
    for known in (None, 3, ("ant", "cow")):
        with pytest.raises(InputError, match="its class bee has no image that can be read"):
            read_class_folders(tmp_path, FIT, classes=known)
    assert read_class_folders(tmp_path, FIT, classes=("cow", "bee", "ant")).labels.tolist() == [2, 0]
    assert "has no image of 1 of the 3 classes (bee)" in capsys.readouterr().err
    without = {"bee": "-", "ant": "0", "cow": "1"}
    assert read_class_folders(tmp_path, FIT, classes=2, class_map=without).labels.tolist() == [0, 1]


def test_images_without_class_folders_have_no_labels(tmp_path: Path) -> None:
    image(tmp_path / "1.png")
    with pytest.raises(InputError, match="holds 1 image and no class folders, so there are no labels"):
        read_class_folders(tmp_path, FIT)


def test_what_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ant", "bee/deep"):
        image(tmp_path / name / "1.png")
    assert len(list_images(tmp_path)) == 2
    scan = os.scandir

    def forbidding(path: Path) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", forbidding)
        for read in (list_classes, list_images):
            with pytest.raises(InputError, match=r"deep: permission denied; make it readable"):
                read(tmp_path)
    os.symlink(tmp_path / "gone", tmp_path / "cow")
    with pytest.raises(InputError, match="cow: is a broken link"):
        list_classes(tmp_path)
    os.unlink(tmp_path / "cow")
    os.mkfifo(tmp_path / "bee" / "2.png")
    for read in (list_classes, list_images):
        with pytest.raises(InputError, match=r"2\.png: is not a file but a pipe or device"):
            read(tmp_path)


def test_class_folders_may_be_links_but_not_to_each_other(tmp_path: Path) -> None:
    image(tmp_path / "elsewhere" / "1.png")
    image(tmp_path / "set" / "ant" / "1.png")
    os.symlink("../elsewhere", tmp_path / "set" / "bee")
    os.symlink("..", tmp_path / "set" / "ant" / "up")
    os.symlink(".", tmp_path / "set" / "ant" / "again")
    assert list_classes(tmp_path / "set") == {"ant": ("ant/1.png",), "bee": ("bee/1.png",)}
    os.symlink(tmp_path / "set" / "ant", tmp_path / "set" / "bee" / "inner")
    with pytest.raises(InputError, match=r"is the class folder .*ant, too"):
        list_classes(tmp_path / "set")
    os.unlink(tmp_path / "set" / "bee" / "inner")
    os.symlink("ant", tmp_path / "set" / "cow")
    with pytest.raises(InputError, match=r"cow: is the same folder as .*ant, under two names"):
        list_classes(tmp_path / "set")


def test_tiny_imagenets_val_is_read_by_its_annotations(tmp_path: Path) -> None:
    wnids = ("n02124075", "n01443537", "n02124075")
    for number in range(3):
        image(tmp_path / "images" / f"val_{number}.JPEG", 80 * number)
    lines = [f"val_{number}.JPEG\t{wnid}\t0\t32\t44\t62" for number, wnid in enumerate(wnids)]
    annotations = tmp_path / "val_annotations.txt"
    annotations.write_text("\n".join(lines) + "\n")
    found = read_class_folders(tmp_path, FIT, classes=("n01443537", "n02124075"))
    assert [(name[-10:], label) for name, label in zip(found.names, found.labels.tolist(), strict=True)] == [
        ("val_1.JPEG", 0),
        ("val_0.JPEG", 1),
        ("val_2.JPEG", 1),
    ]
    for content, line in (
        ("\n".join(lines[:2]), r"has no class for 1 image \(val_2\.JPEG\)"),
        ("\n".join([*lines, "../../secret.JPEG\tn02124075"]), r"line 4: needs an image in images/"),
        ("\n".join([*lines, lines[0]]), r"line 4: needs an image in images/"),
        ("\0", "line 1: needs an image"),
    ):
        annotations.write_text(content)
        with pytest.raises(InputError, match=line):
            read_class_folders(tmp_path, FIT)
    annotations.write_bytes(b"\xff\xfe\t")
    with pytest.raises(InputError, match=r"val_annotations\.txt is damaged"):
        read_class_folders(tmp_path, FIT)


def test_corrupted_folders_named_by_number_or_otherwise(tmp_path: Path) -> None:
    """In the order of strings folder 10 would come before folder 2."""
    names = [str(number) for number in range(11)]
    for step in range(1, 6):
        for name in names:
            image(tmp_path / "fog" / str(step) / name / "1.JPEG")
    found = CorruptedSet(tmp_path, "c", partial=True)
    assert found.classes == tuple(names) and not found.numbered
    of_run = CorruptedSet(tmp_path, "c", classes=tuple(reversed(names)), partial=True)
    assert of_run.images("fog", 2).labels.tolist() == list(range(11))[::-1]
    with pytest.raises(InputError, match="the network has 10 classes"):
        CorruptedSet(tmp_path, "c", classes=CIFAR, partial=True)
    mapped = CorruptedSet(
        tmp_path, "c", classes=CIFAR, class_map={n: "3" for n in names[:10]} | {"10": "-"}, partial=True
    )
    assert mapped.images("fog", 1).labels.tolist() == [3] * 10
    other = {"elsewhere": "0"}
    assert CorruptedSet(tmp_path, "c", class_map=other, partial=True).images("fog", 1).labels.tolist() == [*range(11)]


@pytest.mark.parametrize("mode", ["I;16", "F", "LA", "P"])
def test_deep_and_transparent_images_are_read_as_in_mixing_sets(tmp_path: Path, mode: str) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    made = {
        "I;16": lambda: Image.fromarray(ramp),
        "F": lambda: Image.fromarray((ramp / 65535).astype(np.float32)),
        "LA": lambda: Image.merge("LA", [Image.fromarray((ramp // 257).astype(np.uint8))] * 2),
        "P": lambda: Image.fromarray((ramp // 4096).astype(np.uint8), "P"),
    }[mode]()
    path = tmp_path / "set" / "class" / ("1.tif" if mode == "F" else "1.png")
    path.parent.mkdir(parents=True)
    if mode == "P":
        made.putpalette([value for shade in range(16) for value in (shade * 16, 0, 255 - shade)])
    made.save(path, **({"transparency": 3} if mode == "P" else {}))
    image(tmp_path / "set" / "other" / "1.png")
    expected = decode(path)
    if mode in ("I;16", "F"):
        assert abs(expected.mean() - 127.5) < 1
    for found in (open_outliers(tmp_path / "set", 8), read_class_folders(tmp_path / "set", FIT)):
        np.testing.assert_array_equal(found[0][0], expected)


def test_file_names_may_be_of_any_bytes(tmp_path: Path) -> None:
    """Those of ordinary names stay as they were, so that kept logits are found."""
    folder = os.fsencode(tmp_path / "set" / "a")
    image(tmp_path / "set" / "a" / "x.png")
    image(tmp_path / "set" / "b" / "y.png")
    os.utime(tmp_path / "set" / "a" / "x.png", ns=(0, 0))
    ordinary = open_outliers(tmp_path / "set", 8).take(np.array([0]))
    size = (tmp_path / "set" / "a" / "x.png").stat().st_size
    plain = f"{ordinary.fit}\n".encode() + ordinary.labels.tobytes() + f"a/x.png\0{size}\0{0}\n".encode()
    assert ordinary.fingerprint() == hashlib.sha256(plain).hexdigest()
    os.rename(folder + b"/x.png", folder + b"/caf\xe9.png")
    latin = open_outliers(tmp_path / "set", 8)
    assert latin[0][0].shape == (8, 8, 3)
    fingerprints = {latin.fingerprint(), VideoFiles(tmp_path, latin.names).fingerprint()}
    os.rename(folder + b"/caf\xe9.png", folder + b"/caf\xe8.png")
    other = open_outliers(tmp_path / "set", 8)
    assert len(fingerprints | {other.fingerprint(), VideoFiles(tmp_path, other.names).fingerprint()}) == 4


def test_images_are_listed_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for index in ("b/2.png", "b/c/1.png", "b.d/1.png", "b c/1.png", "a/1.PNG", "a/.hidden.png", "a/notes.txt"):
        image(tmp_path / index) if index.lower().endswith("png") else (tmp_path / index).touch()
    assert list_images(tmp_path) == [path.relative_to(tmp_path).as_posix() for path in list_image_files(tmp_path)]
    listing = list_classes(tmp_path)
    assert [*listing] == ["a", "b", "b c", "b.d"] and listing["b"] == ("b/2.png", "b/c/1.png")


def test_folders_in_class_folders_are_said_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a/abbey", "a/airfield", "b/bar"):
        image(tmp_path / "places" / name / "1.png")
    assert read_class_folders(tmp_path / "places", FIT).labels.tolist() == [0, 0, 1]
    said = f"{tmp_path / 'places'}: 1 of 2 class folders hold folders of images, which are taken for that class"
    assert capsys.readouterr().err.startswith(f"{said} (a/abbey, a/airfield); ")
    read_class_folders(tmp_path / "places", FIT, classes=("a", "b"))
    assert capsys.readouterr().err == ""
    for first, second in (("Training", "Testing"), ("train_set", "test_set"), ("seg_train/x", "seg_test/x")):
        root = tmp_path / first.split("/")[0]
        for name in (f"{first}/ant", f"{first}/bee", f"{second}/ant", f"{second}/bee"):
            image(root / name / "1.png")
        with pytest.raises(InputError, match="would be a class but is named like a part of a data set"):
            read_class_folders(root, FIT, classes=2)
        read_class_folders(root / first, FIT)
