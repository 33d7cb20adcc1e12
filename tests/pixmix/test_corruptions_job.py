"""The job that writes suites: layouts, the same bytes for any workers and attempts, what it keeps and refuses."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pixmix_samples import photographs
from processes_alive import wait_for

from mixset._common.cropping import scale_and_crop
from mixset._common.errors import InputError
from mixset._common.partials import HOST
from pixmix.corruptions._c.suite import C
from pixmix.corruptions._cbar.suite import CIFAR_CBAR, IMAGENET_CBAR
from pixmix.corruptions._making import layouts, manifest
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source, file_names
from pixmix.corruptions._making.suites import SUITES, members, standard
from pixmix.corruptions._p.suite import P

NAMES = ("gaussian_noise", "contrast", "fog")


def small(count: int = 7, *, seed: int = 0, size: int = 32) -> Source:
    labels = np.arange(count) % 3
    return Source(name="small", size=size, labels=labels, array=photographs(count, size, size, seed=seed))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with five images larger than 80 px."""
    root = tmp_path_factory.mktemp("files")
    for number, (index, shape) in enumerate(
        {
            "ant/one.png": (90, 130),
            "ant/two.png": (120, 100),
            "bee/deep/three.png": (200, 210),
            "bee/four.png": (92, 92),
            "bee/four.bmp": (100, 100),
        }.items()
    ):
        path = root / index
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photographs(1, *shape, seed=number)[0]).save(path)
    return root


def large(root: Path, size: int = 80) -> Source:
    found = sorted(path for path in root.rglob("*.*") if path.is_file())
    names = file_names(found, root, [path.relative_to(root).parts[0] for path in found])
    labels = np.array([0 if name.startswith("ant") else 1 for name in names])
    return Source(name="large", size=size, labels=labels, files=tuple(found), names=names)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_small_images_become_arrays_severity_by_severity(tmp_path: Path) -> None:
    source = small()
    out = corrupt(source, tmp_path / "c", corruptions=NAMES, seed=4, workers=1, quiet=True)
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*(f"{name}.npy" for name in NAMES), "corruptions.json", "labels.npy"]
    )
    labels = np.load(out / "labels.npy")
    assert labels.dtype == np.uint8
    assert labels.tolist() == source.labels.tolist() * 5
    for name in NAMES:
        array = np.load(out / f"{name}.npy", allow_pickle=False)
        assert (array.shape, array.dtype) == ((35, 32, 32, 3), np.uint8)
        for severity in (1, 3, 5):
            for index in (0, 6):
                wanted = C[name](source.array[index], severity=severity, seed=4, index=index)
                assert (array[(severity - 1) * 7 + index] == wanted).all()


def test_sequences_of_small_images_become_arrays_of_frames(tmp_path: Path) -> None:
    source = small(3)
    out = corrupt(source, tmp_path / "p", suite="p", corruptions=("translate", "snow"), workers=1, quiet=True)
    assert sorted(path.name for path in out.iterdir()) == ["corruptions.json", "snow.npy", "translate.npy"]
    assert np.load(out / "translate.npy").shape == (3, 16, 32, 32, 3)
    snow = np.load(out / "snow.npy")
    assert (snow[2] == P["snow"](source.array[2], size=32, seed=0, index=2)).all()


def test_corruptions_json_says_what_was_made_and_how(tmp_path: Path) -> None:
    corrupt(small(), tmp_path / "c", corruptions=NAMES, severities=(5, 2), seed=9, workers=1, quiet=True)
    said = json.loads((tmp_path / "c" / "corruptions.json").read_text())
    recipe = said["recipe"]
    assert {key: recipe[key] for key in recipe if key != "images_sha256"} == {
        "suite": "c",
        "dataset": "small",
        "pictures": 7,  # as ever: its hash is in every file
        "size": 32,
        "constants": "CIFAR",
        "severities": [5, 2],
        "seed": 9,
    }
    assert sorted(said["made"]) == sorted(NAMES)
    assert said["made"]["gaussian_noise"]["parameters"] == [0.04, 0.06, 0.08, 0.09, 0.1]
    assert "pixmix" in said["made"]["fog"]["versions"]
    array = np.load(tmp_path / "c" / "contrast.npy")
    assert array.shape == (14, 32, 32, 3)
    assert (array[7] == C["contrast"](small().array[0], severity=2, seed=9, index=0)).all()


