"""Unpacking a data set's archives, from the look at the disk to the count of its images."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path

from mixset._common.errors import InputError
from mixset._common.partials import remove_abandoned
from mixset._common.progress import Progress
from pixmix.corruptions._making.suites import SUITES
from pixmix.measures._references import constants
from pixmix.readers._openood import LISTS
from pixmix.readers._wnids import wnids_of

from .._runs.run_folder import owned
from . import counting, layouts
from .archives import Archive
from .labels import Labels, read_devkit, read_filelist, read_synset_labels
from .layouts import Layout
from .looking import look
from .prepare_config import PrepareConfig
from .unpacking import Target, leftovers, megabytes, read_journal, unpack

IMAGES = ("jpeg", "jpg", "png")
VIDEOS = ("mp4",)
DEVKIT = "ILSVRC2012_devkit_t12"
"""The folder in ImageNet's development kit."""
RENDITIONS_SHARE = 0.21
"""The share of ImageNet's bytes that ImageNet-R's 200 classes have, about."""


def prepare(config: PrepareConfig) -> str:
    """Unpack what `config` names; returns a line about what is in the folder.

    Raises:
        InputError: an archive is missing, damaged or leads out of the folder; labels or disk space are lacking; or,
            without `partial`, there are not as many images as there should be. What was unpacked stays.
    """
    out, target = config.folder, Target(config.folder, config.kind)
    labels, archives = _labels(config)
    # Where images go, and that they belong there, is known before the first hour's work.
    new = [path for path in archives if not ((one := read_journal(target, path)).position or one.ended)]
    look(new, partial(_layout, config, labels), config.kind, out=out, partial=config.partial)
    _check_space(config, archives)
    with owned(out, "folder"):
        target.state.mkdir(parents=True, exist_ok=True)
        remove_abandoned(target.state)
        journals = [read_journal(target, path) for path in archives]
        total, done = (sum(megabytes(getattr(one, name)) for one in journals) for name in ("bytes", "read"))
        with Progress(total, "MB", initial=done) as status:
            for path in archives:
                journal = unpack(path, _layout(config, labels, out, path), target, status)
                if left := list(leftovers(journal)):
                    status.say(f"{path.name}: {journal.files:,} files; left out: {', '.join(left)}")
    return f"{out}: {_count(config, labels)}"


def _labels(config: PrepareConfig) -> tuple[Labels, list[Path]]:
    """What is known of the images, and the archives that have some, of which each has been looked into."""
    labels, archives = Labels(), dict[Path, tuple[str, ...]]()
    imagenet = config.kind in ("imagenet", "imagenet200")
    for path in config.archives:
        if path.is_dir():
            raise InputError(f"ARCHIVE {path}: is a folder; name the archives as they were downloaded")
        if imagenet and path.suffix == ".txt":
            labels = read_synset_labels(path)
            continue
        first = _first(path)
        if imagenet and first[:1] == (DEVKIT,):
            labels = read_devkit(path)
        elif config.kind == "places365" and first[-1].endswith(".txt") and len(first) == 1:
            labels = read_filelist(path)
        else:
            archives[path] = first
    # OpenOOD's lists say where its images go.
    return labels, sorted(archives, key=lambda path: config.kind == "openood" and archives[path][0] != LISTS)


def _first(path: Path) -> tuple[str, ...]:
    """The parts of the name of an archive's first file."""
    with Archive(path) as archive:
        first = next((step.member.parts for step in archive.steps() if step.member is not None), None)
    if first is None:
        raise InputError(f"archive {path}: is empty; fetch it again")
    return first


def _check_space(config: PrepareConfig, archives: list[Path]) -> None:
    """Say how much will be written, and refuse what the disk has no room for."""
    out, target = config.folder, Target(config.folder, config.kind)
    left = sum(one.bytes - one.read for one in (read_journal(target, path) for path in archives) if not one.ended)
    share = RENDITIONS_SHARE if config.kind == "imagenet200" else 1.0
    needed = int(left * share * 1.03)  # each file is rounded up to blocks
    free = shutil.disk_usage(next(folder for folder in out.absolute().parents if folder.exists())).free
    if needed > free:
        raise InputError(
            f"{out}: about {_gb(needed)} are needed, and {_gb(free)} are free; free some, or choose another `out`"
        )
    print(f"{out}: about {_gb(needed)} will be written, {_gb(free)} are free", file=sys.stderr)


def _gb(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"


def _layout(config: PrepareConfig, labels: Labels, lists: Path, archive: Path) -> Layout:
    """How an archive is unpacked; `lists`: the folder that has OpenOOD's."""
    if config.kind == "imagenet":
        return layouts.imagenet(labels)
    if config.kind == "imagenet200":
        return layouts.imagenet(labels, _renditions())
    if config.kind == "places365":
        return layouts.places365(labels)
    if config.kind == "openood":
        return layouts.openood(lists, archive)
    depth = {"c": 3, "cbar": 3, "p": 2, "r": 1}[config.kind]
    known = _renditions() if config.kind == "r" else SUITES[config.kind]
    return layouts.below(depth, VIDEOS if config.kind == "p" else IMAGES, known)


def _renditions() -> tuple[str, ...]:
    """The WordNet ids of ImageNet-R's 200 classes."""
    return wnids_of(constants("imagenet_r")["indices"])


def _count(config: PrepareConfig, labels: Labels) -> str:
    out, some = config.folder, config.partial
    if config.kind == "imagenet":
        return counting.class_folders(out, labels, counting.IMAGENET, some)
    if config.kind == "imagenet200":
        return counting.class_folders(out, _of(labels, _renditions()), counting.IMAGENET_R, some)
    if config.kind == "places365":
        return counting.class_folders(out, labels, counting.PLACES365, some)
    counters = {
        "c": counting.corrupted("c"),
        "cbar": counting.corrupted("cbar"),
        "p": counting.perturbed,
        "r": counting.renditions,
        "openood": counting.openood,
    }
    return counters[config.kind](out, some)


def _of(labels: Labels, classes: tuple[str, ...]) -> Labels:
    """Labels of some classes alone."""
    val = {name: wnid for name, wnid in labels.val.items() if wnid in classes}
    return Labels(val=val, train={wnid: count for wnid, count in labels.train.items() if wnid in classes})
