"""Folders of images as data sets: which part is tested on, and which number a class folder has."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixset._common import warned
from mixset._common.errors import InputError
from mixset._common.parsing import parse
from mixset.generate._networks.spec import NetworkSpec
from pixmix.corruptions._making import job, manifest
from pixmix.corruptions._making.sources import file_names
from pixmix.readers import CorruptedSet, Transform, open_outliers, read_class_folders
from pixmix.train._command.corrupt import CorruptConfig, load_source
from pixmix.train._data import labelled
from pixmix.train._data.datasets import check_name, load_data, load_test
from pixmix.train._runs.config import TrainConfig
from pixmix.train._runs.run_folder import RunFolder, write_json

CIFAR = tuple(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"])
STL = tuple(["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"])


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warned, "_printed", set())


def write(root: Path, *classes: str, count: int = 1, suffix: str = "png") -> None:
    for shade, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (20 * shade, number, 0)).save(root / name / f"{number}.{suffix}")


def refused(name: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        load_test(f"folder:{name}", **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("part", ["test", "val", "valid", "validation"])
def test_the_part_to_test_on_may_have_several_names(tmp_path: Path, part: str) -> None:
    write(tmp_path / "train", "ant", "bee", count=2)
    write(tmp_path / part, "ant", "bee")
    classes, test = load_test(f"folder:{tmp_path}")
    assert (classes, test.labels.tolist()) == (("ant", "bee"), [0, 1])
    data = load_data(f"folder:{tmp_path}")
    assert (data.classes, len(data.train), len(data.test)) == (("ant", "bee"), 4, 2)
    check_name(f"folder:{tmp_path}")


def test_a_root_of_parts_is_never_taken_for_classes(tmp_path: Path) -> None:
    for part in ("train", "images"):
        write(tmp_path / "two" / part, "ant", "bee")
    assert re.search("images, train/ would be a class but is named like a part", refused(tmp_path / "two"))
    for part in ("train", "val", "valid"):
        write(tmp_path / "three" / part, "ant", "bee")
    assert "has val/ and valid/; give the one to test on" in refused(tmp_path / "three")
    write(tmp_path / "flat", "train", "test")
    assert "flat: has no class folders in test/, so their images have no labels" in refused(tmp_path / "flat")
    write(tmp_path, "one")
    assert "has no test/ with a folder a class, and no class folders itself" in refused(tmp_path / "one")
    write(tmp_path / "only", "train")
    with pytest.raises(InputError, match="has no folder test/"):
        check_name(f"folder:{tmp_path / 'only'}")


def test_a_part_that_is_not_tested_on_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in ImageNet's root, whose test/ has no labels."""
    for part in ("train", "val"):
        write(tmp_path / part, "ant", "bee")
    write(tmp_path, "test")
    assert load_test(f"folder:{tmp_path}")[1].labels.tolist() == [0, 1]
    assert f"folder:{tmp_path}: val/ is tested on, test/ left out" in capsys.readouterr().err
    write(tmp_path / "more", "ant", "bee")
    load_test(f"folder:{tmp_path}")
    assert f"folder:{tmp_path}: val/ is tested on, test/ and more/ left out" in capsys.readouterr().err


def test_tiny_imagenet_as_it_unpacks(tmp_path: Path) -> None:
    wnids = ("n01443537", "n02124075")
    for wnid in wnids:
        write(tmp_path / "train" / wnid, "images", count=3, suffix="JPEG")
        (tmp_path / "train" / wnid / f"{wnid}_boxes.txt").write_text("0.JPEG\t0\t0\t62\t62\n")
    write(tmp_path / "val", "images", count=4, suffix="JPEG")
    write(tmp_path / "test", "images", suffix="JPEG")
    lines = [f"{number}.JPEG\t{wnids[number % 2]}\t0\t0\t9\t9\n" for number in range(4)]
    (tmp_path / "val" / "val_annotations.txt").write_text("".join(lines))
    data = load_data(f"folder:{tmp_path}", size=8)
    assert (data.classes, len(data.train)) == (wnids, 6)
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    assert data.test.array is not None and abs(data.test.array[:, 0, 0, 1] - np.array([0, 2, 1, 3])).max() <= 1
    config = parse(CorruptConfig, "pixmix corrupt", [f"folder:{tmp_path}", "out", "--size", "80"])
    assert load_source(config).names[0] == "n01443537/images_0"


