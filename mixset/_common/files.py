"""Output files of a command, such as a figure: checked before the work starts, written atomically after it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError, reason
from .partials import NAME_BYTES, write_atomically

if TYPE_CHECKING:
    from PIL import Image


def check_file(path: Path) -> None:
    """Check that `path` can be written, and its folder created if missing; nothing is created yet.

    Raises:
        InputError: `path` is a folder, is below a file or too long, or its folder cannot be written.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; name a file in it")
        with contextlib.suppress(FileNotFoundError):
            path.lstat()
        if max(len(os.fsencode(part)) for part in path.parts) > NAME_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        existing = next(folder for folder in path.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=existing):  # os.access is not enough: a read-only mount says yes to root
            pass
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be written ({reason(error)}); choose another path") from error


@contextlib.contextmanager
def ensured_folder(folder: Path, what: str) -> Iterator[None]:
    """Create a folder and its parents if missing; those that are still empty after the block are removed again.

    Args:
        folder: the folder.
        what: what error messages call it, for example "run folder".

    Raises:
        InputError: it cannot be created.
    """
    created: list[Path] = []
    try:
        try:
            # A path that ends in ".." exists once the folders before it do.
            created += [path for path in (folder, *folder.parents) if path.name != ".." and not path.exists()]
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise InputError(f"{what} {folder} cannot be written ({reason(error)}); choose another folder") from error
        yield
    finally:
        for path in created:
            with contextlib.suppress(OSError, ValueError):
                path.rmdir()
            if os.path.exists(path):  # it is not empty, and needs its parents, even empty ones (a/../b)
                break


def save_image(image: Image.Image, path: Path) -> None:
    """Write an image atomically in the format of the path's suffix; its folder is created if missing.

    Raises:
        InputError: the suffix is unknown, the format cannot hold an image this large, or `path` cannot be written.
    """
    content, kind = io.BytesIO(), format_of(path)
    try:
        image.save(content, kind)
    except Exception as error:  # each format reports its size limit in its own way
        size = f"{image.width:,} x {image.height:,} px"
        raise InputError(f"{path}: its format holds no image of {size} ({reason(error)}); use .png") from error
    write_file(path, content.getvalue())


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically; its folder is created if missing.

    Raises:
        InputError: `path` cannot be written.
    """
    with ensured_folder(path.parent, "folder"):
        write_atomically(path, content)


def format_of(path: Path) -> str:
    """Pillow's name of the format with the path's suffix; InputError if Pillow cannot write one."""
    from PIL import Image

    name = Image.registered_extensions().get(path.suffix.lower(), "")
    if name not in Image.SAVE:
        raise InputError(f"{path}: no image format has this suffix; use .png or .jpg")
    return name
