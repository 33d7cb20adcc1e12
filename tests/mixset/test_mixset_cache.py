"""The cache folder: where it lies, what happens where nothing can be written, one maker at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mixset.cache import cache_folder, locked


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
        "import sys, time; from pathlib import Path; from mixset.cache import locked\n"
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


@pytest.mark.parametrize("writable", [True, False])
def test_kernels_are_kept_in_the_cache_where_their_folder_is_read_only(tmp_path: Path, writable: bool) -> None:
    code = f"import os; os.access = lambda *a: {writable}; import mixset; print(os.environ.get('NUMBA_CACHE_DIR'))"
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PIXMIX_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ("None" if writable else str(tmp_path / "numba"))