def test_class_folders_named_by_number_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    names = [str(number) for number in range(12)]
    for part in ("train", "test"):
        write(tmp_path / part, *names)
    data = load_data(f"folder:{tmp_path}")
    assert data.classes == tuple(names) and data.test.labels.tolist() == list(range(12))
    assert [int(shade) // 20 for shade in data.test.array[:, 0, 0, 0]] == list(range(12))
    # A run of 0.1.0 has its classes in the order of strings, and knows them by name.
    before = tuple(sorted(names))
    _, test = load_test(f"folder:{tmp_path}", network=lambda size: before)
    assert [before[label] for label in test.labels] == names
    _, test = load_test(f"folder:{tmp_path / 'test'}", network=lambda size: 12)
    assert test.labels.tolist() == list(range(12))


def test_a_run_whose_classes_have_changed_is_not_resumed(colours: Path, tmp_path: Path) -> None:
    data = load_data(f"folder:{colours}")
    network = NetworkSpec(name="wrn-10-1", arguments={"num_classes": 3, "dropout": 0.0})
    folder, config = RunFolder(tmp_path / "run"), TrainConfig(dataset=f"folder:{colours}")
    folder.path.mkdir()
    folder.begin(config, network, data, 1)
    folder.begin(config, network, data, 1)
    with pytest.raises(InputError, match="other classes than at its start, or in another order"):
        folder.begin(config, network, replace(data, classes=("red", "green", "blue")), 1)


def test_test_classes_that_training_lacks_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "train", "ant", "bee")
    write(tmp_path / "test", "ant", "bee", "cow", count=3)
    for load in (load_test, load_data):
        with pytest.raises(InputError, match="its class cow is none of the 2 known classes"):
            load(f"folder:{tmp_path}")
    shutil.rmtree(tmp_path / "test" / "cow")
    shutil.rmtree(tmp_path / "test" / "bee")
    assert load_data(f"folder:{tmp_path}").test.labels.tolist() == [0, 0, 0]
    assert "has no image of 1 of the 2 classes (bee)" in capsys.readouterr().err
    (tmp_path / "train" / "cow").mkdir()
    for load in (load_test, load_data):
        with pytest.raises(InputError, match="its class cow has no image that can be read"):
            load(f"folder:{tmp_path}")


def test_as_many_classes_under_other_names_need_a_map(tmp_path: Path) -> None:
    write(tmp_path, *STL)
    assert "its class car, monkey is none of the 10" in refused(tmp_path, network=lambda size: CIFAR)
    class_map = {"car": "automobile", "monkey": "-"}
    _, test = load_test(f"folder:{tmp_path}", network=lambda size: CIFAR, class_map=class_map, subset=9)
    assert [CIFAR[label] for label in test.labels] == [
        {"car": "automobile"}.get(name, name) for name in STL if name != "monkey"
    ]


def test_named_data_sets_go_by_name_too() -> None:
    digits = tuple("0123456789")
    plain = load_test("digits", size=8, subset=20)[1]
    assert load_test("digits", size=8, subset=20, network=lambda size: 10)[1].labels.tolist() == plain.labels.tolist()
    with pytest.raises(InputError, match="digits: has 10 classes, the network 100"):
        load_test("digits", size=8, network=lambda size: 100)
    turned = load_test("digits", size=8, subset=20, network=lambda size: digits[::-1])[1]
    assert turned.labels.tolist() == (9 - plain.labels).tolist()
    with pytest.raises(InputError, match=r"digits: its class .* are numbers from 0 to 9; the network has 2 classes"):
        load_test("digits", size=8, network=lambda size: ("ant", "bee"))
    some = load_test("digits", size=8, class_map={name: "1" if int(name) % 2 else "-" for name in digits})
    assert (some[0], set(some[1].labels.tolist())) == (("0", "1"), {1})