def test_the_bytes_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    source = small(230)
    one = corrupt(source, tmp_path / "one", corruptions=NAMES, workers=1, quiet=True)
    two = corrupt(source, tmp_path / "two", corruptions=NAMES, workers=2, quiet=True)
    assert contents(one) == contents(two)
    array = np.load(two / "gaussian_noise.npy")
    for index in (99, 100, 229):  # of the first, the second and the last part
        wanted = C["gaussian_noise"](source.array[index], severity=2, seed=0, index=index)
        assert (array[230 + index] == wanted).all()


def test_whole_files_are_kept_and_others_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = small(), tmp_path / "c"
    corrupt(source, out, corruptions=NAMES[:1], workers=1, quiet=True)
    before = (out / "gaussian_noise.npy").stat()
    (out / "contrast.npy").write_bytes((out / "gaussian_noise.npy").read_bytes()[:5000])  # cut off
    process = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    leftover = out / f"fog.npy.{process}-{HOST}-0123456789abcdef.partial"
    leftover.write_bytes(b"begun")
    corrupt(source, out, corruptions=NAMES, workers=1)
    assert not list(out.glob("*.partial"))
    after = (out / "gaussian_noise.npy").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert contents(out) == contents(corrupt(source, tmp_path / "at once", corruptions=NAMES, workers=1, quiet=True))
    assert "105/105 images" in capsys.readouterr().err
    corrupt(source, out, corruptions=NAMES, workers=1)
    assert "all there already" in capsys.readouterr().err


KILLED = """
import sys
import numpy as np
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source
source = Source(name="killed", size=32, labels=np.zeros(2000, np.int64), array=np.load(sys.argv[1]))
corrupt(source, sys.argv[2], corruptions=("contrast", "gaussian_noise"), workers=2, quiet=True)
"""


def begun(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return bool(file.read(1000)[128:].strip(b"\0"))
    return False


def test_a_killed_job_goes_on_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    array, killed = np.random.default_rng(0).integers(1, 256, (2000, 32, 32, 3)).astype(np.uint8), tmp_path / "killed"
    np.save(tmp_path / "array.npy", array)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "array.npy"), str(killed)])
    wait_for(lambda: any(begun(path) for path in killed.glob("*.partial")), 120)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(killed.glob("*.partial"))
    source = Source(name="killed", size=32, labels=np.zeros(2000, np.int64), array=array)
    for out in (killed, tmp_path / "whole"):
        corrupt(source, out, corruptions=("contrast", "gaussian_noise"), workers=1, quiet=True)
    assert contents(killed) == contents(tmp_path / "whole")


