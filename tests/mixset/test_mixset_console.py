"""What the commands share: exit codes with one line each, progress, the atomic file."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mixset._common.console import run_command
from mixset._common.errors import DamagedImage, InputError
from mixset._common.files import ensured_folder
from mixset._common.parsing import Command, dispatch
from mixset._common.partials import write_atomically
from mixset._common.progress import Progress, duration


def fail(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("size: 7 is too small"), 2, "error: size: 7 is too small"),
        (DamagedImage("image 3 is damaged"), 2, "error: image 3 is damaged"),
        (KeyboardInterrupt(), 130, "interrupted: finished work is kept"),
        (OSError(errno.ENOSPC, "No space left on device", "out.png"), 2, "cannot write out.png: No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "out.png"), 2, "cannot write out.png: Permission denied"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(fail(error))
    assert stop.value.code == code
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(("own", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_a_command_lets_waiting_threads_sleep(own: str | None, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if own is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", own)
    run_command(lambda: None)
    assert os.environ["OMP_WAIT_POLICY"] == expected


TERMINATED = """
import os, signal, time
from mixset._common.console import run_command
def work():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("workers ended", flush=True)
run_command(work)
"""


@pytest.mark.parametrize(("world", "code", "out"), [("1", 143, "workers ended\n"), ("2", -signal.SIGTERM, "")])
def test_sigterm_ends_a_command_as_ctrl_c_does(world: str, code: int, out: str) -> None:
    """What was begun is ended, and a second signal does not cut that short; a rank of several is ended at once."""
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED],
        env={**os.environ, "WORLD_SIZE": world},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, out)
    assert done.stderr.startswith("terminated: finished work is kept" if world == "1" else "")
    assert done.stderr.count("\n") == (1 if world == "1" else 0)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "1 ± 2 × 3\u00a0… C̄ 漢 \\x1b[31m"),
        ("latin-1", "1 ± 2 × 3\u00a0... C-bar \\u6f22 \\x1b[31m"),
        ("ascii", "1 +/- 2 x 3 ... C-bar \\u6f22 \\x1b[31m"),
    ],
)
def test_streams_of_any_encoding_show_everything(encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, write_through=True)
    monkeypatch.setattr("sys.stderr", stream)
    with pytest.raises(SystemExit):
        run_command(fail(InputError("1 ± 2 × 3\u00a0… C̄ 漢 \x1b[31m")))
    assert written.getvalue().decode(encoding) == f"error: {shown}\n"


def test_our_own_mistakes_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(fail(ZeroDivisionError()))
    with pytest.raises(OSError, match="Bad file descriptor"):
        run_command(fail(OSError(errno.EBADF, "Bad file descriptor")))


@dataclass(frozen=True)
class Drawing:
    """The arguments of a command."""

    size: int


def test_commands_are_listed_and_found(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Drawing] = []
    commands = {"draw": Command("draw a thing", lambda words: Drawing(size=len(words)), seen.append)}
    dispatch("tool", "usage\n{commands}", commands, [])
    assert "draw     draw a thing" in capsys.readouterr().out
    dispatch("tool", "", commands, ["draw", "--fast"])
    assert seen == [Drawing(size=1)]
    with pytest.raises(InputError, match="tool paint: no such command; the commands are draw"):
        dispatch("tool", "", commands, ["paint"])


def test_progress_tells_count_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Progress(1000, "images", initial=200) as progress:
        now[0] += 5
        progress.advance(100)
        assert capsys.readouterr().err == ""  # a line in ten seconds, where stderr is no terminal
        now[0] += 5
        progress.advance(100)
        assert capsys.readouterr().err == "400/1,000 images, 20/s, 30 s left\n"
        progress.say("epoch 1")
        assert capsys.readouterr().err == "epoch 1\n"
        now[0] += 30
        progress.count = 1000
    assert re.fullmatch(r"1,000/1,000 images, 20/s, 40 s\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("units", "seconds", "told"),
    [
        (10, 1, "11/1,000 images, 10/s, 1 min 39 s left"),
        (99, 10, "100/1,000 images, 9.9/s, 1 min 31 s left"),
        (1, 10, "2/1,000 images, 0.1/s, 2 h 46 min left"),
        (1, 20, "2/1,000 images, 3.0/min, 5 h 32 min left"),
    ],
)
def test_rates_have_the_unit_that_fits(
    units: int, seconds: int, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Progress(1000, "images", every=0) as progress:
        progress.advance()
        now[0] += seconds
        progress.advance(units)
        assert capsys.readouterr().err.splitlines()[-1] == told


def test_what_comes_before_the_first_unit_does_not_count_into_the_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Progress(100, "images", every=0, preparing="compiling kernels (once)") as progress:
        assert capsys.readouterr().err == "0/100 images  compiling kernels (once)\n"
        now[0] += 40
        progress.advance()
        assert capsys.readouterr().err == "1/100 images\n"
        now[0] += 1
        progress.advance(9)
        assert capsys.readouterr().err == "10/100 images, 9.0/s, 10 s left\n"
        now[0] += 9
        progress.advance(90)
    assert capsys.readouterr().err.endswith("100/100 images, 2.0/s, 50 s\n")


def test_on_a_terminal_progress_shows_that_it_has_begun(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(1000, "images", initial=200):
        assert capsys.readouterr().err == "\r\x1b[K200/1,000 images"


def test_quiet_progress_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(2, "images", quiet=True, every=0) as progress:
        progress.advance(2)
        progress.say("a line")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*a\.json: No space left on device; free space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match="cannot write"):
        write_atomically(tmp_path / "missing" / "b.json", b"new")


def test_a_folder_behind_two_dots_keeps_what_leads_to_it(tmp_path: Path) -> None:
    with ensured_folder(tmp_path / "a" / ".." / "b", "folder"):
        (tmp_path / "b" / "file").write_text("x")
    assert (tmp_path / "a" / ".." / "b" / "file").is_file()
    with (
        pytest.raises(InputError, match="File name too long"),
        ensured_folder(tmp_path / "c" / ("n" * 256), "folder"),
    ):
        raise AssertionError
    with ensured_folder(tmp_path / "e" / ".." / "f", "folder"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize(("stream", "code"), [("stdout", 0), ("stderr", 0), ("stdout", 2), ("stderr", 2)])
def test_a_closed_stream_is_no_fault(monkeypatch: pytest.MonkeyPatch, stream: str, code: int) -> None:
    def main() -> None:
        print("a line")
        print("another", file=sys.stderr)
        if code:
            raise InputError("a fault")

    monkeypatch.setattr(sys, stream, None)
    if code:
        with pytest.raises(SystemExit, match="2"):
            run_command(main)
    else:
        run_command(main)
    assert getattr(sys, stream) is None


def test_a_removed_working_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gone").mkdir()
    with contextlib.chdir(tmp_path):
        os.chdir("gone")
        (tmp_path / "gone").rmdir()
        with pytest.raises(SystemExit, match="2"):
            run_command(lambda: None)
    assert capsys.readouterr().err == "error: the working folder has been removed; change to one that exists\n"
