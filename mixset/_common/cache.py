"""The cache folder, which only its owner may write: compiled code and pools in it are trusted."""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

_reported: set[Path] = set()
_fresh: list[tuple[int, Path]] = []
"""The process id that created a temporary cache, and the folder; processes forked from it use it, too."""


def cache_folder() -> Path:
    """The cache folder: `$PIXMIX_CACHE`, else `$XDG_CACHE_HOME/pixmix`, else `~/.cache/pixmix`.

    The folder must belong to this user and be writable by nobody else. Otherwise a folder of this user in the
    temporary directory is used, or, if somebody else has taken its name, a fresh one that is deleted when the process
    ends; one line on stderr says so.
    """
    preferred = _preferred()
    why = "there is no home folder" if preferred is None else why_unusable(preferred)
    if preferred is not None and why is None:
        return preferred
    fallback = _temporary()
    if fallback not in _reported:
        _reported.add(fallback)
        where = f"cache folder {preferred} {why}" if preferred is not None else f"no cache folder: {why}"
        print(f"{where}: using {fallback}; set PIXMIX_CACHE to choose", file=sys.stderr)
    return fallback


def why_unusable(folder: Path, *, links: bool = True) -> str | None:
    """Why files in `folder` cannot be trusted later, or None if they can.

    Args:
        folder: created for this user alone if it does not exist.
        links: whether the folder may be a symbolic link to one.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.stat(folder) if links else os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode):
            return "is not a folder"
        if status.st_uid != os.getuid():
            return "belongs to another user"
        if status.st_mode & 0o022:
            return "can be written by other users (chmod go-w)"
        # os.access is not enough: a read-only mount says yes to root.
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError:
        return "cannot be written"


def _preferred() -> Path | None:
    if named := os.environ.get("PIXMIX_CACHE"):
        return Path(named)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "pixmix"
    try:
        return Path.home() / ".cache" / "pixmix"
    except RuntimeError:  # neither $HOME nor a passwd entry
        return None


def _temporary() -> Path:
    shared = Path(tempfile.gettempdir()) / f"pixmix-{os.getuid()}"
    if why_unusable(shared, links=False) is None:
        return shared
    if not _fresh:
        _fresh.append((os.getpid(), Path(tempfile.mkdtemp(prefix="pixmix-"))))
        atexit.register(_remove_fresh)
    return _fresh[0][1]


def _remove_fresh() -> None:
    owner, folder = _fresh[0]
    if owner == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)
