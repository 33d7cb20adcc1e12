"""Files that end in the SHA-256 of their own content, so that damage is detected when they are read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .errors import reading
from .partials import write_atomically
from .regular import open_regular, read_regular

_MARK = b"\n#sha256:"
_LENGTH = len(_MARK) + 64 + 1
_PIECE = 1 << 20


def write_sealed(path: Path, content: bytes | memoryview) -> None:
    """Write `content` and after it a line with its SHA-256, atomically.

    Formats read from the start (`.npy`, safetensors, JPEG) or located by a search from the end (zip, and so torch's
    files and `.npz`) stay readable for programs that do not know this line.

    Raises:
        InputError: as `write_atomically`.
    """
    write_atomically(path, content, seal(content))


def read_sealed(path: Path, what: str, remedy: str) -> tuple[bytes, bool]:
    """Read a file and check its seal, if it has one; returns the content and whether it was sealed.

    Args:
        path: the file.
        what: what error messages call the file.
        remedy: what error messages advise if it is damaged.

    Raises:
        InputError: the file cannot be read, or its content does not match its seal.
    """
    with reading(what, remedy):
        content = read_regular(path)
        return unseal(content)


def seal(content: bytes | memoryview) -> bytes:
    """The line that `write_sealed` writes after `content`."""
    return seal_line(hashlib.sha256(content).hexdigest())


def seal_line(digest: str) -> bytes:
    """The seal of content with this SHA-256, for writers that hash piece by piece."""
    return _MARK + digest.encode() + b"\n"


def file_hash(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal; raises as `open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_fits(path: Path) -> bool:
    """Whether a file ends in a seal that matches its content; the file is read piece by piece.

    Raises:
        InputError: it is not a regular file.
        OSError: it is missing or cannot be read.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        remaining = os.fstat(file.fileno()).st_size - _LENGTH
        while remaining > 0 and (piece := file.read(min(remaining, _PIECE))):
            digest.update(piece)
            remaining -= len(piece)
        return file.read(_LENGTH + 1) == seal_line(digest.hexdigest())


def unseal(content: bytes) -> tuple[bytes, bool]:
    """The content before the seal, and whether there is one; ValueError if it does not match."""
    body, line = content[:-_LENGTH], content[-_LENGTH:]
    if not line.startswith(_MARK):
        return content, False
    if line != seal(body):
        raise ValueError("its SHA-256 does not match")
    return body, True
