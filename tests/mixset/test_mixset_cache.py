"""The cache folder: where it lies, what happens where nothing can be written, one maker at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mixset._common.cache import cache_folder
from mixset._common.errors import InputError
from mixset._common.locks import exclusive, locked


def test_the_named_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"
    monkeypatch.delenv("PIXMIX_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "pixmix"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "pixmix"
    assert cache_folder().is_dir()


def test_a_folder_that_cannot_be_written_is_said_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = cache_folder()
    assert folder == tmp_path / f"pixmix-{os.getuid()}"
    assert folder.is_dir()
    told = capsys.readouterr().err
    assert str(folder) in told
    assert told.count("\n") == 1


def test_one_holds_the_lock_and_its_death_frees_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from mixset._common.locks import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "lock"], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        waiting = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "lock"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(1.0)
        assert waiting.poll() is None
        assert waiting.stdout is not None
        os.set_blocking(waiting.stdout.fileno(), False)
        assert not waiting.stdout.read(), "a second process got the lock while the first held it"
        holder.kill()
    with locked(tmp_path / "other"):
        pass
    os.set_blocking(waiting.stdout.fileno(), True)
    assert waiting.stdout.readline() == b"held\n"
    waiting.kill()
    waiting.communicate()


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "open"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert cache_folder() == tmp_path / f"pixmix-{os.getuid()}"
    assert (cache_folder().stat().st_mode & 0o777) == 0o700


def test_a_name_that_is_taken_leads_to_a_fresh_folder(tmp_path: Path) -> None:
    (tmp_path / f"pixmix-{os.getuid()}").symlink_to(tmp_path)
    code = (
        "from mixset._common.cache import cache_folder; f = cache_folder(); print(f, f.is_dir(), f == cache_folder())"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("PIXMIX_CACHE", "XDG_CACHE_HOME")}
    (tmp_path / "home").write_text("no folder")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "TMPDIR": str(tmp_path), "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    folder, made, same = done.stdout.split()
    assert Path(folder).parent == tmp_path and Path(folder).name != f"pixmix-{os.getuid()}"
    assert (made, same) == ("True", "True")
    assert not Path(folder).exists(), "it ends with the process"
    assert done.stderr.count("\n") == 1 and folder in done.stderr


def test_one_process_holds_a_folder_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mixset._common.locks import exclusive\n"
        "with exclusive(Path(sys.argv[1]), 'folder x'): print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "lock"], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match=f"by process {holder.pid} on"), exclusive(tmp_path / "lock", "folder x"):
            pass
        holder.kill()
    with (
        exclusive(tmp_path / "lock", "folder x"),
        pytest.raises(InputError, match="in this process"),
        exclusive(tmp_path / "lock", "folder x"),
    ):
        pass
    with exclusive(tmp_path / "lock", "folder x"):
        pass


@pytest.mark.parametrize("kind", ["text", "hard link", "pipe"])
def test_a_file_of_another_program_is_not_taken_for_a_lock(tmp_path: Path, kind: str) -> None:
    lock, text = tmp_path / ".lock", tmp_path / "text"
    text.write_text("process 1 on host\n" if kind == "hard link" else "kept")
    if kind == "pipe":
        os.mkfifo(lock)
    else:
        os.link(text, lock) if kind == "hard link" else shutil.copy(text, lock)
    before = text.read_bytes()
    with (
        pytest.raises(InputError, match=r"\.lock, which is not a lock of ours"),
        exclusive(lock, "folder x"),
    ):
        pass
    assert os.path.lexists(lock) and text.read_bytes() == before
    lock.unlink()
    lock.write_text("process 1 on a-host\n")  # of a process that was killed
    with exclusive(lock, "folder x"):
        assert lock.read_text().startswith(f"process {os.getpid()} on ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, what: str) -> int:
        path.touch()
        return os.open("/dev/full", os.O_WRONLY)

    monkeypatch.setattr("mixset._common.locks._acquire", full)
    with pytest.raises(OSError, match="No space left"), exclusive(tmp_path / "lock", "folder x"):
        pass
    assert not list(tmp_path.iterdir())
