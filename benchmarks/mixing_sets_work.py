"""The benchmark's cells, run by `pixmix ablate`, several at a time, while further sets are made."""

from __future__ import annotations

import contextlib
import datetime
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_results import card
from mixing_sets_made import FVIS, Maker, Source
from mixing_sets_results import Cell, Results, opened, values_of

from mixset._common.errors import InputError
from mixset._common.progress import duration
from pixmix.train._ablations import ablate
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.plan import make_plan, training
from pixmix.train._ablations.runner import is_done, seconds_of
from pixmix.train._ablations.tables import find_row
from pixmix.train._runs.processes import choose_device, precision
from pixmix.train._runs.records import read_metrics
from pixmix.train._runs.run_folder import owned

PROTOCOL = 1
"""The version of what a cell's numbers mean; raise it with a change of what is computed."""
BASELINE = "baseline"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the cells are made from, how large they are, and where."""

    data: Path
    """The data set: train/ and test/ with a folder a class."""
    out: Path
    count: int
    """Images in a mixing set."""
    fvis: int
    """Visualisations of the baseline's network; 0 for no rows of them."""
    sizes: dict[str, Any]
    """Of AblateConfig: network, epochs, subset, test_subset, amp."""
    ood: Path | None = None
    frost: Path | None = None
    devices: tuple[str, ...] = ("auto",)

    @property
    def folder(self) -> Path:
        """Where `pixmix ablate` works."""
        return self.out / "ablation"

    def config(self, rows: Sequence[str], seed: int) -> AblateConfig:
        """What `pixmix ablate` is asked for; every set is a folder of this benchmark's."""
        folders = tuple(str(self.out / "sets" / row) for row in rows if row != BASELINE)
        return AblateConfig(
            table="mixing-sets",
            dataset=f"folder:{self.data}",
            rows=tuple(rows),
            seeds=(seed,),
            **self.sizes,
            mixing_set=folders,
            ood=self.ood,
            partial=True,
            frost=self.frost,
            devices=self.devices,
            out=self.folder,
        )

    def protocol(self) -> dict[str, Any]:
        """What all cells of a file have in common."""
        config = self.config([BASELINE], 0)
        recipe = training(config, find_row(BASELINE), 0)
        mixed = precision(self.sizes["amp"], choose_device(config.places[0])) or "float32"
        names = ("network", "epochs", "batch_size", "lr", "subset", "test_subset")
        return {
            "version": PROTOCOL,
            "dataset": self.data.name,
            "outliers": self.ood.name if self.ood else "",
            "frost": self.frost is not None,
            **{name: getattr(recipe, name) for name in names},
            "count": self.count,
            "fvis": self.fvis,
            "precision": str(mixed).removeprefix("torch."),
        }


@dataclass
class Work:
    """A call: rows under seeds, as far as its minutes reach."""

    site: Site
    file: Path
    rows: Sequence[Source]
    seeds: Sequence[int]
    minutes: float | None = None
    start: float = field(default_factory=time.monotonic)
    troubles: dict[str, str] = field(default_factory=dict)
    """Row -> why it has no cells of this call."""

    def __post_init__(self) -> None:
        self.results: Results = opened(self.file, self.site.protocol())
        self.sources = {source.name: source for source in self.rows}

    def left(self, seed: int) -> list[str]:
        """Rows that have no cell of this seed yet, the baseline first and the visualisations of its network last.

        Where these are left, the baseline of the first seed is so, too, unless its network is in the folder.
        """
        names = [BASELINE, *sorted(self.sources, key=lambda name: name in FVIS)]
        found = [name for name in names if name not in self.troubles and not self.results.there(name, seed)]
        lacks = not (self.network / "metrics.json").exists() and any(
            name in FVIS and not self.results.there(name, other) for name in self.sources for other in self.seeds
        )
        return [BASELINE, *found] if lacks and seed == self.seeds[0] and BASELINE not in found else found

    @property
    def network(self) -> Path:
        """The run whose network is visualised."""
        return make_plan(self.site.config([BASELINE], self.seeds[0])).cells[0].run

    def over(self) -> bool:
        """Whether the minutes are, within which cells may begin."""
        return self.minutes is not None and time.monotonic() - self.start > 60 * self.minutes

    def run(self) -> bool:
        """Run all that is left; whether nothing failed."""
        places = self.site.config([BASELINE], self.seeds[0]).places
        maker = Maker(self.site.out / "sets", self.site.count, f"run:{self.network}", self.site.fvis, places)
        with owned(self.site.out, "benchmark in", lock=".lock-benchmark"):
            try:
                left = {name for seed in self.seeds for name in self.left(seed)}
                # Visualisations wait for the network that they are of.
                maker.begin([self.sources[name] for name in self.sources if name in left and name not in FVIS])
                for seed in self.seeds:
                    self._run_seed(seed, maker, len(places))
            finally:
                maker.close()
        for name, why in self.troubles.items():
            say(f"{name}: {why}")
        say(self.count())
        return not self.troubles

    def _run_seed(self, seed: int, maker: Maker, at_once: int) -> None:
        left = self.left(seed)
        while left and not self.over():
            batch = [name for name in left[:at_once] if left[0] != BASELINE or name not in FVIS]
            left = left[len(batch) :]
            ready = [name for name in batch if name == BASELINE or self._ready(name, maker)]
            if not ready or self.over():
                continue
            say(f"{self.count()}, {duration(time.monotonic() - self.start)}; now {', '.join(ready)} of seed {seed}")
            with contextlib.redirect_stdout(io.StringIO()):  # its table of these rows alone
                ablate(self.site.config(ready, seed))
            self._keep(ready, seed)
            if BASELINE in ready and (self.network / "metrics.json").exists():
                maker.begin([self.sources[name] for name in left if name in FVIS])

    def _ready(self, name: str, maker: Maker) -> bool:
        """Wait for a row's set; False, and a trouble, where it cannot be made."""
        try:
            maker.begin([self.sources[name]])
            self.results.sets[name] = maker.there(name)
        except InputError as error:
            self.troubles[name] = f"left out: {error}"
            return False
        return True

    def _keep(self, rows: Sequence[str], seed: int) -> None:
        """Add the cells of an ended call of `pixmix ablate` to the file."""
        config = self.site.config(rows, seed)
        plan = make_plan(config)
        for cell in plan.cells:
            if self.results.there(cell.row, seed):  # the baseline's, run again for its network
                continue
            if not is_done(plan.tasks[cell.task], self.site.folder):
                self.troubles[cell.row] = f"failed under seed {seed}, log in {self.site.folder / 'logs'}"
                continue
            self.results.cells.append(
                Cell(
                    row=cell.row,
                    seed=seed,
                    content=self.results.sets.get(cell.row, {}).get("content", ""),
                    values=values_of(read_metrics(cell.run / "metrics.json")),
                    card=card(config.places[0]),
                    date=datetime.date.today().isoformat(),
                    seconds=sum(seconds_of(task, self.site.folder) for task in (f"runs/{cell.run.name}", cell.task)),
                )
            )
        self.results.write(self.file)

    def count(self) -> str:
        """How many cells are there."""
        rows = [BASELINE, *self.sources]
        there = sum(self.results.there(row, seed) for row in rows for seed in self.seeds)
        return f"{there} of {len(rows) * len(self.seeds)} cells are there"


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)
