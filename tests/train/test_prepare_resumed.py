"""`pixmix prepare` after kills, and archives with more members than are kept in mind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import raw_layouts as raw

from mixset._common.errors import InputError
from pixmix.train._preparation import archives, unpacking
from pixmix.train._preparation.archives import Archive
from pixmix.train._preparation.prepare import prepare
from pixmix.train._preparation.prepare_config import PrepareConfig

PROGRAM = "from pixmix.train._command.cli import main; main()"


def many(path: Path, count: int, *, compression: str = "") -> dict[str, bytes]:
    """An archive of `count` images of C's fog; returns their contents by name."""
    members = {f"fog/1/n01440764/{number:05d}.JPEG": os.urandom(20) + bytes([number % 256]) for number in range(count)}
    raw.write(path, raw.tar(members, compression=compression))
    return members


@pytest.mark.parametrize("compression", ["", "gz", "xz", "bz2"])
def test_an_archive_goes_on_from_any_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str) -> None:
    monkeypatch.setattr(archives, "_AT_ONCE", 7)
    members = many(tmp_path / "a.tar", 30, compression=compression)
    with Archive(tmp_path / "a.tar") as archive:
        steps = [(step.member.name, step.after) for step in archive.steps() if step.member is not None]
    assert [name for name, _ in steps] == [*members]
    for index in (0, 6, 7, 29):
        with Archive(tmp_path / "a.tar") as archive:
            rest = [step.member for step in archive.steps(steps[index][1] or 0) if step.member is not None]
            assert [member.name for member in rest] == [*members][index + 1 :]


class Killed(BaseException):
    """In place of a kill."""


def test_a_broken_off_call_loses_a_piece_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_FILES", 10)
    members = many(tmp_path / "fog.tar", 95)
    out, written = tmp_path / "c", list[str]()
    replace = os.replace

    def counted(source: str | Path, to: str | Path) -> None:
        if str(to).endswith(".JPEG"):
            if len(written) == 47:
                raise Killed
            written.append(str(to))
        replace(source, to)

    monkeypatch.setattr(os, "replace", counted)
    config = PrepareConfig(kind="c", archives=(tmp_path / "fog.tar",), out=out)
    with pytest.raises(Killed):
        prepare(config)
    journal = json.loads((out / ".prepare" / "c" / "fog.tar.json").read_text())
    assert journal["files"] == 40 and not journal["ended"]
    # What was written last a power cut may have emptied; what lies before the journal is not looked at again.
    Path(written[45]).write_bytes(b"")
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(InputError, match="fog: severity 2, 3, 4, 5 missing"):  # all is unpacked, and counted then
        prepare(config)
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.JPEG")}
    assert found == members and not list(out.rglob("*.partial"))
    journal = json.loads((out / ".prepare" / "c" / "fog.tar.json").read_text())
    assert journal["files"] == 95 and journal["ended"]


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    many(tmp_path / "fog.tar", 3)
    config = PrepareConfig(kind="c", archives=(tmp_path / "fog.tar",), out=tmp_path / "c")
    for content in ("[]", '{"bytes": -1}', '{"other": 1}', "x"):
        raw.write(tmp_path / "c" / ".prepare" / "c" / "fog.tar.json", content.encode())
        with pytest.raises(
            InputError, match=r"fog.tar.json is damaged \(.*\); remove it, and the archive is read from"
        ):
            prepare(config)


@pytest.mark.slow
def test_killed_calls_end_as_an_undisturbed_one(tmp_path: Path) -> None:
    """kill -9 at five moments; each call goes on, and the last one has every image."""
    members = many(tmp_path / "fog.tar", 6_000)
    command = [sys.executable, "-P", "-c", PROGRAM, "prepare", "c", str(tmp_path / "fog.tar"), "--out"]
    out = tmp_path / "c"
    for kill in range(5):
        process = subprocess.Popen([*command, str(out)], stderr=subprocess.DEVNULL)
        before = len(list(out.rglob("*.JPEG")))
        while process.poll() is None and len(list(out.rglob("*.JPEG"))) < before + 300 + 200 * kill:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run([*command, str(out)], stderr=subprocess.DEVNULL, check=False).returncode == 2
    assert {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.JPEG")} == members
    assert not list(out.rglob("*.partial"))
