"""Which cells of the evidence are there, which come next, and how they are run within the minutes of a call."""

from __future__ import annotations

import contextlib
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_cells import CELLS, SIZES, VISUALISED, Cell, Site, epochs_done, fits
from evidence_results import Result, card, gather, read_results, write_result

from mixset._common.errors import InputError
from mixset._common.progress import duration
from mixset.generate import FVisRecipe, make
from mixset.generate._fvis import need_lucent
from pixmix.train._ablations import ablate
from pixmix.train._ablations.plan import training
from pixmix.train._ablations.runner import is_done
from pixmix.train._ablations.tables import find_row
from pixmix.train._runs.run_folder import owned

TRAINING, MEASURES, SUITES = 240.0, 240.0, 60.0
"""Seconds on an H100 as they are hoped for, until results of the same card and size say what they are."""
SIDE = 36
"""Of the visualisations in pixels: a seventh more than the training images."""


class OutOfTime(BaseException):
    """The call's minutes are over; like Ctrl-C it ends what runs."""


@dataclass
class Work:
    """The cells of a call: what is there, what is left, and how long that takes."""

    site: Site
    results: Path
    wanted: list[Cell]
    minutes: float | None = None
    start: float = field(default_factory=time.monotonic)
    tried: set[str] = field(default_factory=set)
    """Cells that were run in this call."""

    def there(self, cell: Cell) -> Result | None:
        """The result of a cell, of whose key all that is known fits."""
        key = self.site.key(cell)
        found = (one for one in read_results(self.results) if one.cell == cell.name and fits(key, one.key))
        return next(found, None)

    def lacks(self, cell: Cell) -> str:
        """What a cell waits for; empty where it can be run."""
        if cell.row == "oe" and self.site.outliers is None:
            return "waits for --outliers"
        if "fvis" in cell.sets and not (self.site.fvis / "mixset.json").exists():
            return f"waits for the visualisations that {VISUALISED} makes, or --fvis-set"
        if cell.row == "iterative":
            try:
                need_lucent()
            except InputError:
                return 'waits for lucent: pip install "pixmix[fvis]"'
        return ""

    def ended(self, cell: Cell) -> bool:
        """Whether a cell has been measured in the folder."""
        return not self.lacks(cell) and is_done(self.site.plan(cell)[1], self.site.folder)

    def left(self) -> float:
        """Seconds that are left."""
        return float("inf") if self.minutes is None else self.minutes * 60 - (time.monotonic() - self.start)

    def seconds(self, cell: Cell) -> float:
        """How long what is left of a cell takes, by the results of others where there are any."""
        config = self.site.config([cell])
        device, size = card(config.places[0]), _size(self.site.key(cell))
        alike = [
            one for one in read_results(self.results)
            if (one.card, len(one.devices), _size(one.key)) == (device, len(config.places), size)
        ]  # fmt: skip
        costs = {one.name: one.cost for one in CELLS}
        trained = [one.seconds["training"] / costs.get(one.cell, 1.0) for one in alike]
        measured = [one.seconds["measures"] for one in alike]
        whole = cell.cost * (statistics.median(trained) if trained else TRAINING)
        done = epochs_done(self.site.plan(cell)[2]) / training(config, find_row(cell.row), cell.seed).epochs
        suites = 0.0 if (self.site.folder / "suites" / "p" / "corruptions.json").exists() else SUITES
        return whole * max(0.0, 1 - done) + (statistics.median(measured) if measured else MEASURES) + suites

    def state(self, cell: Cell) -> str:
        """Where a cell stands, in words."""
        if result := self.there(cell):
            return f"there: {result.file}, {result.date}, {result.card}"
        if lack := self.lacks(cell):
            return lack
        done = epochs_done(self.site.plan(cell)[2])
        return (f"{done} epochs trained, " if done else "") + f"about {duration(self.seconds(cell))}"

    def batch(self) -> list[Cell]:
        """The next cells, of one seed, as many as run side by side and end in time; begun ones come first.

        A cell that is longer than a whole call is begun nevertheless, alone: the next call resumes it.
        """
        open_cells = [
            cell for cell in self.wanted
            if cell.name not in self.tried and not self.lacks(cell) and self.there(cell) is None
        ]  # fmt: skip
        open_cells.sort(key=lambda cell: not epochs_done(self.site.plan(cell)[2]))
        whole = float("inf") if self.minutes is None else self.minutes * 60
        fitting = [cell for cell in open_cells if self.seconds(cell) <= self.left()]
        if not fitting:
            begun = (cell for cell in open_cells if epochs_done(self.site.plan(cell)[2]) or self.seconds(cell) > whole)
            return [cell for cell in (next(begun, None),) if cell is not None and self.left() > 60]
        places = self.site.config(fitting[:1]).places
        return [cell for cell in fitting if cell.seed == fitting[0].seed][: len(places)]

    def keep(self, cells: Sequence[Cell]) -> None:
        """Write the results of the cells that have ended in the folder, and what hangs on them."""
        for cell in cells:
            if not self.ended(cell) or self.there(cell) is not None:
                continue
            say(f"{cell.name}: wrote {write_result(gather(self.site, cell, {}), self.results)}")
        visualised = next((cell for cell in cells if cell.name == VISUALISED), None)
        if visualised is not None and self.ended(visualised):
            self.visualise(visualised)

    def visualise(self, cell: Cell) -> None:
        """Make the set of visualisations of a cell's network, unless it is there, and write how long that took."""
        if (self.site.fvis / "mixset.json").exists():
            return
        try:
            need_lucent()
        except InputError as error:
            say(f"no visualisations of {cell.name}: {error}")
            return
        start = time.monotonic()
        recipe = FVisRecipe(network=f"run:{self.site.plan(cell)[2]}", count=self.site.scale.fvis, size=SIDE)
        places = list(dict.fromkeys(self.site.config([cell]).places))
        make(recipe, self.site.fvis, devices=places, compression="gzip")
        seconds = {"visualisations": round(time.monotonic() - start, 1)}
        write_result(gather(self.site, cell, seconds), self.results)
        say(f"{cell.name}: its visualisations are in {self.site.fvis}; give them to other machines by --fvis-set")

    def run(self) -> bool:
        """Run what is left, as the minutes allow; whether no cell failed."""
        with owned(self.site.folder, "evidence in", lock=".lock-evidence"), self.limited():
            self.keep(self.wanted)  # of a call that was killed between a cell's end and its result
            while cells := self.batch():
                names = " and ".join(cell.name for cell in cells)
                left = "" if self.minutes is None else f"; {duration(self.left())} left"
                say(f"{self.count()}; now {names}, about {duration(max(map(self.seconds, cells)))}{left}")
                ablate(self.site.config(cells))
                self.keep(cells)
                self.tried |= {cell.name for cell in cells}
        broken = [name for name in self.tried if not self.there(next(cell for cell in CELLS if cell.name == name))]
        for name in broken:
            say(f"{name}: failed, log in {self.site.folder / 'logs'}")
        say(self.count())
        return not broken

    def count(self) -> str:
        """How many of the cells are there."""
        return f"{sum(self.there(cell) is not None for cell in self.wanted)} of {len(self.wanted)} cells are there"

    @contextlib.contextmanager
    def limited(self) -> Iterator[None]:
        """End the block, and all processes in it, when the minutes are over; what ended before is kept."""
        if self.minutes is None:
            yield
            return

        def end(*_: object) -> None:
            raise OutOfTime

        before = signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, max(self.left(), 0.001))
        try:
            yield
        except OutOfTime:
            self.keep_ended()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def keep_ended(self) -> None:
        """After the last minute: results of cells that have ended, and no more work."""
        say("the minutes are over; the same command resumes")
        for cell in self.wanted:
            if self.ended(cell) and self.there(cell) is None:
                write_result(gather(self.site, cell, {}), self.results)


def _size(key: dict[str, Any]) -> list[Any]:
    return [key["recipe"].get(name) for name in SIZES]


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)
