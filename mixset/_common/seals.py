"""Files that carry the SHA-256 of their own bytes: a flipped bit is found when they are read."""

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
    """Write `content` and behind it a line with its SHA-256, atomically.

    Formats that are read from their beginning (NumPy's, safetensors, JPEG) or found by a search from their end (zip,
    and so torch's and .npz) stay readable for programs that know nothing of the line.

    Raises:
        InputError: as `write_atomically`.
    """
    write_atomically(path, content, seal(content))


def read_sealed(path: Path, what: str, remedy: str) -> tuple[bytes, bool]:
    """The content of a file, and whether a seal stood behind it; it is compared.

    Args:
        what: the file as an error names it.
        remedy: what to do where it is damaged.

    Raises:
        InputError: the file cannot be read, or its bytes are not the ones that were sealed.
    """
    with reading(what, remedy):
        content = read_regular(path)
        return unseal(content)


def seal(content: bytes | memoryview) -> bytes:
    """The line that is written behind `content`."""
    return seal_line(hashlib.sha256(content).hexdigest())


def seal_line(digest: str) -> bytes:
    """The line behind content of this SHA-256, for those who write it piece by piece."""
    return _MARK + digest.encode() + b"\n"


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; raises as `open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_fits(path: Path) -> bool:
    """Whether a seal stands behind the content of a file and fits it; the file is read piece by piece.

    Raises:
        InputError: it is no regular file.
        OSError: it is absent or cannot be read.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        left = os.fstat(file.fileno()).st_size - _LENGTH
        while left > 0 and (piece := file.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
        return file.read(_LENGTH + 1) == seal_line(digest.hexdigest())


def unseal(content: bytes) -> tuple[bytes, bool]:
    """What stands before the seal, and whether there is one; ValueError where it does not fit."""
    body, line = content[:-_LENGTH], content[-_LENGTH:]
    if not line.startswith(_MARK):
        return content, False
    if line != seal(body):
        raise ValueError("its SHA-256 does not fit")
    return body, True
