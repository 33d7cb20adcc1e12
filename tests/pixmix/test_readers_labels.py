"""From names of class folders to numbers of a network's classes: by name, by number, by a map, or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from mixset._common.decoding import decode, list_image_files
from mixset._common.errors import InputError
from pixmix.readers import (
    CorruptedSet,
    Transform,
    VideoFiles,
    _labels as labels,
    _problems as problems,
    imagenet_wnids,
    number_classes,
    open_outliers,
    read_class_folders,
    read_class_map,
)
from pixmix.readers._classes import list_classes, list_images

CIFAR = tuple(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"])
STL = tuple(["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"])
FIT = Transform(crop=8, resize=8)
SOME_WNIDS = imagenet_wnids()[:3]


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "_printed", set())


def image(path: Path, shade: int = 0, side: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (shade, 0, 0)).save(path)


def refused(folders, known=None, class_map=None) -> str:
    with pytest.raises(InputError) as caught:
        number_classes(folders, known, class_map, where="SET")
    assert "\n" not in str(caught.value) and str(caught.value).startswith(("SET: ", "class map: "))
    return str(caught.value)


def test_folders_go_by_the_names_of_the_networks_classes(capsys: pytest.CaptureFixture[str]) -> None:
    assert number_classes(CIFAR, CIFAR, where="SET") == {name: index for index, name in enumerate(CIFAR)}
    assert number_classes(("T-shirt_top",), ("Trouser", "T-shirt/top"), where="SET") == {"T-shirt_top": 1}
    assert number_classes(("07", "3"), tuple("0123456789"), where="SET") == {"07": 7, "3": 3}
    assert number_classes(("train", "tulip"), ("train", "tulip"), where="SET") == {"train": 0, "tulip": 1}
    assert capsys.readouterr().err.splitlines() == [
        "SET: has no image of 1 of the 2 classes (Trouser)",
        "SET: has no image of 8 of the 10 classes (0, 1, 2, 4 and 4 more)",
    ]


def test_as_many_classes_under_other_names_are_refused() -> None:
    line = refused(STL, CIFAR)
    assert "its class car, monkey is none of the 10 known classes, which include automobile, frog" in line
    assert "`class_map`" in line
    assert "its class zebra is none" in refused(("zebra",), CIFAR)
    assert "its class 10 is none" in refused(tuple(map(str, range(1, 11))), tuple("0123456789"))


@pytest.mark.parametrize("names", [[str(n) for n in range(1000)], [f"{n:04}" for n in range(1000)], ["0", "10", "999"]])
@pytest.mark.parametrize("known", [1000, imagenet_wnids()])
def test_folders_named_by_number_are_class_numbers(names, known, capsys: pytest.CaptureFixture[str]) -> None:
    assert number_classes(labels.class_order(names), known, where="SET") == {name: int(name) for name in names}
    assert "SET: its class folders are taken for class numbers, counted from 0" in capsys.readouterr().err


def test_numbers_from_one_are_told_from_numbers_from_zero(capsys: pytest.CaptureFixture[str]) -> None:
    names = tuple(str(number) for number in range(1, 13))
    assert number_classes(names, 12, where="SET") == {name: int(name) - 1 for name in names}
    assert "counted from 1 (folder 1 is class 0, 12 is 11)" in capsys.readouterr().err
    assert "from 1 to 2; whether they count the network's 12 classes from 0 or from 1 is unclear" in refused(
        ("1", "2"), 12
    )
    for beyond in (("3", "13"), ("0", "12")):
        assert "the network has 12 classes" in refused(beyond, 12)
    assert "two class folders are the same number" in refused(("1", "01", "0"), 12)
    assert "two class folders are the same number" in refused(("0", "1", "01"))


def test_folders_without_a_network_are_numbered_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert labels.class_order(["10", "9", "2"]) == ["2", "9", "10"]
    assert labels.class_order(["b10", "b9", "a"]) == ["a", "b10", "b9"]
    assert number_classes(("a", "b"), where="SET") == {"a": 0, "b": 1}
    assert capsys.readouterr().err == ""
    assert number_classes(("a",), where="SET") == {"a": 0}
    assert "SET: has one class, a" in capsys.readouterr().err


def test_of_a_network_without_names_there_must_be_as_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert number_classes(STL, 10, where="SET")["car"] == 2
    assert "folders are numbered by their order (airplane is 0, truck 9)" in capsys.readouterr().err
    assert "has 9 class folders, the network 10 classes without names" in refused(STL[1:], 10)
    some = imagenet_wnids()[7:700:50]
    assert number_classes(some, 1000, where="SET") == {name: imagenet_wnids().index(name) for name in some}
    assert "its class n99999999 is none of the 1,000" in refused((*some, "n99999999"), 1000)


@pytest.mark.parametrize("names", [("train", "val"), ("images",), ("Test", "cat", "dog")])
def test_parts_of_a_data_set_are_no_classes(names) -> None:
    for known in (None, len(names)):
        assert f"{names[0]}" in (line := refused(names, known)) and "named like a part of a data set" in line
    assert "named like a part" not in refused(names, ("cat", "dog"))
    assert len(number_classes(names, where="SET", witnesses=names)) == len(names)


def test_a_class_map_gives_what_names_do_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "map.txt").write_bytes("\ufeffcar automobile\r\n\nmonkey\t-\n".encode())
    class_map = read_class_map(tmp_path / "map.txt")
    assert class_map == {"car": "automobile", "monkey": "-"}
    expected = {name: CIFAR.index({"car": "automobile"}.get(name, name)) for name in STL if name != "monkey"}
    assert number_classes(STL, CIFAR, class_map, where="SET") == expected
    assert "SET: monkey left out by the class map" in capsys.readouterr().err
    assert number_classes(("polar bear", "b"), 5, {"polar bear": "4", "b": "4"}, where="S") == {"polar bear": 4, "b": 4}
    assert number_classes(("x", "y"), tuple("97"), {"x": "7", "y": "0"}, where="SET") == {"x": 1, "y": 0}


@pytest.mark.parametrize(
    ("class_map", "known", "line"),
    [
        ({"cat": "0"}, 2, "the class map lacks the class folder dog"),
        ({"cat": "0"}, None, "the class map lacks the class folder dog"),
        ({"cat": "0", "dog": "1", "cow": "1"}, 2, "has no class folder cow, which the class map names"),
        ({"cat": "0", "dog": "2"}, 2, "dog is mapped to 2, the network's classes are 0 to 1"),
        ({"cat": "0", "dog": "-1"}, 2, "dog is mapped to -1, which is not a class"),
        ({"cat": "0", "dog": "hound"}, ("a", "b"), "dog is mapped to hound, which is not a class: the network has"),
        ({"cat": "-", "dog": "-"}, 2, "leaves every class folder out"),
    ],
)
def test_a_class_map_that_does_not_fit_is_refused(class_map, known, line: str) -> None:
    assert line in refused(("cat", "dog"), known, class_map)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "is empty"),
        (b"car\n", "line 1: needs FOLDER and CLASS"),
        (b"polar bear 3\n", "line 1: needs FOLDER and CLASS, with a tab"),
        (b"a 1\nb 2\na 1\n", "line 3: names a a second time"),
        (b"\x00\xff\x1b[31m a b c", "line 1: needs FOLDER and CLASS"),
    ],
)
def test_a_class_map_of_another_form_is_refused(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / "map").write_bytes(content)
    with pytest.raises(InputError, match=line) as caught:
        read_class_map(tmp_path / "map")
    assert str(caught.value).isprintable()


def test_a_class_map_is_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(InputError, match="is not a regular file"):
            read_class_map(path)
    with pytest.raises(InputError, match="no such file"):
        read_class_map(tmp_path / "none")


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

    def forbidding(path):
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


@settings(max_examples=150, deadline=None)
@given(
    names=st.sets(
        st.sampled_from([*"012345", "00", "10", "a", "b", "c_d", "train", *imagenet_wnids()[:3]]), min_size=1
    ),
    known=st.none() | st.integers(1, 7) | st.just(1000) | st.lists(st.sampled_from([*"0123ab", "c/d"]), unique=True),
)
def test_whatever_the_names_labels_are_distinct_and_in_range_or_refused(names, known) -> None:
    folders = labels.class_order(names)
    try:
        found = number_classes(folders, known or None, where="SET")
    except InputError as error:
        assert str(error).isprintable() and str(error).startswith("SET: ")
        return
    assert [*found] == folders and len({*found.values()}) == len(names)
    count = len(names) if not known else known if isinstance(known, int) else len(known)
    assert all(0 <= number < count for number in found.values())
    if isinstance(known, list) and not {*names} & {"00", "10"}:
        assert all(known[number].replace("/", "_") == name for name, number in found.items() if name in known)


def test_folders_are_names_or_numbers_of_classes_but_not_both() -> None:
    with pytest.raises(InputError, match="SET: its class 4 is none of the 5 known classes, which include 1, 2, 3"):
        number_classes(["0", "4"], ["1", "0", "2", "3", "a"], where="SET")
    assert number_classes(["1", "5"], ["b", "0", "c", "d", "a"], where="SET") == {"1": 0, "5": 4}


def test_images_are_listed_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for index in ("b/2.png", "b/c/1.png", "b.d/1.png", "b c/1.png", "a/1.PNG", "a/.hidden.png", "a/notes.txt"):
        image(tmp_path / index) if index.lower().endswith("png") else (tmp_path / index).touch()
    assert list_images(tmp_path) == [path.relative_to(tmp_path).as_posix() for path in list_image_files(tmp_path)]
    listing = list_classes(tmp_path)
    assert [*listing] == ["a", "b", "b c", "b.d"] and listing["b"] == ("b/2.png", "b/c/1.png")


def test_a_name_is_one_in_each_of_unicodes_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = "caf\u00e9", "cafe\u0301"
    for known in ((one, "tea"), (two, "tea")):
        assert number_classes((one, "tea"), known, where="SET") == {one: 0, "tea": 1}
        assert number_classes((two, "tea"), known, where="SET") == {two: 0, "tea": 1}
    assert "two class folders are named" in refused((one, two, "tea"))
    assert capsys.readouterr().err == ""
    assert number_classes(("Tea", "tea"), where="SET") == {"Tea": 0, "tea": 1}
    assert capsys.readouterr().err == "SET: Tea/ and tea/ are two classes\n"


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
