"""The mixing sets of the benchmark: which there are, and how each is made in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mixing_sets_figures import figures

from mixset import MixingSet
from mixset._common.cores import usable_cores
from mixset._common.errors import InputError
from mixset._common.partials import replacing
from mixset._store.importing import import_images
from mixset.generate._job.families import FAMILIES

DRAWN = 36
"""Side in pixels of the images that are mixed into training images of 32 px."""
USUAL = 64
"""Side of the sets of the families' table: what `pixmix ablate` makes for 32 px."""
SIZES = (DRAWN, USUAL, 256)
SIZED = ("fractals", "programs", "moire", "deadleaves")
"""Families of the table of sizes."""
STYLES = {
    "fractals": "Fractals",
    "attractors": "Strange attractors",
    "deadleaves": "Dead leaves",
    "spectrum": "Spectra",
    "julia": "Julia",
    "plasma": "Plasma",
    "programs": "Programs",
    "moire": "Moiré",
    "moire-classic": "Moiré, classic",
    "visualatom": "VisualAtom",
    "visualatom-classic": "VisualAtom, classic",
}
"""Rows of families by name."""
WORDS = {
    "attractors": ("fractals", "--style", "attractors"),
    "moire-classic": ("moire", "--style", "classic"),
    "visualatom-classic": ("visualatom", "--style", "classic"),
}
"""What `mixset make` is told where it is not the row's name."""
BLENDED = tuple(name for name in STYLES if not name.endswith("-classic"))
FVIS = {"fvis": "fourier", "fvis-maco": "maco"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A row's mixing set."""

    name: str
    """Of the row and of its folder."""
    label: str
    words: tuple[str, ...] = ()
    """What `mixset` is told to make it, but for the count, the network and the folder."""
    of: tuple[Source, ...] = ()
    """What it is made from: one, of which pixels are picked, or several, which are blended."""
    given: Path | None = None
    """Images from elsewhere: a folder, a tar archive, an `.npy` or a set."""

    @property
    def near_cbar(self) -> bool:
        """Whether it resembles corruptions of C̄."""
        return self.words[:1] == ("make",) and FAMILIES[self.words[1]].near_cbar


def drawn(name: str, size: int = USUAL, picked: bool = False) -> Source:
    """The set of a family's row at a size; `picked`: scaled by picking pixels, in place of the pool's means."""
    usual = size == USUAL and not picked
    label = STYLES[name] + ("" if usual else f", {size} px" + (" picked" if picked else ""))
    if picked:
        return Source(name=f"{name}-{size}-picked", label=label, of=(drawn(name, size),))
    words = ("make", *WORDS.get(name, (name,)), "--size", str(size))
    return Source(name=name if usual else f"{name}-{size}", label=label, words=words)


def families(given: dict[str, Path], visualised: bool) -> list[Source]:
    """The rows of the families' table, in an order in which they can be made."""
    rows = [drawn(name) for name in STYLES]
    rows.append(Source(name="blend", label="Blend of families", of=tuple(drawn(name) for name in BLENDED)))
    rows += [Source(name=name, label=name.replace("-", " ").capitalize(), given=path) for name, path in given.items()]
    if visualised:
        for name, way in FVIS.items():
            words = ("make", "fvis", "--parametrisation", way, "--layers", "all", "--size", str(DRAWN))
            rows.append(Source(name=name, label=f"FVis, {way.upper() if way == 'maco' else way}", words=words))
    return rows


def sizes() -> list[Source]:
    """The rows of the table of sizes: every size scaled as the pool does, and the larger ones by picking pixels."""
    rows = [drawn(name, size) for name in SIZED for size in SIZES]
    return rows + [drawn(name, size, picked=True) for name in SIZED for size in SIZES if size != DRAWN]


@dataclass
class Maker:
    """Makes sets side by side, in processes and in the background."""

    folder: Path
    """Of all sets."""
    count: int
    """Images in a set."""
    network: str
    """What is visualised, as `mixset make fvis --network` takes it."""
    visualised: int
    devices: Sequence[str]

    def __post_init__(self) -> None:
        # A process that draws loads and starts for a second, on one core, so several draw at a time.
        self.jobs = max(1, usable_cores() // 4)
        self.pool = ThreadPoolExecutor(self.jobs)
        self.begun: dict[str, Future[dict[str, Any]]] = {}

    def begin(self, sources: Sequence[Source]) -> None:
        """Make sets and what they are made from, in this order; what is there already is left as it is."""
        for source in sources:
            self.begin(source.of)  # before it, so that what waits for them never takes their place
            if source.name not in self.begun:
                self.begun[source.name] = self.pool.submit(self.make, source)

    def there(self, name: str) -> dict[str, Any]:
        """What the results say of a set, when it is made.

        Raises:
            InputError: it could not be made.
        """
        return self.begun[name].result()

    def close(self) -> None:
        """Make no more."""
        self.pool.shutdown(cancel_futures=True)

    def make(self, source: Source) -> dict[str, Any]:
        """Make a set, or finish one, and look at its images: at once, so that no cell waits for it later."""
        folder = self.folder / source.name
        self._fill(source, folder)
        images = MixingSet(folder)
        return {
            "label": source.label,
            "near_cbar": source.near_cbar,
            "count": len(images),
            "content": images.content_hash(),
            "statistics": figures(images),
        }

    def _fill(self, source: Source, folder: Path) -> None:
        if source.given is not None:
            self._import(source.given, folder)
        elif source.of:
            for one in source.of:
                self.there(one.name)
            taken = [MixingSet(self.folder / one.name) for one in source.of]
            self._keep(picked(taken[0], self.count) if len(taken) == 1 else blend(taken, self.count), folder)
        else:
            self._draw(source, folder)

    def _draw(self, source: Source, folder: Path) -> None:
        words = [*source.words, "--count", str(self.count), "--workers", str(max(1, usable_cores() // self.jobs))]
        if source.words[1] == "fvis":
            where = ["--network", self.network, "--devices", ",".join(dict.fromkeys(self.devices))]
            words = [*source.words, "--count", str(self.visualised), *where]
        command([*words, str(folder)])

    def _import(self, given: Path, folder: Path) -> None:
        """A set stays what it is; of other images each is scaled to the usual size."""
        if not given.exists():
            raise InputError(f"--given {folder.name}={given}: is not there")
        if not (given / "mixset.json").exists():
            for name, why in import_images(given, folder, size=USUAL, quiet=True).left_out:
                print(f"{folder.name}: left out {name}: {why}", flush=True)
        elif not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.symlink_to(given.resolve())

    def _keep(self, images: np.ndarray, folder: Path) -> None:
        """Write images as a set; a begun one is finished."""
        if (folder / "mixset.json").exists():
            if (count := len(MixingSet(folder))) != len(images):
                raise InputError(f"{folder}: holds {count} images, not {len(images)}; give another --out")
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        array = folder.with_name(f"{folder.name}.npy")
        if not array.exists():  # as its time of change is part of the import that resumes
            with replacing(array, "free space") as file:
                np.lib.format.write_array(file, images, allow_pickle=False)
        import_images(array, folder, workers=1, quiet=True)
        array.unlink()


def picked(images: MixingSet, count: int) -> np.ndarray:
    """`count` images scaled to 36 px by taking the pixel at the middle of each new one: aliased, as sharp as drawn."""
    made = []
    for image in images[:count]:
        rows, columns = ((np.arange(DRAWN) * 2 + 1) * side // (2 * DRAWN) for side in image.shape[:2])
        made.append(image[rows][:, columns])
    return np.stack(made)


def blend(sets: Sequence[MixingSet], count: int) -> np.ndarray:
    """`count` images, from each of the sets in turn, so that a blend is as large as any of them."""
    return np.stack([sets[index % len(sets)][index // len(sets)] for index in range(count)])


def command(words: Sequence[str]) -> None:
    """Run `mixset`, one thread a process.

    Raises:
        InputError: it failed; with its last line.
    """
    alone = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mixset.generate", *words],
        env=os.environ | alone,
        text=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise InputError(f"mixset {' '.join(words)}: {said[-1]}")
