"""Where things made once are kept, and the lock that lets one process of many make them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


def cache_folder() -> Path:
    """The cache: `$PIXMIX_CACHE`, else `$XDG_CACHE_HOME/pixmix`, else `~/.cache/pixmix`.

    Where none of them can be written (a read-only home), a folder of this user's under the temporary files is
    used, and one line on stderr says so.
    """
    named = os.environ.get("PIXMIX_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    folder = Path(named) if named else (Path(base) if base else Path.home() / ".cache") / "pixmix"
    if _writable(folder):
        return folder
    fallback = Path(tempfile.gettempdir()) / f"pixmix-{os.getuid()}"
    print(f"cache folder {folder} cannot be written: using {fallback}; set PIXMIX_CACHE to choose", file=sys.stderr)
    fallback.mkdir(mode=0o700, parents=True, exist_ok=True)
    return fallback


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # os.access is not enough: a read-only mount says yes to root.
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` (made when missing); the kernel releases it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