def test_large_images_become_files_as_the_official_ones(files: Path, tmp_path: Path) -> None:
    source = large(files)
    out = corrupt(
        source, tmp_path / "c", corruptions=("contrast", "shot_noise"), severities=(1, 4), workers=1, quiet=True
    )
    stems = ["ant/one", "ant/two", "bee/deep_three", "bee/four.bmp", "bee/four.png"]
    expected = {f"{name}/{n}/{stem}.JPEG" for name in ("contrast", "shot_noise") for n in (1, 4) for stem in stems}
    assert set(contents(out)) == expected | {"corruptions.json"}
    whole = np.asarray(Image.open(files / "ant" / "one.png"))  # 90 rows become 91, 8/7 of 80
    image = scale_and_crop(whole, (91, 91 * 130 // 90))
    top, left = round((91 - 80) / 2), round((image.shape[1] - 80) / 2)
    wanted = C["shot_noise"](
        np.ascontiguousarray(image[top : top + 80, left : left + 80]),
        severity=4,
        seed=0,
        index=source.names.index("ant/one"),
    )
    file = io.BytesIO()
    Image.fromarray(wanted).save(file, "JPEG", quality=85, optimize=True)
    there = manifest.read(out)
    assert there is not None and there.recipe["constants"] == "ImageNet"
    found = (out / "shot_noise" / "4" / "ant" / "one.JPEG").read_bytes()
    assert found == manifest.sealed(file.getvalue(), there.stamp)
    assert (np.asarray(Image.open(io.BytesIO(found))) == np.asarray(Image.open(file))).all()


def test_files_that_are_missing_or_damaged_are_made_again(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"corruptions": ("contrast", "fog"), "severities": (1, 4), "workers": 1}
    out = corrupt(large(files), tmp_path / "c", **options)
    assert "damaged" not in capsys.readouterr().err
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.JPEG")}
    indices = ("1/ant/two.JPEG", "1/bee/four.bmp.JPEG", "4/ant/one.JPEG")
    first, second, third = (out / "contrast" / index for index in indices)
    first.unlink()
    second.write_bytes(b"")
    third.write_bytes(flipped(third.read_bytes(), 400))
    corrupt(large(files), out, **options)
    said = capsys.readouterr().err
    assert "c: damaged, made again: contrast/1/bee/four.bmp.JPEG, contrast/4/ant/one.JPEG\n" in said
    assert contents(out) == before
    again = {path for path in out.rglob("*.JPEG") if path.stat().st_mtime_ns != times.get(path)}
    assert again == {first, second, third}


def flipped(content: bytes, index: int) -> bytes:
    return content[:index] + bytes([content[index] ^ 2]) + content[index + 1 :]


def test_damaged_arrays_and_labels_are_made_again_and_whole_ones_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = corrupt(small(), tmp_path / "c", corruptions=NAMES, workers=1, quiet=True)
    before, kept = contents(out), (out / "fog.npy").stat()
    for name, index in (("contrast.npy", 5000), ("gaussian_noise.npy", 12), ("labels.npy", -2)):
        (out / name).write_bytes(flipped(before[name], index % len(before[name])))
    corrupt(small(), out, corruptions=NAMES, workers=1)
    assert "c: damaged, made again: labels.npy, contrast.npy, gaussian_noise.npy\n" in capsys.readouterr().err
    assert contents(out) == before
    assert (out / "fog.npy").stat().st_ino == kept.st_ino


def test_a_damaged_list_of_what_was_made_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = corrupt(small(3), tmp_path / "c", corruptions=NAMES[1:2], workers=1, quiet=True)
    before = contents(out)
    content = before[manifest.NAME]
    for index in range(3, len(content), 41):
        (out / manifest.NAME).write_bytes(flipped(content, index))
        with pytest.raises(InputError, match=r"\.json is damaged \(.*\); run the command that made it again"):
            manifest.read(out)
    corrupt(small(3), out, corruptions=NAMES[1:2], workers=1)
    assert "corruptions.json is damaged" in capsys.readouterr().err
    assert contents(out) == before


def test_a_suite_without_hashes_is_kept_and_said_to_have_none(tmp_path: Path) -> None:
    out = corrupt(small(), tmp_path / "c", corruptions=NAMES[:1], workers=1, quiet=True)
    old = json.loads((out / manifest.NAME).read_text())
    del old["made"]["gaussian_noise"]["sha256"], old["sha256"], old["labels_sha256"], old["test_subset"]
    (out / manifest.NAME).write_text(json.dumps({**old, "format_version": 1}))
    before = (out / "gaussian_noise.npy").stat().st_ino
    there = manifest.read(out)
    assert there is not None and there.unhashed == ["gaussian_noise"] and there.labels is None
    corrupt(small(), out, corruptions=NAMES, workers=1, quiet=True)
    assert (out / "gaussian_noise.npy").stat().st_ino == before
    there = manifest.read(out)
    assert there is not None and there.unhashed == ["gaussian_noise"] and "sha256" in there.finished["fog"]


@pytest.mark.parametrize("kind", ["arrays", "files"])
def test_what_other_parameters_made_is_made_again(
    tmp_path: Path, files: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Spatter of version 0.1.0 had no form among its parameters, and was the corrected one."""
    given = small(3) if kind == "arrays" else large(files)
    out = corrupt(given, tmp_path / "c", corruptions=("spatter", "contrast"), severities=(1,), workers=1, quiet=True)
    whole, said = contents(out), json.loads((out / manifest.NAME).read_text())
    for each in said["made"]["spatter"]["parameters"]:
        assert each.pop() == "reference"
    del said["sha256"]
    (out / manifest.NAME).write_text(json.dumps({**said, "format_version": 1}))
    corrupt(given, out, corruptions=("spatter", "contrast"), severities=(1,), workers=1)
    told = capsys.readouterr().err
    assert "made again: spatter (it had other parameters)" in told and "contrast" not in told
    assert {name: content for name, content in contents(out).items() if name != manifest.NAME} == {
        name: content for name, content in whole.items() if name != manifest.NAME
    }
    again = manifest.read(out)
    assert again is not None and again.finished["spatter"]["parameters"][0][-1] == "reference"


WRONG = {
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


def test_sequences_of_large_images_are_videos_that_opencv_reads_bit_for_bit(files: Path, tmp_path: Path) -> None:
    source = large(files)
    out = corrupt(source, tmp_path / "p", suite="p", corruptions=("gaussian_noise", "rotate"), workers=1, quiet=True)
    assert set(contents(out)) == {
        *(f"{name}/{stem}.mp4" for name in ("gaussian_noise", "rotate") for stem in source.names),
        "corruptions.json",
    }
    for name in ("gaussian_noise", "rotate"):
        index = source.names.index("ant/two")
        wanted = P[name](source.uncropped(index), size=80, seed=0, index=index)
        video, frames = cv2.VideoCapture(str(out / name / "ant" / "two.mp4")), []
        while (read := video.read())[0]:
            frames.append(read[1][..., ::-1])
        assert (np.stack(frames) == wanted).all()


def test_large_images_are_the_same_for_any_number_of_workers(files: Path, tmp_path: Path) -> None:
    source = large(files)
    more = Source(
        name="more",
        size=80,
        labels=np.tile(source.labels, 8),
        files=source.files * 8,
        names=tuple(f"{name}-{n}" for n in range(8) for name in source.names),
    )
    options = {"corruptions": ("gaussian_noise",), "severities": (3,), "quiet": True}
    one = corrupt(more, tmp_path / "one", workers=1, **options)
    two = corrupt(more, tmp_path / "two", workers=2, **options)
    assert contents(one) == contents(two)
    assert len(contents(one)) == 41


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


def test_suites_have_the_benchmarks_members() -> None:
    assert standard("c", 32) == standard("c", 224) == list(C)
    assert standard("c", 32, extra=True)[15:] == ["gaussian_blur", "saturate", "spatter", "speckle_noise"]
    assert standard("cbar", 32) == list(CIFAR_CBAR)
    assert standard("cbar", 224) == list(IMAGENET_CBAR)
    assert sorted(standard("cbar", 32, extra=True)) == sorted(SUITES["cbar"])
    assert len(standard("p", 32)) == 10
    assert len(standard("p", 32, extra=True)) == 14
    assert [kind.name for kind in members("c", 32, names=("spatter_corrected",))] == ["spatter_corrected"]
    chosen = members("p", 32, names=("gaussian_noise_3", "tilt", "gaussian_noise_3"))
    assert [kind.name for kind in chosen] == ["gaussian_noise_3", "tilt"]


def test_images_and_labels_must_agree() -> None:
    with pytest.raises(InputError, match="3 images, but 2 labels"):
        Source(name="x", size=32, labels=np.zeros(2, np.int64), array=np.zeros((3, 32, 32, 3), np.uint8))
    with pytest.raises(InputError, match="need names"):
        Source(name="x", size=96, labels=np.zeros(3, np.int64), array=np.zeros((3, 96, 96, 3), np.uint8))
