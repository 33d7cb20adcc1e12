"""Files that a command ends with, such as a figure: looked at before the work, written atomically after it."""

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
    """See that a file can be written at `path`, its folder made when missing; nothing is left there yet.

    Raises:
        InputError: it is a folder, lies below a file, is too long, or its folder cannot be written.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; name a file in it")
        with contextlib.suppress(FileNotFoundError):
            path.lstat()
        if max(len(os.fsencode(part)) for part in path.parts) > NAME_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        there = next(folder for folder in path.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=there):  # os.access is not enough: a read-only mount says yes to root
            pass
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be written ({reason(error)}); choose another place") from error


@contextlib.contextmanager
def made_folder(folder: Path, what: str) -> Iterator[None]:
    """Have a folder, made with its parents when missing; those in which nothing came to lie go again.

    Args:
        what: it is, for the line, for example "run folder".

    Raises:
        InputError: it cannot be made.
    """
    made: list[Path] = []
    try:
        try:
            # Of what stands before a "..", only the folder itself is one to be made.
            made += [each for each in (folder, *folder.parents) if each.name != ".." and not each.exists()]
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise InputError(f"{what} {folder} cannot be written ({reason(error)}); choose another folder") from error
        yield
    finally:
        for each in made:
            with contextlib.suppress(OSError, ValueError):
                each.rmdir()
            if os.path.exists(each):  # what holds something needs those before it, also where these are empty (a/../b)
                break


def save_image(image: Image.Image, path: Path) -> None:
    """Write an image in the format that the name ends in, atomically; its folder is made when missing.

    Raises:
        InputError: no format ends so, the format holds no image of this size, or `path` cannot be written.
    """
    content, kind = io.BytesIO(), format_of(path)
    try:
        image.save(content, kind)
    except Exception as error:  # each format says otherwise how large it can be
        size = f"{image.width:,} x {image.height:,} px"
        raise InputError(f"{path}: its format holds no image of {size} ({reason(error)}); use .png") from error
    write_file(path, content.getvalue())


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically; its folder is made when missing.

    Raises:
        InputError: `path` cannot be written.
    """
    with made_folder(path.parent, "folder"):
        write_atomically(path, content)


def format_of(path: Path) -> str:
    """Pillow's name for what the suffix says; InputError where it can write none."""
    from PIL import Image

    name = Image.registered_extensions().get(path.suffix.lower(), "")
    if name not in Image.SAVE:
        raise InputError(f"{path}: no image format has this suffix; use .png or .jpg")
    return name
