"""`pixmix prepare`: archives in the originals' layouts, unpacked into folders that are read."""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import raw_layouts as raw
import raw_sets

from mixset._common.errors import InputError
from pixmix.measures._references import constants
from pixmix.readers import CorruptedSet, PerturbedSet, imagenet_wnids
from pixmix.train._data.datasets import load_data
from pixmix.train._preparation.prepare import prepare
from pixmix.train._preparation.prepare_config import PrepareConfig

WNIDS = ("n01440764", "n01443537", "n02119789", "n03888257")
SIZES = raw.Sizes(wnids=WNIDS, scenes=raw.SCENES[:4], train=3, val=2, side=48, frames=3)
IMAGES = raw.Images(SIZES.side)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return raw.write_imagenet(tmp_path_factory.mktemp("imagenet"), SIZES, IMAGES)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return raw.write_places(tmp_path_factory.mktemp("places"), SIZES, IMAGES)


def files_of(folder: Path) -> dict[str, bytes]:
    """Path → content of every file that is not ours to keep count with."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".prepare" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_imagenet_from_tars_of_tars(imagenet: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "in"
    said = prepare(PrepareConfig(kind="imagenet", archives=tuple(imagenet), out=out))
    assert said == f"{out}: train/ has 12 images of 4 classes; val/ has 8 images of 4 classes"
    files = files_of(out)
    # The content of each image tells its class, which is in the archive only by way of the kit's two files.
    for kind, wnid in enumerate(WNIDS):
        own = {name: data for name, data in files.items() if f"/{wnid}/" in name}
        train = {f"train/{wnid}/{wnid}_{7 * n + 3}.JPEG": raw.jpeg(IMAGES.one(kind, n)) for n in range(3)}
        numbers = [int(name[-13:-5]) for name in own if name.startswith("val/")]
        val = {
            f"val/{wnid}/ILSVRC2012_val_{number:08d}.JPEG": raw.jpeg(IMAGES.one(kind, 10_000 + number))
            for number in numbers
        }
        assert own == {**train, **val} and len(val) == 2
    data = load_data(f"folder:{out}", size=32)
    assert data.classes == WNIDS and (len(data.train), len(data.test)) == (12, 8)


def test_labels_from_a_text(imagenet: list[Path], tmp_path: Path) -> None:
    prepare(PrepareConfig(kind="imagenet", archives=tuple(imagenet), out=tmp_path / "kit"))
    val = {path.name: path.parent.name for path in (tmp_path / "kit" / "val").rglob("*.JPEG")}
    text = tmp_path / "imagenet_2012_validation_synset_labels.txt"
    text.write_text("".join(f"{val[name]}\n" for name in sorted(val)))
    config = PrepareConfig(kind="imagenet", archives=(imagenet[1], text), out=tmp_path / "text", partial=True)
    prepare(config)
    assert files_of(tmp_path / "text" / "val") == files_of(tmp_path / "kit" / "val")
    text.write_text("n01440764\n12\n")
    with pytest.raises(InputError, match=r"labels.txt, line 2: needs the WordNet id of a test image's class, has 12"):
        prepare(config)


def test_the_200_classes_of_renditions(imagenet: list[Path], tmp_path: Path) -> None:
    renditions = {imagenet_wnids()[index] for index in constants("imagenet_r")["indices"]}
    kept = sorted({*WNIDS} & renditions)
    assert 0 < len(kept) < len(WNIDS)
    config = PrepareConfig(kind="imagenet200", archives=tuple(imagenet), out=tmp_path)
    assert f"train/ has {3 * len(kept)} images of" in prepare(config)
    assert sorted(os.listdir(tmp_path / "train")) == sorted(os.listdir(tmp_path / "val")) == kept
    # What was left out is not taken for unpacked.
    prepare(replace(config, kind="imagenet"))
    assert sorted(os.listdir(tmp_path / "train")) == sorted(os.listdir(tmp_path / "val")) == [*WNIDS]


def test_places_in_the_order_of_its_authors(places: list[Path], tmp_path: Path) -> None:
    prepare(PrepareConfig(kind="places365", archives=tuple(places), out=tmp_path / "lists"))
    data = load_data(f"folder:{tmp_path / 'lists'}", size=32)
    assert data.classes == ("airfield", "apartment_building-outdoor", "arena-hockey", "arena-rodeo")
    assert (len(data.train), len(data.test)) == (12, 8)
    easy = raw.write_easy_places(tmp_path, SIZES, IMAGES)
    config = PrepareConfig(kind="places365", archives=(easy,), out=tmp_path / "easy")
    with pytest.raises(InputError, match=r"train/ has 4 of 365 classes; train/ has 12 of 1,803,460 images; val/ has 4"):
        prepare(config)
    assert files_of(tmp_path / "easy" / "train") == files_of(tmp_path / "lists" / "train")


def test_the_sets_are_read_as_they_lie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    c = raw_sets.write_corrupted(tmp_path / "raw", SIZES, IMAGES)
    bar = raw_sets.write_bar(tmp_path / "raw", SIZES, IMAGES)
    said = prepare(PrepareConfig(kind="c", archives=tuple(c), out=tmp_path / "c"))
    assert said.endswith("c: 19 corruptions of 4 images at each severity")
    prepare(PrepareConfig(kind="cbar", archives=(bar,), out=tmp_path / "cbar"))
    assert len(CorruptedSet(tmp_path / "c", "c").corruptions) == 15
    assert len(CorruptedSet(tmp_path / "cbar", "cbar").corruptions) == 10
    with pytest.raises(InputError, match=r"gaussian_noise: missing; shot_noise: missing"):
        prepare(PrepareConfig(kind="c", archives=tuple(c[1:]), out=tmp_path / "less"))
    films = raw_sets.write_sequences(tmp_path / "films", SIZES, IMAGES)
    prepare(PrepareConfig(kind="p", archives=tuple(films), out=tmp_path / "p"))
    assert PerturbedSet(tmp_path / "p").sequences("tilt").shape == (3, 42, 42, 3)
    r = raw_sets.write_renditions(
        tmp_path / "r", [imagenet_wnids()[index] for index in constants("imagenet_r")["indices"][:2]], IMAGES
    )
    said = prepare(PrepareConfig(kind="r", archives=(r,), out=tmp_path / "imagenet-r", partial=True))
    assert said.endswith("imagenet-r: 2 images")
    assert "imagenet-r.tar: 2 files; left out: 1 *.txt" in capsys.readouterr().err


def test_openoods_images_go_where_its_lists_look(tmp_path: Path) -> None:
    names = [f"texture/banded/banded_{number:04d}.jpg" for number in range(3)]
    lists = {"imagenet/test_textures.txt": names, "imagenet/test_ninco.txt": ["ninco/a/1.jpg"]}
    archives = raw_sets.write_openood(tmp_path / "raw", lists, lambda number: raw.jpeg(IMAGES.one(9, number)))
    out = tmp_path / "data"
    said = prepare(PrepareConfig(kind="openood", archives=tuple(reversed(archives)), out=out))
    assert said == f"{out}: imagenet: 2 lists"
    assert all((out / "images_classic" / name).is_file() for name in names)
    assert (out / "images_largescale" / "ninco" / "a" / "1.jpg").is_file()
    odd = archives[1].rename(archives[1].with_name("odd.zip"))
    with pytest.raises(InputError, match=r"odd.zip: no list of .*benchmark_imglist names images of odd/"):
        prepare(PrepareConfig(kind="openood", archives=(odd,), out=out))


def test_nothing_is_written_twice_and_nothing_of_others_is_replaced(imagenet: list[Path], tmp_path: Path) -> None:
    config = PrepareConfig(kind="imagenet", archives=tuple(imagenet), out=tmp_path)
    own = tmp_path / "train" / WNIDS[1] / f"{WNIDS[1]}_10.JPEG"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    os.utime(own, (1, 1))
    for _ in range(2):  # the second call takes up the first one's work, and knows the file is not its own
        with pytest.raises(
            InputError, match=rf"{WNIDS[1]}_10.JPEG: is there with another content than in .*_train.tar"
        ):
            prepare(config)
    assert own.read_bytes() == b"mine"
    own.write_bytes(raw.jpeg(IMAGES.one(1, 1)))
    before = own.stat().st_mtime_ns
    prepare(config)
    assert own.stat().st_mtime_ns == before
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.JPEG")}
    prepare(config)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.JPEG")} == times


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("../n01440764_1.JPEG", tarfile.REGTYPE, "its member ../n01440764_1.JPEG leads out of the folder"),
        ("/tmp/n01440764_1.JPEG", tarfile.REGTYPE, "its member /tmp/n01440764_1.JPEG leads out of the folder"),
        ("a/../../n01440764_1.JPEG", tarfile.REGTYPE, "leads out of the folder"),
        ("n01440764_1.JPEG", tarfile.SYMTYPE, "is a link or a device"),
        ("n01440764_1.JPEG", tarfile.LNKTYPE, "is a link or a device"),
        ("n01440764_1.JPEG", tarfile.FIFOTYPE, "is a link or a device"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_members_that_lead_elsewhere_are_refused(
    tmp_path: Path, name: str, kind: bytes, message: str, inside: bool
) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    data = raw.tar({"n01440764.tar": content.getvalue()}) if inside else content.getvalue()
    path = raw.write(tmp_path / "train.tar", data)
    with pytest.raises(InputError, match=re.escape(message)):
        prepare(PrepareConfig(kind="imagenet", archives=(path,), out=tmp_path / "out"))
    assert files_of(tmp_path / "out") == {} and {p.name for p in tmp_path.iterdir()} <= {"train.tar", "out"}


def test_damage_is_told_and_less_than_there_should_be(imagenet: list[Path], tmp_path: Path) -> None:
    train, val, kit = imagenet
    whole = train.read_bytes()
    config = PrepareConfig(kind="imagenet", archives=(tmp_path / "t.tar", val, kit), out=tmp_path / "out")
    for cut in (len(whole) // 2, len(whole) // 2 + 100, 700):
        raw.write(tmp_path / "t.tar", whole[:cut])
        with pytest.raises(InputError, match=r"archive .*t.tar is damaged \(.*\); fetch it again"):
            prepare(config)
    header = bytearray(whole)
    header[header.index(b"n01443537.tar") + 150] ^= 1
    raw.write(tmp_path / "t.tar", bytes(header))
    with pytest.raises(InputError, match=r"t.tar is damaged \(a header is damaged\)"):
        prepare(config)
    short = {name: raw.tar({f"{name[:9]}_1.JPEG": raw.jpeg(IMAGES.one(0, 1))}) for name in ("n01440764.tar",)}
    raw.write(tmp_path / "t.tar", raw.tar(short))
    config = PrepareConfig(kind="imagenet", archives=config.archives, out=tmp_path / "few")
    with pytest.raises(InputError, match=r"train/ lacks 3 of 4 classes: .*; train/n01440764 has 1 of 3 images; name"):
        prepare(config)
    packed = kit.read_bytes()
    bad = raw.write(tmp_path / "kit.tar.gz", packed[:-20] + bytes([packed[-20] ^ 255]) + packed[-19:])
    with pytest.raises(InputError, match=r"kit.tar.gz is damaged"):
        prepare(PrepareConfig(kind="imagenet", archives=(val, bad), out=tmp_path / "k"))


def test_what_cannot_be_is_told_before_anything_is_written(
    imagenet: list[Path], places: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"val_00000001.JPEG: its class is not known; give ILSVRC2012_devkit_t12"):
        prepare(PrepareConfig(kind="imagenet", archives=tuple(imagenet[:2]), out=out))
    with pytest.raises(InputError, match=r"its class is not known; give filelist_places365-standard.tar"):
        prepare(PrepareConfig(kind="places365", archives=tuple(places[:2]), out=out))
    with pytest.raises(InputError, match=r"none.tar: no such file"):
        prepare(PrepareConfig(kind="c", archives=(tmp_path / "none.tar",), out=out))
    with pytest.raises(InputError, match="is a folder; name the archives"):
        prepare(PrepareConfig(kind="c", archives=(tmp_path,), out=out))
    text = raw.write(tmp_path / "text.tar", b"no archive at all" * 100)
    with pytest.raises(InputError, match=r"text.tar is damaged"):
        prepare(PrepareConfig(kind="c", archives=(text,), out=out))
    with pytest.raises(InputError, match="is empty"):
        prepare(PrepareConfig(kind="c", archives=(raw.write(tmp_path / "empty.tar", raw.tar({})),), out=out))
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(InputError, match=r"about 0.0 GB are needed, and 0.0 GB are free; free some, or choose"):
        prepare(PrepareConfig(kind="imagenet", archives=tuple(imagenet), out=out))
    assert not out.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "cifar"}, "KIND cifar: unknown; there are imagenet, imagenet200, places365, c, cbar, p, r, openood"),
        ({"archives": ()}, "name the archives"),
        ({"archives": (Path("a/x.tar"), Path("b/x.tar"))}, "ARCHIVE x.tar: is named twice"),
    ],
)
def test_bad_arguments(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PrepareConfig(**{"kind": "c", "archives": (Path("x.tar"),), **changes})
