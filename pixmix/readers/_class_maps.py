"""Reading a class map: which class of a network each class folder is of."""

from __future__ import annotations

import os
from pathlib import Path

from mixset._common.errors import InputError, reading
from mixset._common.regular import open_regular

_MAP_BYTES = 1 << 24


def read_class_map(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read a class map from a text file: each line has a class folder and the number or name of its class.

    The two are separated by a tab, or by spaces if neither contains one; `-` as the class leaves the folder out.

    Args:
        path: the text file, in UTF-8.

    Returns:
        Class folder → number or name of its class, or `-`.

    Raises:
        InputError: the file cannot be read, a line has another form, or a folder is named twice.

    Example:
        >>> from pathlib import Path
        >>> from pixmix import readers
        >>> _ = Path("classes.txt").write_text("car automobile")
        >>> readers.read_class_map("classes.txt")
        {'car': 'automobile'}
    """
    what = f"class map {path}"
    with reading(what, "write a line FOLDER CLASS for each class folder"), open_regular(Path(path)) as file:
        content = file.read(_MAP_BYTES + 1)
    if len(content) > _MAP_BYTES:
        raise InputError(f"{what}: has more than {_MAP_BYTES:,} bytes; write a line FOLDER CLASS for each class folder")
    text = os.fsdecode(content.removeprefix(b"\xef\xbb\xbf"))
    class_map: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        words = line.split("\t") if "\t" in line else line.split()
        if len(words) != 2 or not all(word.strip() for word in words):
            raise InputError(f"{what}, line {number}: needs FOLDER and CLASS, with a tab between them: {line[:80]}")
        folder, name = (word.strip() for word in words)
        if folder in class_map:
            raise InputError(f"{what}, line {number}: names {folder} a second time; remove one line")
        class_map[folder] = name
    if not class_map:
        raise InputError(f"{what}: is empty; write a line FOLDER CLASS for each class folder")
    return class_map
