"""`python benchmarks/evidence.py`: what it takes, what it refuses, and a cell from its archives to its file."""

from __future__ import annotations

import lzma
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import evidence
import pytest
from evidence_results import read_results
from evidence_samples import result, write_data, write_frost, write_images
from processes_alive import wait_for

from mixset._common.errors import InputError

SCRIPT = Path(evidence.__file__)
Ends = Callable[..., str]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A data set of two classes, packed."""
    folder = write_data(tmp_path / "packed")
    path = tmp_path / "tiny.v2.tar.xz"
    with lzma.open(path, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for part in ("train", "test"):
            tar.add(folder / part, part)
    return path


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ends:
    """What the script prints."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["evidence.py", *map(str, arguments), "--devices", "cpu"])
        evidence.main()
        return capsys.readouterr().out

    return call


def test_cells_are_listed_in_their_order(told: Ends, archive: Path, tmp_path: Path) -> None:
    lines = told(archive, "--list").splitlines()
    assert lines[0] == f"unpacking {archive}"
    assert [line.split()[0] for line in lines[1:7]] == [
        *("pixmix-s0", "baseline-s0", "mix-input-s0", "mix-aug-s0", "pixmix-s1", "baseline-s1"),
    ]
    assert lines[1].endswith(" about 9 min 00 s") and lines[-1] == "0 of 16 cells are there"
    assert (tmp_path / "evidence" / "tiny" / "test" / "b" / "3.png").exists()
    again = told(archive, "--list", "--cells", "oe-s0", "baseline-s0").splitlines()  # nothing is unpacked anew
    assert [line.split()[0] for line in again] == ["baseline-s0", "oe-s0", "0"]
    assert told(archive, "--list", "--cells", 3).endswith("\n0 of 3 cells are there\n")


def test_an_archive_that_was_unpacked_in_part_is_unpacked_again(told: Ends, archive: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "evidence" / "tiny.partial" / "train" / "ghost", 1, 0)
    told(archive, "--list", "--cells", 1)
    assert {path.name for path in (tmp_path / "evidence" / "tiny" / "train").iterdir()} == {"a", "b"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "DATA: name the data set"),
        (["nowhere.tar"], "archive nowhere.tar: no such file"),
        (["text"], "text is not a folder, tar archive"),
        (["packed", "--cells", "pixmax-s0"], "--cells pixmax-s0: unknown; there are pixmix-s0, baseline-s0,"),
        (["packed", "--minutes", "0"], "--minutes 0: a number above 0 is needed"),
        (["packed", "--minutes", "nan"], "--minutes nan: a number above 0 is needed"),
        (["packed", "--fvis-set", "mine"], "--fvis-set mine: rows are named by their set's folder; call it fvis"),
        (["packed", "--epochs", "0"], "epochs: a whole number from 1"),
        (["packed", "--render"], "--render: writes the docs from the files of cells alone"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    told: Ends, archive: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "text").write_text("no archive" * 100)
    with pytest.raises(InputError) as caught:
        told(*arguments, "--list")
    assert str(caught.value).startswith(message)


def test_an_archive_leaves_nothing_outside_its_folder(told: Ends, tmp_path: Path) -> None:
    write_images(tmp_path / "one", 1, 0)
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.add(tmp_path / "one" / "0.png", "../../outside.png")
    with pytest.raises(InputError, match=r"archive evil\.tar"):
        told("evil.tar", "--list")
    assert not (tmp_path / "outside.png").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_cell_from_its_archives_to_its_file_through_a_kill(archive: Path, tmp_path: Path) -> None:
    """The real commands, on toys: killed in the training, resumed, never run again."""
    write_frost(tmp_path / "frost")
    write_images(tmp_path / "ood" / "textures", 4, 5)
    with tarfile.open(tmp_path / "ood.tar", "w") as tar:
        tar.add(tmp_path / "ood" / "textures", "textures")
    small = ("--network", "wrn-10-1", "--epochs", "3", "--subset", "16", "--test-subset", "6", "--fractals", "8")
    places = ("--ood", "ood.tar", "--frost", "frost", "--out", "out", "--results", "results", "--devices", "cpu", "cpu")
    words = [sys.executable, str(SCRIPT), str(archive), *small, *places, "--cells", "pixmix-s0", "baseline-s0"]
    environment = {**os.environ, "PIXMIX_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen([*words, "--fvis", "4"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    wait_for(lambda: first.poll() is not None or any(tmp_path.glob("out/*/runs/*/checkpoints/*.pt")), seconds=200)
    assert first.poll() is None
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    assert not (tmp_path / "results").exists()
    ended = subprocess.run([*words, "--fvis", "4"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    found = {one.cell: one for one in read_results(tmp_path / "results")}
    assert found.keys() == {"pixmix-s0", "baseline-s0"}
    suites = {"clean", "c", "cbar", "p", "adversaries", "calibration", "anomalies"}
    assert all(suites <= one.metrics.keys() for one in found.values())
    assert found["pixmix-s0"].metrics["c"]["mce"]["n"] == 6
    assert "textures" in found["pixmix-s0"].metrics["anomalies"]["mean"]["auroc"]["sets"]
    assert all(path.stat().st_size < 100_000 for path in (tmp_path / "results").iterdir())
    again = subprocess.run([*words, "--fvis", "4"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert again.stdout == "2 of 2 cells are there\n"


def test_rendering_writes_both_pages(told: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import evidence_pages
    from evidence_results import write_result

    write_result(result("pixmix-s0", 0.1), tmp_path / "results")
    (tmp_path / "docs").mkdir()
    for page in evidence_pages.PAGES:
        (tmp_path / page).write_text("\n".join(evidence_pages.MARKS))
    monkeypatch.setattr(evidence, "render", lambda page, found: evidence_pages.render(page, found, tmp_path))
    told("--render", "--results", tmp_path / "results")
    for page in evidence_pages.PAGES:
        assert "| PixMix | 10.0<br>4.2 +5.8 |" in (tmp_path / page).read_text()
