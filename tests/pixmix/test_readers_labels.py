"""From names of class folders to numbers of a network's classes: by name, by number, by a map, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from reader_layouts import CIFAR

from mixset._common.class_folders import class_order
from mixset._common.errors import InputError
from pixmix.readers import imagenet_wnids, number_classes, read_class_map

STL = tuple(["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"])

pytestmark = pytest.mark.usefixtures("nothing_said")


def refused(
    folders: tuple[str, ...], known: int | tuple[str, ...] | None = None, class_map: dict[str, str] | None = None
) -> str:
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
def test_folders_named_by_number_are_class_numbers(
    names: list[str], known: int | tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert number_classes(class_order(names), known, where="SET") == {name: int(name) for name in names}
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
    assert class_order(["10", "9", "2"]) == ["2", "9", "10"]
    assert class_order(["b10", "b9", "a"]) == ["a", "b10", "b9"]
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
def test_parts_of_a_data_set_are_no_classes(names: tuple[str, ...]) -> None:
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
def test_a_class_map_that_does_not_fit_is_refused(
    class_map: dict[str, str], known: int | tuple[str, str] | None, line: str
) -> None:
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


@settings(max_examples=150, deadline=None)
@given(
    names=st.sets(
        st.sampled_from([*"012345", "00", "10", "a", "b", "c_d", "train", *imagenet_wnids()[:3]]), min_size=1
    ),
    known=st.none() | st.integers(1, 7) | st.just(1000) | st.lists(st.sampled_from([*"0123ab", "c/d"]), unique=True),
)
def test_whatever_the_names_labels_are_distinct_and_in_range_or_refused(
    names: set[str], known: int | list[str] | None
) -> None:
    folders = class_order(names)
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


def test_a_name_is_one_in_each_of_unicodes_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = "caf\u00e9", "cafe\u0301"
    for known in ((one, "tea"), (two, "tea")):
        assert number_classes((one, "tea"), known, where="SET") == {one: 0, "tea": 1}
        assert number_classes((two, "tea"), known, where="SET") == {two: 0, "tea": 1}
    assert "two class folders are named" in refused((one, two, "tea"))
    assert capsys.readouterr().err == ""
    assert number_classes(("Tea", "tea"), where="SET") == {"Tea": 0, "tea": 1}
    assert capsys.readouterr().err == "SET: Tea/ and tea/ are two classes\n"
