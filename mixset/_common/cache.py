"""Where things made once are kept: a folder that nobody but this user can write."""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

_said: set[Path] = set()
_fresh: list[tuple[int, Path]] = []
"""The process that made a temporary cache, and the cache; processes forked from it use it, too."""


def cache_folder() -> Path:
    """The cache: `$PIXMIX_CACHE`, else `$XDG_CACHE_HOME/pixmix`, else `~/.cache/pixmix`.

    A folder serves if it is this user's, no one else may write it, and it can be written. Otherwise one of this user's
    under the temporary files is used, or where somebody else has taken its name a fresh one that ends with the process;
    one line on stderr says so.
    """
    wanted = _wanted()
    why = "there is no home folder" if wanted is None else unfit(wanted)
    if wanted is not None and why is None:
        return wanted
    instead = _temporary()
    if instead not in _said:
        _said.add(instead)
        where = f"cache folder {wanted} {why}" if wanted is not None else f"no cache folder: {why}"
        print(f"{where}: using {instead}; set PIXMIX_CACHE to choose", file=sys.stderr)
    return instead


def unfit(folder: Path, *, links: bool = True) -> str | None:
    """Why `folder` (made when missing, for this user alone) cannot hold what will be trusted later; None if it can.

    Args:
        links: whether the folder may be reached through a symbolic link.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.stat(folder) if links else os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode):
            return "is no folder"
        if status.st_uid != os.getuid():
            return "belongs to another user"
        if status.st_mode & 0o022:
            return "can be written by other users (chmod go-w)"
        # os.access is not enough: a read-only mount says yes to root.
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError:
        return "cannot be written"


def _wanted() -> Path | None:
    if named := os.environ.get("PIXMIX_CACHE"):
        return Path(named)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "pixmix"
    try:
        return Path.home() / ".cache" / "pixmix"
    except RuntimeError:  # no $HOME, and no entry in the list of users
        return None


def _temporary() -> Path:
    known = Path(tempfile.gettempdir()) / f"pixmix-{os.getuid()}"
    if unfit(known, links=False) is None:
        return known
    if not _fresh:
        _fresh.append((os.getpid(), Path(tempfile.mkdtemp(prefix="pixmix-"))))
        atexit.register(_remove_fresh)
    return _fresh[0][1]


def _remove_fresh() -> None:
    owner, folder = _fresh[0]
    if owner == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)