def test_a_suite_of_arrays_says_what_its_labels_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network with another order of the same classes is measured by their names."""
    write(tmp_path / "data", "ant", "bee", "cow")
    monkeypatch.chdir(tmp_path)
    words = ["folder:data", "out", "--corruptions", "contrast"]
    source = load_source(parse(CorruptConfig, "pixmix corrupt", words))
    out = job.corrupt(source, "out", corruptions=["contrast"], workers=1, quiet=True)
    for classes, expected in ((None, [0, 1, 2]), (3, [0, 1, 2]), (("cow", "bee", "ant"), [2, 1, 0])):
        found = CorruptedSet(out, "c", classes=classes, partial=True)
        assert found.images("contrast", 1)[1].tolist() == expected
        assert "classes" not in found.source
    mapped = CorruptedSet(out, "c", classes=("a", "b"), class_map={"ant": "a", "bee": "b", "cow": "b"}, partial=True)
    assert mapped.images("contrast", 1)[1].tolist() == [0, 1, 1]
    with pytest.raises(InputError, match="its class cow is none of the 3"):
        CorruptedSet(out, "c", classes=("ant", "bee", "dog"), partial=True)
    content = json.loads((out / manifest.NAME).read_text())
    del content["sha256"]
    few = "has the label 2 and names 1 classes"
    for wrong, line in ((["ant"], few), ("abc", "is damaged"), ([1, 2, 3], "is damaged")):
        recipe = {**content["recipe"], "classes": wrong}
        write_json(out / manifest.NAME, {**content, "format_version": 1, "recipe": recipe})
        with pytest.raises(InputError, match=line):
            CorruptedSet(out, "c", classes=("ant", "bee", "cow"), partial=True)
    del content["recipe"]["classes"]  # as 0.1.0 made it
    write_json(out / manifest.NAME, {**content, "format_version": 1})
    assert manifest.begin(out, {**content["recipe"], "classes": ["ant", "bee", "cow"]}).classes == ["ant", "bee", "cow"]
    (tmp_path / "map").write_text("ant 7\nbee -\ncow 2\n")
    mapped_source = load_source(parse(CorruptConfig, "pixmix corrupt", [*words, "--classes", "map"]))
    assert (mapped_source.labels.tolist(), mapped_source.classes) == ([7, 2], ())


def test_made_files_never_share_a_name(tmp_path: Path) -> None:
    indices = ["ant/b/c.png", "ant/b_c.png", "ant/x.jpg", "ant/x.png", "ant/x.jpg.gif", "ant/y.png"]
    names = file_names([tmp_path / index for index in indices], tmp_path, ["ant"] * 6)
    assert len({*names}) == 6
    assert names[0] == "ant/b_c.png" and names[2:4] == ("ant/x.jpg", "ant/x.png") and names[5] == "ant/y"


def test_names_of_any_bytes_go_all_the_way(tmp_path: Path) -> None:
    write(tmp_path, "ant", os.fsdecode(b"caf\xe9"))
    image = next((tmp_path / "ant").iterdir())
    image.rename(image.with_name(os.fsdecode(b"\xe9.png")))
    _, test = load_test(f"folder:{tmp_path}", size=96)
    assert len({test.fingerprint(), load_test(f"folder:{tmp_path}", size=96, subset=2)[1].fingerprint()}) == 1
    ordinary = labelled.LabelledImages(test.labels[:1], 96, files=[tmp_path / "nowhere.png"])
    plain = b"96\n" + ordinary.labels.tobytes() + f"{tmp_path / 'nowhere.png'}\0-1\0-1\n".encode()
    assert ordinary.fingerprint() == hashlib.sha256(plain).hexdigest()  # as ever, so that kept logits are found
    config = parse(CorruptConfig, "pixmix corrupt", [f"folder:{tmp_path}", "out", "--size", "80"])
    assert len(load_source(config).fingerprint()) == 64
    assert len(open_outliers(tmp_path, 8).fingerprint()) == 64


def test_a_flipped_bit_of_the_kept_images_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(labelled, "KEPT_FROM", 2)
    write(tmp_path / "data", "ant", "bee", count=2)
    first = load_test(f"folder:{tmp_path / 'data'}")[1].array
    assert first is not None
    kept = next((tmp_path / "cache" / "images").glob("*.npy"))
    written = kept.read_bytes()
    for index in (*range(0, len(written), 211), *range(len(written) - 80, len(written), 9)):
        damaged = bytearray(written)
        damaged[index] ^= 1 << index % 8
        kept.write_bytes(damaged)
        again = load_test(f"folder:{tmp_path / 'data'}")[1].array
        assert again is not None and np.array_equal(again, first), index
        assert kept.read_bytes() == written


@pytest.mark.parametrize("index", ["none", "a\0b", "x" * 300, "file/in"])
def test_what_cannot_be_a_folder_is_one_line(tmp_path: Path, index: str) -> None:
    (tmp_path / "file").touch()
    assert "has no test/ with a folder a class" in refused(tmp_path / index)
    with pytest.raises(InputError, match="has no folder train/"):
        check_name(f"folder:{tmp_path / index}")
    for read in (lambda path: read_class_folders(path, Transform(crop=8)), lambda path: open_outliers(path, 8)):
        with pytest.raises(InputError) as caught:
            read(tmp_path / index)
        assert str(caught.value).isprintable()


def test_named_labels_of_arrays_are_not_taken_for_those_of_any_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "set", "ant", "bee", "cow")
    source = load_source(CorruptConfig(dataset=f"folder:{tmp_path / 'set'}", out=tmp_path / "c"))
    job.corrupt(source, tmp_path / "c", suite="c", corruptions=["brightness"], severities=[1], workers=1)

    def of(classes: object, class_map: dict[str, str] | None = None) -> list[int]:
        read = CorruptedSet(tmp_path / "c", "c", classes=classes, class_map=class_map, partial=True)
        return read.images("brightness", 1)[1].tolist()

    capsys.readouterr()
    assert of(None) == of(3) == [0, 1, 2]
    assert "the network does not name its classes" in capsys.readouterr().err
    with pytest.raises(InputError, match="has 3 class folders, the network 10 classes without names"):
        of(10)
    assert of(10, {"ant": "7", "bee": "3", "cow": "5"}) == [7, 3, 5]
