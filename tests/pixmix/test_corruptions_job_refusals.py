"""The job that writes suites says bad input in one line and leaves what is not its own."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from job_samples import NAMES, contents, large, small

from mixset._common.errors import InputError
from mixset._common.partials import HOST
from pixmix.corruptions._making import layouts, manifest
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source

WRONG: dict[str, list[object]] = {
    "recipe": [None, [], {}, {"suite": "c"}],
    "made": [None, [], {"fog": 3}, {"fog": {"sha256": 3}}],
    "format_version": ["2", None, {}],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_wrong_types_are_one_line(tmp_path: Path, key: str, value: object) -> None:
    out = corrupt(small(3), tmp_path / "c", corruptions=NAMES[1:2], workers=1, quiet=True)
    old = json.loads((out / manifest.NAME).read_text())
    del old["sha256"]
    (out / manifest.NAME).write_text(json.dumps({**old, "format_version": 1, key: value}))
    with pytest.raises(InputError, match=r"corruptions\.json is damaged"):
        manifest.read(out)


@pytest.mark.parametrize(
    "change", [{"size": 0}, {"size": -3}, {"size": 10**9}, {"severities": [1, 1]}, {"classes": ["a", "a"]}]
)
def test_values_out_of_range_are_one_line(tmp_path: Path, change: dict[str, object]) -> None:
    out = corrupt(small(3), tmp_path / "c", corruptions=NAMES[1:2], workers=1, quiet=True)
    whole = manifest.read(out)
    assert whole is not None
    whole.recipe.update(change)
    manifest._write(whole)
    with pytest.raises(InputError, match=r"corruptions\.json is damaged \(it holds values out of range\)"):
        manifest.read(out)


def test_nested_and_huge_lists_are_one_line(tmp_path: Path) -> None:
    for content in ("[" * 100_000, '{"format": ' * 50_000, " " * (manifest._MOST + 1)):
        (tmp_path / manifest.NAME).write_text(content)
        with pytest.raises(InputError, match=r"corruptions\.json (is damaged|is larger than 16 MiB)") as caught:
            manifest.read(tmp_path)
        assert "\n" not in str(caught.value)


def test_a_folder_of_somebody_else_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "movie.mp4.partial").write_text("half of it")
    (tmp_path / "thesis.txt").write_text("mine")
    process = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / f"set.h5.{process}-{HOST}-0123456789abcdef.partial").write_bytes(b"of another job")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="is not empty and holds no corruptions"):
        corrupt(small(), tmp_path, corruptions=("contrast",), workers=1)
    assert contents(tmp_path) == before
    with pytest.raises(InputError, match=r"cannot write .*: File name too long; choose another folder"):
        corrupt(small(), tmp_path / ("n" * 300), corruptions=("contrast",), workers=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed 0 there, 1 asked"),
        ({"suite": "cbar", "corruptions": ()}, "suite 'c' there, 'cbar' asked"),
        ({"severities": (1, 2)}, "severities"),
        ({"source": small(6)}, "images 7 there, 6 asked"),
        ({"source": small(seed=1)}, "images_sha256"),
        ({"source": small(size=40)}, "size 32 there, 40 asked"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    options = {"corruptions": ("contrast",), "workers": 1, "quiet": True}
    out = corrupt(small(), tmp_path / "c", **options)
    before = contents(out)
    options |= change
    with pytest.raises(InputError, match=message):
        corrupt(options.pop("source", small()), out, **options)
    assert contents(out) == before


def test_other_folders_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        corrupt(small(), tmp_path, corruptions=("contrast",), workers=1)
    with pytest.raises(InputError, match="is a file"):
        corrupt(small(), tmp_path / "notes.txt", corruptions=("contrast",), workers=1)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "corruptions.json").write_text('{"format": "other"}')
    with pytest.raises(InputError, match="damaged"):
        corrupt(small(), tmp_path / "odd", corruptions=("contrast",), workers=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"suite": "d"}, "the suites are c, cbar, p"),
        ({"corruptions": ("mist",)}, "mist: not in suite c, which has gaussian_noise, "),
        ({"corruptions": ("contrast",), "severities": (0, 1)}, "severities: some of 1 to 5 are needed"),
        ({"corruptions": ("contrast",), "severities": (1, 1)}, "severities: some of 1 to 5 are needed"),
        ({"corruptions": ("contrast",), "severities": ()}, "severities"),
        ({"corruptions": ("contrast",), "seed": -1}, "seed: a whole number"),
        ({"corruptions": ("contrast",), "workers": 0}, "workers: at least 1"),
        ({"corruptions": ("frost",), "frost": "nowhere"}, "frost: nowhere lacks"),
    ],
)
def test_bad_arguments_are_one_line_and_write_nothing(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        corrupt(small(), tmp_path / "out", **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_line_and_leaves_no_partial_files(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(layouts.os, "posix_fallocate", full)
        with pytest.raises(InputError, match=r"cannot write .*contrast\.npy: No space left on device; free space"):
            corrupt(small(), tmp_path / "a", corruptions=("contrast",), workers=1, quiet=True)
    with monkeypatch.context() as patched:
        patched.setattr(layouts.os, "replace", full)
        patched.setattr(
            "pixmix.corruptions._making.job.begin",
            lambda root, recipe, **_: root.mkdir() or manifest.Manifest(root, recipe, {}),
        )
        with pytest.raises(InputError, match=r"cannot write .*one\.JPEG: No space left on device; free space"):
            corrupt(large(files), tmp_path / "b", corruptions=("contrast",), workers=1, quiet=True)
    assert not list(tmp_path.rglob("*.partial"))


def test_a_broken_image_is_named(files: Path, tmp_path: Path) -> None:
    root = tmp_path / "broken"
    shutil.copytree(files, root)
    (root / "bee" / "four.png").write_bytes(b"no image")
    for workers in (1, 2):
        with pytest.raises(InputError, match=r"image .*four\.png: not an image of a known format; repair it"):
            corrupt(large(root), tmp_path / "out", corruptions=("contrast", "fog"), workers=workers, quiet=True)


def test_images_and_labels_must_agree() -> None:
    with pytest.raises(InputError, match="3 images, but 2 labels"):
        Source(name="x", size=32, labels=np.zeros(2, np.int64), array=np.zeros((3, 32, 32, 3), np.uint8))
    with pytest.raises(InputError, match="need names"):
        Source(name="x", size=96, labels=np.zeros(3, np.int64), array=np.zeros((3, 96, 96, 3), np.uint8))
