"""Tar archives of other people, read in place: nothing is unpacked, no claim of a header is believed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from .._common.errors import InputError, reading
from .._common.regular import open_regular

MOST_BYTES = 512 << 20
"""Of an image's file: as many as Pillow's limit of pixels can fill."""
_PIECE = 1 << 20
_LINKS = 40
"""How many links may lead from one to the next."""
_OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


class _Bounded:
    """A stream of which no more is read at once than an image may have: `tarfile` asks for what a header claims."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_BYTES:
            raise ValueError(f"a header claims {size:,} bytes")
        return self.stream.read(size)

    def finish(self) -> None:
        """Read what is compressed to its end, where its checksum stands and is compared."""
        if not isinstance(self.stream, io.BufferedReader):
            while self.stream.read(_PIECE):
                pass


def open_tar(path: Path) -> tarfile.TarFile:
    """Open an archive, compressed or not.

    Raises:
        InputError: it is none, or cannot be read.
    """
    with reading(f"archive {path}", "fetch it again"):
        file = open_regular(path)
        start = file.read(6)
        file.seek(0)
        opener = next((one for mark, one in _OPENERS.items() if start.startswith(mark)), None)
        stream = _Bounded(opener(file) if opener is not None else file)
        try:
            return tarfile.open(fileobj=stream, mode="r:")  # type: ignore[call-overload]
        except tarfile.ReadError as error:
            raise InputError(
                f"{path} is not a folder, tar archive or .npy array ({error}); unpack it into a folder first"
            ) from error


def files(archive: tarfile.TarFile, path: Path) -> Iterator[tuple[str, tarfile.TarInfo | str]]:
    """The name of each member but folders, and the member that has its content, or why there is none.

    Links lead where they would lead once the archive is unpacked.

    Raises:
        InputError: the archive is damaged or cut short.
    """
    members: list[tarfile.TarInfo] = []
    with reading(f"archive {path}", "fetch it again"):
        end = 0
        while (member := archive.next()) is not None:
            if member.size < 0 or archive.offset <= end:  # tarfile would read the same headers for ever
                raise ValueError("a header claims a negative size")
            end = archive.offset
            members.append(member)
        if isinstance(archive.fileobj, _Bounded):
            archive.fileobj.finish()
    by_name = {posixpath.normpath(member.name): member for member in members}
    for member in members:
        if not member.isdir():
            yield member.name, _content(member, by_name)


def _content(member: tarfile.TarInfo, by_name: dict[str, tarfile.TarInfo]) -> tarfile.TarInfo | str:
    aim = member
    for _ in range(_LINKS):
        if aim.isfile():
            if aim.size > MOST_BYTES:
                return f"{aim.size:,} bytes are more than an image may have ({MOST_BYTES >> 20} MiB)"
            return aim
        if not aim.islnk() and not aim.issym():
            return "neither a file nor a link to one"
        beside = posixpath.dirname(aim.name) if aim.issym() else ""
        there = by_name.get(posixpath.normpath(posixpath.join(beside, aim.linkname)))
        if there is None:
            return f"a link to {aim.linkname}, which the archive lacks"
        aim = there
    return "a link that leads round in a circle"


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The bytes of a file in the archive; raises InputError where they cannot be read."""
    with reading("its place in the archive", "fetch the archive again"):
        stream = archive.extractfile(member)
        return stream.read() if stream is not None else b""
