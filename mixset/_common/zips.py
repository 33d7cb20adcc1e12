"""Zip archives, which NumPy's `.npz` and torch's files are, as foreign ones are read: every claim compared."""

from __future__ import annotations

import io
import struct
import zipfile

_END = b"PK\5\6"
"""Begins the last record of a zip archive; ten bytes on stands how many members there are."""
_MANY = 0xFFFF
"""Stands there where there are as many or more."""
_RATIO, _ROOM = 100, 1 << 26
"""An archive may unpack to so many times its size, and so many bytes more; logits shrink to half at best."""


def zip_members(content: bytes) -> dict[str, bytes]:
    """The members of a zip archive by name, in its order, each compared with its CRC-32.

    What is wrong with it raises anything; a damaged length in its list hides a member from zipfile, so their number is
    compared with the one at its end.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        (count,) = struct.unpack_from("<H", content, content.rindex(_END) + 10)
        if len({*names}) < len(names) or count not in (len(names), _MANY):
            raise ValueError(f"{len({*names})} members are found where {count} should be")
        claimed = sum(member.file_size for member in archive.infolist())
        if claimed > _RATIO * len(content) + _ROOM:
            raise ValueError(f"{len(content):,} bytes claim to unpack to {claimed:,}, the limit is {_RATIO} times")
        return {name: archive.read(name) for name in names}
