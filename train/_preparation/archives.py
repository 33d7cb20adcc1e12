"""The members of archives in order, from a position on: tar archives, compressed or not, tar archives in them, zips."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from mixset._common.errors import InputError, reading
from mixset._common.regular import open_regular
from mixset._store.archives import Bounded, unpacked

REMEDY = "fetch it again"
PIECE = 1 << 20
"""Bytes that are read at a time."""
_AT_ONCE = 1_000
"""Members after which an archive is opened anew where it stands: tarfile keeps all it has seen, a kilobyte each."""


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    """Its path as the archive has it."""
    parts: tuple[str, ...]
    """The same without dots and empty parts; none of them leads upwards."""
    size: int
    """In bytes."""
    content: Callable[[], Iterator[bytes]]
    """Its bytes in pieces; to be read before the next member is asked for."""


class Step(NamedTuple):
    """A member, or the end of a tar archive within the archive."""

    member: Member | None
    after: int | None
    """Where to begin, to go on behind it; None within a tar archive that lies in the archive."""


class Archive:
    """An archive that is read once from its beginning, or from where an earlier reading ended.

    Args:
        path: a tar archive, plain or compressed by gzip, bzip2 or xz; or a zip.
        nested: whether the member of this name is a tar archive whose members count in its place.

    Raises:
        InputError: it cannot be read, or is no such archive.
    """

    def __init__(self, path: Path, nested: Callable[[str], bool] = lambda name: False) -> None:
        self.path, self.nested = path, nested
        with reading(f"archive {path}", REMEDY):
            self._file = open_regular(path)
            self.size = self._file.seek(0, io.SEEK_END)
            self._file.seek(0)
            self._zip = zipfile.ZipFile(self._file) if zipfile.is_zipfile(self._file) else None
            self._file.seek(0)

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def indexed(self) -> bool:
        """Whether the members' names can be read without their content."""
        return self._zip is not None or unpacked(self._file).plain

    @property
    def read_bytes(self) -> int:
        """How far in the file reading is, in its own, perhaps compressed, bytes."""
        return self._file.tell()

    def steps(self, start: int = 0) -> Iterator[Step]:
        """The files of the archive, from the position `start` on, in its order.

        Raises:
            InputError: the archive is damaged, or a member is a link or leads out of the folder.
        """
        with reading(f"archive {self.path}", REMEDY):
            yield from self._of_zip(start) if self._zip is not None else self._of_tar(unpacked(self._file), start)

    def _of_tar(self, stream: Bounded, start: int) -> Iterator[Step]:
        stream.seek(start)
        first = start
        while True:
            with tarfile.open(fileobj=stream, mode="r:") as tar:  # type: ignore[call-overload]
                for _ in range(_AT_ONCE):
                    info = tar.next()
                    if info is None:
                        _check_end(stream, tar.offset)
                        stream.finish()
                        return
                    if info.size < 0 or tar.offset <= first:
                        raise ValueError("a header claims a negative size")
                    first = tar.offset
                    yield from self._of_member(tar, info)
            stream.seek(first)

    def _of_member(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[Step]:
        if info.isdir():
            return
        parts = self._checked(info.name, regular=info.isreg())
        inner = tar.extractfile(info)
        assert inner is not None, "it is a regular file"
        if self.nested(parts[-1]):
            for step in self._of_tar(Bounded(inner), 0):  # type: ignore[arg-type]
                yield Step(step.member, None)
            yield Step(None, tar.offset)
            return
        yield Step(Member(info.name, parts, info.size, partial(self._untarred, inner, info.size)), tar.offset)

    def _untarred(self, inner: IO[bytes], size: int) -> Iterator[bytes]:
        inner.seek(0)  # it may be asked for twice
        yield from self._pieces(inner, size)

    def _of_zip(self, start: int) -> Iterator[Step]:
        assert self._zip is not None
        for number, info in enumerate(self._zip.infolist()):
            if number < start or info.is_dir():
                continue
            kind = stat.S_IFMT(info.external_attr >> 16)
            parts = self._checked(info.filename, regular=kind in (0, stat.S_IFREG))
            yield Step(Member(info.filename, parts, info.file_size, partial(self._unzipped, info)), number + 1)

    def _unzipped(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        assert self._zip is not None
        with reading(f"archive {self.path}", REMEDY):
            stream = self._zip.open(info)
        yield from self._pieces(stream, info.file_size)
        with reading(f"archive {self.path}", REMEDY):
            stream.read(1)  # at its end the checksum is compared

    def _pieces(self, stream: IO[bytes], size: int) -> Iterator[bytes]:
        """The bytes of a member; InputError where there are fewer than its header says."""
        left = size
        while left:
            with reading(f"archive {self.path}", REMEDY):
                piece = stream.read(min(PIECE, left))
                if not piece:
                    raise ValueError("it ends too early")
            left -= len(piece)
            yield piece

    def _checked(self, name: str, *, regular: bool) -> tuple[str, ...]:
        """The parts of a member's name; InputError where it would be unpacked elsewhere or is no file."""
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or not parts:
            raise InputError(f"archive {self.path}: its member {name} leads out of the folder; {REMEDY}")
        if not regular:
            raise InputError(f"archive {self.path}: its member {name} is a link or a device, not a file; {REMEDY}")
        return parts


def _check_end(stream: Bounded, position: int) -> None:
    """See that a tar archive ends where it should: tarfile takes any damaged header for the end."""
    stream.seek(position)
    if any(stream.read(tarfile.BLOCKSIZE)):
        raise ValueError("a header is damaged")
