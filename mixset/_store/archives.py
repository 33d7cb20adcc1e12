"""Reading tar archives from elsewhere in place: nothing is unpacked, and headers are not trusted."""

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
"""The largest image file in bytes: an uncompressed image at Pillow's limit of pixels."""
_PIECE = 1 << 20
_LINKS = 40
"""The longest chain of links that is followed."""
_OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


class Bounded:
    """A stream with bounded reads, since `tarfile` reads as many bytes as a header claims."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close
        self.seekable = stream.seekable

    @property
    def plain(self) -> bool:
        """Whether it is a file's own bytes."""
        return isinstance(self.stream, io.BufferedReader)

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_BYTES:
            raise ValueError(f"a header claims {size:,} bytes")
        return self.stream.read(size)

    def finish(self) -> None:
        """Read a compressed stream to its end, where its checksum is checked."""
        if not self.plain:
            while self.stream.read(_PIECE):
                pass


def unpacked(file: io.BufferedReader) -> Bounded:
    """What a file holds, unpacked if it is compressed, with bounded reads."""
    start = file.read(6)
    file.seek(0)
    opener = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)
    return Bounded(opener(file) if opener is not None else file)


def open_tar(path: Path) -> tarfile.TarFile:
    """Open an archive, compressed or not.

    Raises:
        InputError: it is not a tar archive, or cannot be read.
    """
    with reading(f"archive {path}", "fetch it again"):
        stream = unpacked(open_regular(path))
        try:
            return tarfile.open(fileobj=stream, mode="r:")  # type: ignore[call-overload]
        except tarfile.ReadError as error:
            raise InputError(
                f"{path} is not a folder, tar archive or .npy array ({error}); unpack it into a folder first"
            ) from error


def files(archive: tarfile.TarFile, path: Path) -> Iterator[tuple[str, tarfile.TarInfo | str]]:
    """Yield the name of each member except folders with the member that holds its content, or why there is none.

    Links are resolved as they would be after unpacking the archive.

    Raises:
        InputError: the archive is damaged or truncated.
    """
    members: list[tarfile.TarInfo] = []
    with reading(f"archive {path}", "fetch it again"):
        end = 0
        while (member := archive.next()) is not None:
            if member.size < 0 or archive.offset <= end:  # tarfile would read the same headers forever
                raise ValueError("a header claims a negative size")
            end = archive.offset
            members.append(member)
        if isinstance(archive.fileobj, Bounded):
            archive.fileobj.finish()
    by_name = {posixpath.normpath(member.name): member for member in members}
    for member in members:
        if not member.isdir():
            yield member.name, _content(member, by_name)


def _content(member: tarfile.TarInfo, by_name: dict[str, tarfile.TarInfo]) -> tarfile.TarInfo | str:
    target = member
    for _ in range(_LINKS):
        if target.isfile():
            if target.size > MOST_BYTES:
                return f"{target.size:,} bytes are more than an image may have ({MOST_BYTES >> 20} MiB)"
            return target
        if not target.islnk() and not target.issym():
            return "neither a file nor a link to one"
        base = posixpath.dirname(target.name) if target.issym() else ""
        following = by_name.get(posixpath.normpath(posixpath.join(base, target.linkname)))
        if following is None:
            return f"a link to {target.linkname}, which the archive lacks"
        target = following
    return "a circular link"


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The bytes of a file in the archive; raises InputError if they cannot be read."""
    with reading("its content in the archive", "fetch the archive again"):
        stream = archive.extractfile(member)
        return stream.read() if stream is not None else b""
