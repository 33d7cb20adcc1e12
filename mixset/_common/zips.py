"""Reading zip archives (`.npz` and torch's files, too) that may be damaged or hostile."""

from __future__ import annotations

import io
import struct
import zipfile

_END = b"PK\5\6"
"""Signature of the last record of a zip archive; the number of members follows ten bytes after its start."""
_MANY = 0xFFFF
"""The recorded number of members if there are this many or more."""
_RATIO, _ROOM = 100, 1 << 26
"""An archive may unpack to `_RATIO` times its size plus `_ROOM` bytes; logits compress to half at best."""


def zip_members(content: bytes) -> dict[str, bytes]:
    """The members of a zip archive by name, in its order, each checked against its CRC-32.

    Damaged archives may raise any exception. A damaged length in the directory can hide a member from zipfile, so the
    number of members is checked, too.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        (count,) = struct.unpack_from("<H", content, content.rindex(_END) + 10)
        if len({*names}) < len(names) or count not in (len(names), _MANY):
            raise ValueError(f"it has {len({*names})} members instead of {count}")
        claimed = sum(member.file_size for member in archive.infolist())
        if claimed > _RATIO * len(content) + _ROOM:
            raise ValueError(f"{len(content):,} bytes claim to unpack to {claimed:,}, more than {_RATIO} times as many")
        return {name: archive.read(name) for name in names}
