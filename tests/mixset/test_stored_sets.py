"""Training sets hold a folder's files, labels and order, and give them back; imports resume."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from stored_samples import encoded, write_folder

from mixset import InputError, MixingSet, check
from mixset._common.class_folders import list_labelled
from mixset._common.decoding import decode, read_image
from mixset._common.jsons import write_sealed_json
from mixset._store import manifest
from mixset._stored import import_stored
from mixset._stored.check_stored import check_stored
from mixset._stored.export_stored import export_stored
from mixset._stored.import_stored import import_labelled
from mixset._stored.stored_set import by_class, describe, forms, open_stored, stored_parts
from mixset.generate._command.import_command import ImportCommand
from mixset.generate._command.stored_commands import import_stored as import_stored_command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data")


def put(source: Path, out: Path, side: int | None = None, jpeg: int | None = None) -> list[import_stored.ImportedPart]:
    return import_labelled(source, out, side=side, jpeg=jpeg, workers=2, quiet=True)


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("most", [1, 3_000, 1 << 28])
def test_files_labels_and_order_are_the_folders(
    most: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_stored, "SHARD_BYTES", most)
    (done,) = put(folder, tmp_path / "set")
    assert (done.count, done.classes, done.left_out, done.undecoded) == (12, 3, (), 0)
    stored, listing = open_stored(tmp_path / "set"), list_labelled(folder)
    assert {name: [*files] for name, files in by_class(stored).items()} == {n: [*f] for n, f in listing.items()}
    assert stored.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for file, (height, width) in zip(stored.files, stored.sizes, strict=True):
        assert file.content() == (folder / file.name).read_bytes()
        assert read_image(file).shape == (height, width, 3)
    some = stored.files.take(np.array([7, 2, 2]))
    assert [*some[1:]] == [stored.files[2]] * 2 and some[-3] == stored.files[7] and len(some) == 3
    shards = len([*(tmp_path / "set").glob("*.h5")])
    assert shards == {1: 12, 1 << 28: 1}.get(most, shards) and (most != 3_000 or 1 < shards < 12)
    assert check_stored(tmp_path / "set", quiet=True).damage == []


def test_parts_do_not_go_into_a_set(folder: Path, tmp_path: Path) -> None:
    put(folder, tmp_path / "set")
    shutil.copytree(folder, tmp_path / "whole" / "train")
    with pytest.raises(InputError, match="set is a set itself, and train/ and others would be sets in it"):
        put(tmp_path / "whole", tmp_path / "set")
    assert not (tmp_path / "set" / "train").exists()


def test_parts_of_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("train", "val", "extra"):
        write_folder(tmp_path / "data" / part)
    (tmp_path / "data" / "test" / "images").mkdir(parents=True)  # without labels, as Tiny ImageNet's
    done = put(tmp_path / "data", tmp_path / "set")
    assert [part.folder.name for part in done] == ["train", "val"]
    assert "extra/, test/ left out" in capsys.readouterr().err
    assert stored_parts(tmp_path / "set") == [tmp_path / "set" / "train", tmp_path / "set" / "val"]
    assert stored_parts(tmp_path / "set" / "val") == [tmp_path / "set" / "val"]
    assert stored_parts(tmp_path / "data") == []


def test_smaller_images_are_what_they_say(folder: Path, tmp_path: Path) -> None:
    put(folder, tmp_path / "set", side=44, jpeg=95)
    stored = open_stored(tmp_path / "set")
    assert (stored.side, stored.jpeg) == (44, 95)
    assert forms(tmp_path / "set") == {"set": {"side": 44, "jpeg": 95}}
    assert "at most 44 px" in describe(stored)[1] and "quality 95" in describe(stored)[1]
    for file, (height, width) in zip(stored.files, stored.sizes, strict=True):
        before, after = read_image(folder / file.name), read_image(file)
        assert after.shape == (height, width, 3)
        if min(before.shape[:2]) <= 44:
            assert file.content() == (folder / file.name).read_bytes()
        else:
            assert min(height, width) == 44 and abs(height / width - before.shape[0] / before.shape[1]) < 0.03
            assert np.abs(after.mean((0, 1)) - before.mean((0, 1))).max() < 3
    put(folder, tmp_path / "worse", side=44, jpeg=20)
    assert open_stored(tmp_path / "worse").files.length() < stored.files.length()
    assert open_stored(tmp_path / "worse").jpeg == 20


def test_an_interrupted_import_resumes_to_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_stored, "SHARD_BYTES", 3_000)
    put(folder, tmp_path / "whole")
    write = import_stored.write_stored_shard
    written: list[Path] = []

    def dies(path: Path, *arguments: object, **more: object) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, *arguments, **more)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(import_stored, "write_stored_shard", dies)
        put(folder, tmp_path / "set")
    with pytest.raises(InputError, match="is unfinished; the import that makes it, run again, resumes"):
        open_stored(tmp_path / "set")
    times = [path.stat().st_mtime_ns for path in written]
    with pytest.raises(InputError, match="holds a set of another recipe"):
        put(folder, tmp_path / "set", side=20)
    put(folder, tmp_path / "set")
    assert [path.stat().st_mtime_ns for path in written] == times
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")


def test_the_import_run_again_repairs(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(folder, tmp_path / "set")
    whole, shard = contents(tmp_path / "set"), tmp_path / "set" / "labelled-00000.h5"
    stored = open_stored(tmp_path / "set")
    assert stored.files[3].content()  # the shard is open in this process from here on
    damaged = bytearray(shard.read_bytes())
    damaged[stored.files[5].start + 9] ^= 4
    shard.write_bytes(damaged)
    assert check_stored(tmp_path / "set", quiet=True).damage == [
        f"image {stored.files[5].name} in {shard} differs from what was written"
    ]
    put(folder, tmp_path / "set")
    assert "importing again: 1 image of shard" in capsys.readouterr().err
    assert contents(tmp_path / "set") == whole
    assert open_stored(tmp_path / "set").files[5].content() == (folder / stored.files[5].name).read_bytes()


def test_broken_files_stay_but_unreadable_ones_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "bee" / "0.png").write_bytes(b"no image")
    (folder / "bee" / "1.jpeg").write_bytes(b"")
    (folder / "bee" / "2.jpeg").write_bytes(encoded(3, (90, 90))[:700])
    (done,) = put(folder, tmp_path / "set")
    assert (done.count, done.left_out, done.undecoded) == (12, (), 2)
    stored = open_stored(tmp_path / "set")
    assert [file.content() for file in stored.files[4:7]] == [b"no image", b"", encoded(3, (90, 90))[:700]]
    with pytest.raises(InputError, match=r"image bee/0.png in .*: not an image of a known format"):
        read_image(stored.files[4])
    (smaller,) = put(folder, tmp_path / "smaller", side=20)
    assert [name for name, _ in smaller.left_out] == ["bee/0.png", "bee/1.jpeg", "bee/2.jpeg"]
    again = put(folder, tmp_path / "smaller", side=20)
    assert again == [smaller] and open_stored(tmp_path / "smaller").labels.tolist() == [0] * 4 + [1] + [2] * 4
    listed = manifest.read(tmp_path / "smaller")
    assert listed is not None and listed.left_out == smaller.left_out


def test_export_gives_the_files_back(folder: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff odd\n.jpg")
    (folder / "bee" / odd).write_bytes(encoded(9))
    (folder / "none").mkdir()
    put(folder, tmp_path / "set")
    stored = open_stored(tmp_path / "set")
    assert export_stored(stored, tmp_path / "back", quiet=True) == 13
    assert contents(tmp_path / "back") == contents(folder) and (tmp_path / "back" / "none").is_dir()
    put(tmp_path / "back", tmp_path / "again")
    assert open_stored(tmp_path / "again").files.content_hash() == stored.files.content_hash()
    with pytest.raises(InputError, match="is a set; choose another folder"):
        export_stored(stored, tmp_path / "set", quiet=True)
    with pytest.raises(InputError, match="is not empty"):
        export_stored(stored, folder, quiet=True)


def test_an_interrupted_export_resumes(folder: Path, tmp_path: Path) -> None:
    put(folder, tmp_path / "set")
    stored, out = open_stored(tmp_path / "set"), tmp_path / "back"
    out.mkdir()
    write_sealed_json(
        out / manifest.UNFINISHED, {"recipe": {"exported": stored.files.content_hash()}, "count": len(stored.files)}
    )
    export_stored(stored, out, quiet=True)
    assert contents(out) == contents(folder)


def test_annotated_images_get_their_class_as_folder(tmp_path: Path) -> None:
    root = tmp_path / "val"
    (root / "images").mkdir(parents=True)
    for number in range(4):
        (root / "images" / f"{number}.jpg").write_bytes(encoded(number))
    lines = [f"{number}.jpg\t{'ba'[number % 2]}\t0\n" for number in range(4)]
    (root / "val_annotations.txt").write_text("".join(lines))
    put(root, tmp_path / "set")
    stored = open_stored(tmp_path / "set")
    assert [file.name for file in stored.files] == ["a/1.jpg", "a/3.jpg", "b/0.jpg", "b/2.jpg"]
    assert decode(stored.files[0].content()).tolist() == read_image(root / "images" / "1.jpg").tolist()
    assert check_stored(tmp_path / "set", quiet=True).damage == []


def test_what_cannot_be_imported_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    for options, line in (
        ({"jpeg": 90}, "jpeg: is the quality of images that are made smaller; give `side`"),
        ({"side": 4}, "side: a whole number from 8 to 4,096"),
        ({"side": 64, "jpeg": 101}, "jpeg: a whole number from 1 to 100"),
    ):
        with pytest.raises(InputError, match=line):
            put(folder, tmp_path / "set", **options)
    with pytest.raises(InputError, match="no such file"):
        put(tmp_path / "nowhere", tmp_path / "set")
    with pytest.raises(InputError, match="not empty and not a mixing set"):
        put(folder, folder)
    (tmp_path / "empty" / "a").mkdir(parents=True)
    with pytest.raises(InputError, match="no image in its class folders"):
        put(tmp_path / "empty", tmp_path / "set")
    (tmp_path / "broken" / "a").mkdir(parents=True)
    (tmp_path / "broken" / "a" / "0.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"no image in .* could be read; the first is a/0.jpg: not an image"):
        put(tmp_path / "broken", tmp_path / "set", side=64)
    folder.joinpath("ant").rename(folder / "a\nt")
    with pytest.raises(InputError, match=r"class folder is damaged .*; rename it"):
        put(folder, tmp_path / "set")
    assert not (tmp_path / "set" / manifest.NAME).exists()


def test_a_training_set_is_no_mixing_set(folder: Path, tmp_path: Path) -> None:
    put(folder, tmp_path / "set")
    with pytest.raises(InputError, match="is a training set, not a mixing set; train with it as store:FOLDER"):
        MixingSet(tmp_path / "set")
    with pytest.raises(InputError, match="is a shard of a training set, not of a mixing set"):
        MixingSet(tmp_path / "set" / "labelled-00000.h5")
    with pytest.raises(InputError, match="is a training set, not a mixing set"):
        check(tmp_path / "set", quiet=True)
    with pytest.raises(InputError, match="holds no training set"):
        open_stored(folder)


def test_the_import_says_what_its_set_is_for(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_stored_command(ImportCommand(source=folder, out=tmp_path / "one", labels=True))
    assert f"measure on it: pixmix evaluate MODEL --dataset store:{tmp_path / 'one'}" in capsys.readouterr().out
    shutil.copytree(folder, tmp_path / "whole" / "train")
    import_stored_command(ImportCommand(source=tmp_path / "whole", out=tmp_path / "two", labels=True))
    assert f"train with it: pixmix train store:{tmp_path / 'two'}" in capsys.readouterr().out
