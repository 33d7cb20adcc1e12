"""The job that writes suites goes on: it keeps what is whole and makes the rest again."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from job_samples import NAMES, contents, flipped, large, small
from processes_alive import wait_for

from mixset._common.errors import InputError
from mixset._common.partials import HOST
from pixmix.corruptions._making import manifest
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source


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
