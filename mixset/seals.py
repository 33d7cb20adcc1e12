"""Files that carry the SHA-256 of their own bytes: a flipped bit is found when they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .errors import InputError, reading
from .partials import write_atomically

_MARK = b"\n#sha256:"
_LENGTH = len(_MARK) + 64 + 1


def write_sealed(path: Path, content: bytes | memoryview) -> None:
    """Write `content` and behind it a line with its SHA-256, atomically.

    Formats that are read from their beginning (NumPy's, safetensors) or found by a search from their end (zip, and so
    torch's and .npz) stay readable for programs that know nothing of the line.

    Raises:
        InputError: as `write_atomically`.
    """
    write_atomically(path, content, hashlib.sha256(content).hexdigest().join((_MARK.decode(), "\n")).encode())


def read_sealed(path: Path, what: str, remedy: str) -> tuple[bytes, bool]:
    """The content of a file, and whether a seal stood behind it; it is compared.

    Args:
        what: the file as an error names it.
        remedy: what to do where it is damaged.

    Raises:
        InputError: the file cannot be read, or its bytes are not the ones that were sealed.
    """
    with reading(what, remedy):
        content = path.read_bytes()
    body, seal = content[:-_LENGTH], content[-_LENGTH:]
    if not seal.startswith(_MARK):
        return content, False
    if seal[len(_MARK) : -1] != hashlib.sha256(body).hexdigest().encode() or seal[-1:] != b"\n":
        raise InputError(f"{what} is damaged (its SHA-256 does not fit); {remedy}")
    return body, True
