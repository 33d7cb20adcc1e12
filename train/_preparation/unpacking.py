"""Members of archives written to files: each once, whole, and from where a killed call was."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from mixset._common.errors import InputError, reading
from mixset._common.partials import create_locked, partial_of, write_atomically
from mixset._common.progress import Progress

from .._runs.records import read_json
from .archives import Archive, Member
from .layouts import Layout

_FILES, _BYTES = 1_000, 256 << 20
"""What is written at most until it is known to be on the disk."""
_AGAIN = "remove it, and the archive is read from its beginning"


@dataclass(kw_only=True)
class Journal:
    """How far an archive has been unpacked."""

    bytes: int
    """Size of the archive."""
    position: int = 0
    """Where to go on."""
    read: int = 0
    """Bytes of the archive, perhaps compressed, that lie behind."""
    files: int = 0
    """Members that are unpacked."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Kind of file → how many members have no place in the data set."""
    ended: bool = False


def megabytes(count: int) -> int:
    """Bytes in units of 2^20, rounded up: what progress is counted in."""
    return -(-count >> 20)


class Target(NamedTuple):
    """A data set's folder."""

    out: Path
    kind: str
    """What is unpacked there: of the same archives, one kind may take what another leaves out."""

    @property
    def state(self) -> Path:
        """The folder that has how far each archive is, and the file that is being written."""
        return self.out / ".prepare" / self.kind

    def journal(self, archive: Path) -> Path:
        """Where the journal of an archive lies."""
        return self.state / f"{archive.name}.json"


def read_journal(target: Target, archive: Path) -> Journal:
    """How far an earlier call was; a new journal where there was none, or the archive was another one of that name.

    Raises:
        InputError: it is damaged.
    """
    path, size = target.journal(archive), archive.stat().st_size
    if not path.exists():
        return Journal(bytes=size)
    found = read_json(path, _AGAIN)
    with reading(str(path), _AGAIN):
        journal = Journal(**found)
        numbers = (journal.bytes, journal.position, journal.read, journal.files)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("it holds other things than numbers")
    return journal if journal.bytes == size else Journal(bytes=size)


def unpack(path: Path, layout: Layout, target: Target, status: Progress) -> Journal:
    """Unpack an archive, or what is left of it; `status` counts megabytes of archives.

    Files that are there already stay: those of the same content count as unpacked.

    Raises:
        InputError: the archive is damaged or a member leads elsewhere; a file of other content is in the way; or the
            disk is full, when what was written stays.
    """
    journal = read_journal(target, path)
    if journal.ended:
        return journal
    with Archive(path, layout.nested) as archive:
        _Unpacking(archive, layout, target, journal, status).run()
    return journal


class _Unpacking:
    def __init__(self, archive: Archive, layout: Layout, target: Target, journal: Journal, status: Progress) -> None:
        self.archive, self.layout, self.target, self.journal, self.status = archive, layout, target, journal, status
        self.written = target.journal(archive.path)
        self.files, self.bytes = 0, 0
        self.left_out: Counter[str] = Counter()
        self.shown = megabytes(journal.read)
        self.folders: set[str] = set()

    def run(self) -> None:
        if not self.written.exists():
            self._commit(0)
        for step in self.archive.steps(self.journal.position):
            if step.member is not None:
                self._take(step.member)
            if step.after is not None and (step.member is None or self.files >= _FILES or self.bytes >= _BYTES):
                self._commit(step.after)
        self.journal.ended = True
        self._commit(self.journal.position)
        self._show(self.journal.read)

    def _take(self, member: Member) -> None:
        to = self.layout.place(member.parts)
        if to is None:
            self.left_out[_kind(member.parts[-1])] += 1
        else:
            self._write(member, to)
            self.files += 1
        self.bytes += member.size
        self._show(self.archive.read_bytes)

    def _show(self, read: int) -> None:
        if (now := megabytes(read)) > self.shown:
            self.status.advance(now - self.shown, self.archive.path.name)
            self.shown = now

    def _write(self, member: Member, to: str) -> None:
        path = self.target.out / to
        if (folder := os.path.dirname(to)) not in self.folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.folders.add(folder)
        if os.path.lexists(path):
            if _same(path, member):
                return
            # What a killed call wrote last a power cut may have emptied: it is younger than the journal.
            if path.lstat().st_mtime_ns < self.written.stat().st_mtime_ns:
                raise InputError(
                    f"{path}: is there with another content than in {self.archive.path}; remove it, or choose another "
                    "`out`"
                )
        partial = partial_of(self.target.state / "file")
        try:
            with open(create_locked(partial), "wb") as file:
                for piece in member.content():
                    file.write(piece)
                os.replace(partial, path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def _commit(self, position: int) -> None:
        """Write down that all before `position` is unpacked, once it is on the disk.

        Syncing each file by itself would take hours for a million; this is the whole system's, a thousand times.
        """
        os.sync()
        journal = self.journal
        journal.position = position
        journal.read = journal.bytes if journal.ended else self.archive.read_bytes
        journal.files += self.files
        journal.left_out = dict(Counter(journal.left_out) + self.left_out)
        self.files, self.bytes, self.left_out = 0, 0, Counter()
        text = json.dumps(asdict(journal), indent=1) + "\n"
        write_atomically(self.written, text.encode())


def _same(path: Path, member: Member) -> bool:
    """Whether a file has the content of a member; a link is none."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != member.size:
        return False
    with open(path, "rb") as file:
        return all(file.read(len(piece)) == piece for piece in member.content())


def _kind(name: str) -> str:
    """What is said of a file that is left out: its suffix, or its name where it has none."""
    stem, dot, suffix = name.rpartition(".")
    return f"*.{suffix}" if dot and stem else name


def leftovers(journal: Journal) -> Iterator[str]:
    """How many members of each kind are left out, for a line."""
    for kind, count in sorted(journal.left_out.items()):
        yield f"{count:,} {kind}"
