"""Names that are safe as names of files."""

from __future__ import annotations


def plain_name(name: object, *, most: int = 100) -> str:
    """Return `name` if it is a safe file name: joined to a folder, it cannot lead out of it.

    Args:
        name: the value to check.
        most: its maximum length in bytes.

    Raises:
        ValueError: it is not a string, empty, too long, hidden, or has separators or unprintable characters.
    """
    if not isinstance(name, str):
        raise ValueError(f"{name!r:.50} is not a name")
    if not name or name.startswith(".") or not name.isprintable() or set(name) & {"/", "\\"}:
        raise ValueError(f"{name!r:.50} is not a plain name")
    if len(name.encode()) > most:
        raise ValueError(f"the name {name!r:.50}... has more than {most} bytes")
    return name
