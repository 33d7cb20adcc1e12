"""What archives hold, by the names of their members, before anything of them is written."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mixset._common.errors import InputError
from mixset._common.progress import Progress
from pixmix.readers._openood import LISTS
from pixmix.readers._problems import listed

from .archives import Archive, Member
from .layouts import Layout

LOOKED = 10_000
"""Members of a compressed archive that are looked at; for the names of all it would have to be unpacked."""
_REMEDY = "name the data set's own archives, as they were downloaded"


def look(
    archives: Sequence[Path], layout: Callable[[Path, Path], Layout], kind: str, *, out: Path, partial: bool
) -> None:
    """See that each archive has files of the data set, and no others that would be unpacked.

    Args:
        archives: those of which nothing has been unpacked yet.
        layout: of an archive, by the folder that has OpenOOD's lists and the archive.
        kind: of the data set.
        out: the data set's folder.
        partial: whether files that the data set does not have may be there, too.

    Raises:
        InputError: one has not; or it is damaged, or a member leads out of the folder.
    """
    # Of a data set in few files this is over at once.
    with Progress(len(archives), "archives looked through") as status, tempfile.TemporaryDirectory() as folder:
        lists = out
        for path in archives:
            if kind == "openood" and _copy_lists(path, Path(folder)):
                lists = Path(folder)
            _look_into(path, layout(lists, path), kind, partial)
            status.advance()


class _Seen:
    """What the members of an archive have been so far."""

    def __init__(self, archive: Path, layout: Layout) -> None:
        self.archive, self.layout = archive, layout
        self.first = ""
        """The first one's name."""
        self.fits = False
        """Whether one belongs to the data set."""
        self.unknown = set[str]()
        """Folders that the data set does not have."""
        self._sizes: dict[str, int] = {}

    def add(self, member: Member) -> None:
        self.first = self.first or member.name
        if self.layout.nested(member.parts[-1]):
            self.fits = True
            return
        to = self.layout.place(member.parts)
        if to is None:
            return
        if self._sizes.setdefault(to, member.size) != member.size:
            raise InputError(f"archive {self.archive}: has several files that would be {to}; {_REMEDY}")
        top = to.partition("/")[0]
        if self.layout.known is None or top in self.layout.known:
            self.fits = True
        else:
            self.unknown.add(top)


def _look_into(path: Path, layout: Layout, kind: str, partial: bool) -> None:
    seen, count = _Seen(path, layout), 0
    with Archive(path) as archive:
        most = None if archive.indexed else LOOKED
        for step in itertools.islice(archive.steps(), most):
            assert step.member is not None, "none lies in an archive within"
            seen.add(step.member)
            count += 1
    if seen.unknown and not (partial and seen.fits):
        folders = listed(sorted(seen.unknown))
        raise InputError(f"archive {path}: has {folders}, which the data set {kind} does not have; {_REMEDY}")
    if not seen.fits and count != most:
        raise InputError(f"archive {path}: has no file of the data set {kind}, but such as {seen.first}; {_REMEDY}")


def _copy_lists(archive: Path, folder: Path) -> bool:
    """Whether an archive has OpenOOD's lists; they are then put into `folder`, as they will lie in the data set's."""
    with Archive(archive) as opened:
        for step in opened.steps():
            if step.member is None or step.member.parts[0] != LISTS:
                return False
            to = folder.joinpath(*step.member.parts)
            to.parent.mkdir(parents=True, exist_ok=True)
            with open(to, "wb") as file:
                file.writelines(step.member.content())
    return True
