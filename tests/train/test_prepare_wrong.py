"""`pixmix prepare` with archives of something else: nothing is written."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import raw_layouts as raw

from mixset._common.errors import InputError
from pixmix.train._preparation import looking
from pixmix.train._preparation.prepare import prepare
from pixmix.train._preparation.prepare_config import PrepareConfig

C = "gaussian_noise/{severity}/n01440764/ILSVRC2012_val_00000001.JPEG"
MEMBERS = {
    "imagenet": ["n01440764/n01440764_3.JPEG"],
    "places365": ["places365_standard/train/airfield/00000001.jpg"],
    "c": [C.format(severity=severity) for severity in (1, 2)],
    "cbar": ["imagenet_c_bar/" + C.replace("gaussian_noise", "blue_noise_sample").format(severity=s) for s in (1, 2)],
    "p": ["gaussian_noise/n01440764/ILSVRC2012_val_00000001.mp4"],
    "r": ["imagenet-r/n01443537/art_0.jpg", "imagenet-r/README.txt"],
}
"""By the kind that takes them."""


def archive(path: Path, names: list[str], compression: str = "") -> Path:
    """A tar archive, or a zip, of files that have these names and different sizes."""
    members = {name: b"x" * (1 + number) for number, name in enumerate(names)}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, content in members.items():
                packed.writestr(name, content)
        return path
    return raw.write(path, raw.tar(members, compression=compression))


@pytest.mark.parametrize("suffix", ["tar", "zip"])
@pytest.mark.parametrize("kind", [*MEMBERS, "imagenet200", "openood"])
def test_an_archive_of_another_data_set_is_refused(kind: str, suffix: str, tmp_path: Path) -> None:
    labels = raw.write(tmp_path / "labels.txt", b"n01443537\n" * 500)
    out = tmp_path / "out"
    for other, names in MEMBERS.items():
        if other == kind:
            continue
        path = archive(tmp_path / f"{other}.{suffix}", names)
        given = (path, labels) if kind.startswith("imagenet") else (path,)
        with pytest.raises(InputError, match=rf"archive .*{other}\.{suffix}: (has|no list of)|filelist_places365"):
            prepare(PrepareConfig(kind=kind, archives=given, out=out))
        assert not out.exists(), other


@pytest.mark.parametrize("compression", ["", "gz"])
def test_one_wrong_member_at_the_end_is_enough(compression: str, tmp_path: Path) -> None:
    names = [C.format(severity=severity) for severity in range(1, 6)]
    path = archive(tmp_path / "noise.tar", [*names, "fogg/1/n01440764/1.JPEG"], compression)
    right = archive(tmp_path / "fog.tar", ["fog/1/n01440764/1.JPEG"])
    config = PrepareConfig(kind="c", archives=(right, path), out=tmp_path / "out")
    with pytest.raises(InputError, match=r"noise\.tar: has fogg, which the data set c does not have; name the data"):
        prepare(config)
    assert not config.folder.exists()
    some = PrepareConfig(kind="c", archives=(right, path), out=tmp_path / "some", partial=True)
    prepare(some)
    assert (some.folder / "fogg").exists()


def test_of_a_compressed_archive_the_first_names_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "LOOKED", 3)
    names = [f"text/{number}.txt" for number in range(3)] + ["fog/1/n01440764/1.JPEG"]
    for compression, message in (("", "has no file|severity"), ("gz", "severity 2, 3, 4, 5 missing")):
        path = archive(tmp_path / f"fog{compression}.tar", names, compression)
        with pytest.raises(InputError, match=message):
            prepare(PrepareConfig(kind="c", archives=(path,), out=tmp_path / f"out{compression}"))


def test_openoods_images_that_no_list_of_the_same_call_names(tmp_path: Path) -> None:
    lists = archive(tmp_path / "benchmark_imglist.zip", [])
    with zipfile.ZipFile(lists, "w") as packed:
        packed.writestr("benchmark_imglist/imagenet/test_ninco.txt", "ninco/a/1.jpg -1\n")
    ninco, odd = (archive(tmp_path / f"{name}.zip", ["a/1.jpg"]) for name in ("ninco", "odd"))
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"odd\.zip: no list of benchmark_imglist names images of odd/"):
        prepare(PrepareConfig(kind="openood", archives=(odd, lists, ninco), out=out))
    assert not out.exists()
    prepare(PrepareConfig(kind="openood", archives=(ninco, lists), out=out))
    assert (out / "images_largescale" / "ninco" / "a" / "1.jpg").exists()
