"""Import and export: the sources people have, with what is broken in them."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
from mixset_samples import MakeSet, flip, noise
from PIL import Image

import mixset._store.importing
from mixset import InputError, MixingSet
from mixset._common.cropping import scale_and_crop
from mixset._store import manifest
from mixset._store.exporting import export_images
from mixset._store.importing import import_images


def photo_folder(folder: Path, count: int = 6, shape: tuple[int, int] = (16, 16)) -> np.ndarray:
    folder.mkdir(parents=True)
    array = noise(count, shape)
    for index, image in enumerate(array):
        Image.fromarray(image).save(folder / f"{index}.png")
    return array


def tar(path: Path, folder: Path, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        archive.add(folder, folder.name)
    return path


def test_a_folder_with_everything_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "phötos"
    array = photo_folder(folder / "deep" / "er")
    (folder / "bröken.jpg").write_bytes(b"no image")
    whole = (folder / "deep" / "er" / "0.png").read_bytes()
    (folder / "cut short.png").write_bytes(whole[:200])
    (folder / "notes.txt").write_text("hello")
    os.symlink(folder / "gone.png", folder / "link to nothing.png")
    odd = os.fsdecode(b"not utf-8 \xff.png")
    (folder / odd).write_bytes(whole)
    done = import_images(folder, tmp_path / "out", quiet=True)
    assert (done.count, done.ignored) == (7, 1)
    reasons = dict(done.left_out)
    assert set(reasons) == {"bröken.jpg", "cut short.png", "link to nothing.png"}
    assert reasons["bröken.jpg"] == "not an image of a known format"
    images = MixingSet(tmp_path / "out")
    held = {image.tobytes() for image in images}
    assert held == {image.tobytes() for image in array}, "equal sizes are kept, pixel for pixel"
    assert manifest.read(tmp_path / "out").left_out == done.left_out


def test_sizes(tmp_path: Path) -> None:
    photo_folder(tmp_path / "in")
    Image.fromarray(noise(1, (50, 30))[0]).save(tmp_path / "in" / "other.png")
    import_images(tmp_path / "in", tmp_path / "default", quiet=True)
    assert {image.shape for image in MixingSet(tmp_path / "default")} == {(256, 256, 3)}
    import_images(tmp_path / "in", tmp_path / "small", size=12, quiet=True)
    last = MixingSet(tmp_path / "small")[6]
    np.testing.assert_array_equal(last, scale_and_crop(noise(1, (50, 30))[0], (12, 12)))
    for wrong in (0, 5000):
        with pytest.raises(InputError, match="size"):
            import_images(tmp_path / "in", tmp_path / "x", size=wrong)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_the_papers_tar(tmp_path: Path, mode: str) -> None:
    fractals = photo_folder(tmp_path / "fractals_and_fvis" / "fractals" / "images", 5)
    photo_folder(tmp_path / "fractals_and_fvis" / "first_layers_resized256_onevis" / "images", 3)
    archive = tar(tmp_path / "fractals_and_fvis.tar", tmp_path / "fractals_and_fvis", mode)
    import_images(archive, tmp_path / "out", quiet=True)
    assert MixingSet(tmp_path / "out").describe().endswith(": 5 fractals, 3 fvis")
    np.testing.assert_array_equal(np.stack(MixingSet(tmp_path / "out", families=["fractals"])[:]), fractals)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 3])
    with pytest.raises(InputError, match=r"fractals_and_fvis\.tar"):
        import_images(archive, tmp_path / "out2")


def test_300k_random_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixset._store.importing, "_SHARD_MOST", 8)
    array = noise(20, (32, 32))
    np.save(tmp_path / "300K_random_images.npy", array)
    import_images(tmp_path / "300K_random_images.npy", tmp_path / "out", quiet=True)
    np.testing.assert_array_equal(np.stack(MixingSet(tmp_path / "out")[:]), array)
    assert len(manifest.read(tmp_path / "out").shards) == 3


def test_arrays_that_are_none_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "floats.npy", noise(2).astype(np.float32))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    np.save(tmp_path / "whole.npy", noise(20))
    (tmp_path / "short.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:3000])
    for name, words in (
        ("floats", r"\(N, H, W, 3\) uint8 is needed"),
        ("objects", "is damaged"),
        ("short", "is damaged"),
    ):
        with pytest.raises(InputError, match=words):
            import_images(tmp_path / f"{name}.npy", tmp_path / "out")


def test_nothing_to_import(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    for name, words in (
        ("none", "does not exist"),
        ("empty", "holds no images"),
        ("bad", r"no image in .* could be read; the first is a\.png: not an image of a known format"),
        ("notes.txt", "is not a folder, tar archive or .npy array"),
    ):
        with pytest.raises(InputError, match=words):
            import_images(tmp_path / name, tmp_path / "out", quiet=True)


def test_another_source_or_size_is_refused(tmp_path: Path) -> None:
    photo_folder(tmp_path / "in")
    photo_folder(tmp_path / "in2", 3)
    import_images(tmp_path / "in", tmp_path / "out", quiet=True)
    for source, size in (("in", 12), ("in2", None)):
        with pytest.raises(InputError, match="holds a set of another recipe"):
            import_images(tmp_path / source, tmp_path / "out", size=size, quiet=True)


def test_a_killed_import_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    photo_folder(tmp_path / "in", 20)
    (tmp_path / "in" / "05 broken.png").write_text("x")
    code = """
        import os, sys
        import mixset._store.importing as importing
        importing._SHARD_MOST, importing._IN_FLIGHT = 4, 1
        kill_at = int(sys.argv[3])
        opened = importing.open_item
        def counted(*arguments):
            global kill_at
            kill_at -= 1
            if kill_at == 0:
                os.kill(os.getpid(), 9)
            return opened(*arguments)
        importing.open_item = counted
        importing.import_images(sys.argv[1], sys.argv[2], quiet=True)
    """

    def run(out: str, kill_at: int) -> int:
        command = [sys.executable, "-c", textwrap.dedent(code), tmp_path / "in", tmp_path / out, str(kill_at)]
        return subprocess.run(command, check=False).returncode

    assert run("whole", 0) == 0
    assert run("killed", 11) == -9
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("*.h5")}
    assert len(kept) == 2
    flip(tmp_path / "killed" / "images-00001.h5", MixingSet(tmp_path / "killed" / "images-00001.h5")[2].tobytes())
    assert run("killed", 0) == 0
    files = {path.name: path.read_bytes() for path in (tmp_path / "killed").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert (tmp_path / "killed" / "images-00000.h5").stat().st_mtime_ns == kept["images-00000.h5"]
    assert manifest.read(tmp_path / "killed").left_out == (("05 broken.png", "not an image of a known format"),)


def test_an_export_imports_to_the_same_images(make_set: MakeSet, tmp_path: Path) -> None:
    make_set("a", noise(5), family="fractals", finish=False)
    folder = make_set("a", noise(6, seed=1), family="fvis")
    assert export_images(MixingSet(folder), tmp_path / "png", quiet=True) == 11
    assert len(list((tmp_path / "png" / "fvis").glob("*.png"))) == 6
    import_images(tmp_path / "png", tmp_path / "back", quiet=True)
    for family in ("fractals", "fvis"):
        before, after = MixingSet(folder, families=[family]), MixingSet(tmp_path / "back", families=[family])
        np.testing.assert_array_equal(np.stack(before[:]), np.stack(after[:]))
    with pytest.raises(InputError, match="is not empty and not a mixing set"):
        export_images(MixingSet(folder), tmp_path / "png")


def test_progress_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo_folder(tmp_path / "in")
    import_images(tmp_path / "in", tmp_path / "out")
    assert "6/6 images" in capsys.readouterr().err
