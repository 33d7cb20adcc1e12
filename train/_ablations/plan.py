"""What a table needs, as commands anybody could type: mixing sets, suites, runs and their measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mixset._common.named import slug
from mixset.generate._networks.spec import foreign, network_spec
from pixmix.methods import find_parts, find_row as find_method

from .._runs.commands import words
from .._runs.config import TrainConfig, recipe
from .config import AblateConfig
from .rows import check_used, rows_of
from .tables import ROWS, Row

GENERATED = ("c", "cbar", "p")
"""Suites that can be made of the test images."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A command, and how to see that its work is there."""

    name: str
    """Where its result lies in the folder of the ablation: sets/fvis, suites/c, runs/pixmix-s0, measures/pixmix-s0."""
    command: tuple[str, ...]
    """Without the device, which is chosen when it runs."""
    parts: Mapping[str, tuple[str, ...]]
    """What it makes, by name, and from which settings; all of it has to be there for the task to be done."""
    result: Path
    """A file that is there when the work is."""
    needs: tuple[str, ...] = ()
    on_device: bool = True
    """Whether it works on one of --devices; otherwise on the CPU."""


@dataclass(frozen=True)
class Cell:
    """A row of the table under one seed."""

    row: str
    seed: int
    run: Path
    task: str
    """The last of its tasks."""


@dataclass(frozen=True)
class Plan:
    """The tasks of a table in an order in which they can run, its cells, and the rows that cannot be made."""

    tasks: dict[str, Task] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Row → what it lacks."""

    def needed(self, name: str) -> list[Task]:
        """A task and all that it needs, in an order in which they can run."""
        found: dict[str, Task] = {}
        for other in self.tasks[name].needs:
            found |= {task.name: task for task in self.needed(other)}
        return [*found.values(), self.tasks[name]]


def make_plan(config: AblateConfig) -> Plan:
    """All that the table of `config` needs."""
    return _Planner(config).plan()


def training(config: AblateConfig, row: Row, seed: int) -> TrainConfig:
    """The config of a row's run; its mixing set is added with the tasks that make it."""
    start = recipe(config.trained_by)
    network = config.network or (config.paper.network if config.recipe is None else start.network)
    network_spec(network, classes=2)  # an unknown one is told before anything runs
    same = ("init", "epochs", "batch_size", "lr", "dropout", "amp", "size", "subset", "test_subset", "workers")
    chosen = {name: getattr(config, name) for name in same if getattr(config, name) is not None}
    if network != start.network:
        chosen["drop_path"] = 0.0  # the recipe's is for its own network: others may have none
    mix = {name: getattr(row, name) for name in ("k", "beta") if getattr(row, name) is not None}
    if "iterative" in row.method.split("+"):
        chosen["iterative"] = config.iterative
    return replace(
        start,
        **chosen,
        dataset=config.data_name,
        network=network,
        method=row.method,
        mix=replace(start.mix, **mix),
        outliers=config.outliers if _needs(row, "outliers") else None,
        copies=config.copies if _needs(row, "copies") else None,
        seed=seed,
        compile=config.compile,
        eval_batch_size=config.eval_batch_size,
        data_folder=config.data_folder,
        suite=("clean",),
        resume=True,
    )


def _needs(row: Row, what: str) -> bool:
    """Whether a row's method cannot run without "pool", "outliers" or "copies"."""
    return any(getattr(find_method(part), f"needs_{what}") for part in find_parts(row.method))


class _Planner:
    def __init__(self, config: AblateConfig) -> None:
        self.config, self.root = config, config.folder
        self.made = Plan()
        given = {name: getattr(config, name) for name in (*GENERATED, "r", "ood")}
        self.given = {name: path for name, path in given.items() if path is not None}
        suites = dict.fromkeys(column.suite for column in config.paper.columns)
        self.suites = [suite for suite in suites if suite != "r" or "r" in self.given]

    def plan(self) -> Plan:
        rows = rows_of(self.config)
        check_used(self.config, rows.values())
        for seed in self.config.seeds:
            for name, row in rows.items():
                lack = self._lack(row)
                if lack:
                    self.made.left_out[name] = lack
                    continue
                run = self._run(row, seed)
                self.made.cells.append(Cell(name, seed, self.root / run, self._measures(run)))
        return self.made

    def _lack(self, row: Row) -> str:
        if _needs(row, "outliers") and self.config.outliers is None:
            return "needs --outliers PATH"
        if _needs(row, "copies") and self.config.copies is None:
            return "needs --copies PATH"
        return ""

    def _add(self, task: Task) -> str:
        # The folder can be moved, and be named otherwise by another call.
        parts = {part: tuple(word.replace(str(self.root), "OUT") for word in of) for part, of in task.parts.items()}
        self.made.tasks.setdefault(task.name, replace(task, parts=parts))
        return task.name

    def _run(self, row: Row, seed: int) -> str:
        """The task that trains a row; rows of other tables that are the same have the same."""
        config = training(self.config, row, seed)
        needs: list[str] = []
        name = slug(row.method)
        if _needs(row, "pool"):
            folders, needs, label = self._sets(row)
            weights = self.config.weights if row.sets == () else ()
            config = replace(config, mixing_set=folders, weights=weights)
            name += label
        if config.mix != recipe(config.recipe).mix:
            name += f"-k{config.mix.k}-beta{config.mix.beta:g}"
        out = self.root / "runs" / f"{name}-s{seed}"
        config = replace(config, out=out)
        made = words(config.to_json())
        return self._add(
            Task(
                name=f"runs/{out.name}",
                command=("pixmix", "train", *made, "--resume"),
                parts={"run": tuple(_without(made, *NOT_OF_A_RUN))},
                result=out / "metrics.json",
                needs=tuple(needs),
            )
        )

    def _sets(self, row: Row) -> tuple[tuple[str, ...], list[str], str]:
        """Folders of a row's mixing sets, the tasks that make them, and what they add to the name of the run."""
        own = self.config.own_sets
        usual = self.config.sets or self.config.paper.sets
        if row.sets == () and self.config.mixing_set and not own:
            return self.config.mixing_set, [], ""
        names = row.sets or usual
        needs = [self._set(name) for name in names if name not in own]
        folders = tuple(own[name] if name in own else str(self.root / "sets" / name) for name in names)
        return folders, needs, "" if names == self.config.paper.sets else f"-{'+'.join(names)}"

    def _set(self, name: str) -> str:
        size = self.config.size
        large = size > 64 if size else self.config.large
        folder = self.root / "sets" / name
        if name != "fvis":
            flags = ["--count", self.config.fractals, "--size", 256 if large else 64]
            return self._make(name, folder, flags, needs=())
        baseline = self._run(ROWS["baseline"], self.config.seeds[0])
        # A seventh larger than the training images, so that each use crops another part of it.
        side = 256 if large else max(32, (size or 32) * 8 // 7)
        flags = ["--network", f"run:{self.root / baseline}", "--count", self.config.fvis, "--size", side]
        if self.config.network and foreign(self.config.network):
            flags.append("--trust")
        return self._make(name, folder, flags, needs=(baseline,))

    def _make(self, name: str, folder: Path, flags: list[object], needs: tuple[str, ...]) -> str:
        command = ("mixset", "make", name, *map(str, flags), str(folder))
        return self._add(
            Task(
                name=f"sets/{name}",
                command=command,
                parts={"set": command},
                result=folder / "mixset.json",
                needs=needs,
                on_device=name == "fvis",
            )
        )

    def _suite(self, suite: str) -> str:
        config = self.config
        folder = self.root / "suites" / suite
        command = ["pixmix", "corrupt", self.config.data_name, str(folder), "--suite", suite]
        for name in ("size", "test_subset", "frost"):
            if getattr(config, name) is not None and (name != "frost" or suite == "c"):
                command += [f"--{name.replace('_', '-')}", str(getattr(config, name))]
        parts = {"suite": tuple(command)}
        if config.data_folder != Path("data"):
            command += ["--data-folder", str(config.data_folder)]
        return self._add(
            Task(
                name=f"suites/{suite}",
                command=tuple(command),
                parts=parts,
                result=folder / "corruptions.json",
                on_device=False,
            )
        )

    def _measures(self, run: str) -> str:
        folders: dict[str, Path] = {}
        needs = [run]
        for suite in self.suites:
            if suite in GENERATED and suite not in self.given:
                needs.append(self._suite(suite))
                folders[suite] = self.root / "suites" / suite
            elif suite in self.given:
                folders[suite] = self.given[suite]
        if "anomalies" in self.suites and "ood" in self.given:
            folders["ood"] = self.given["ood"]
        of = {suite: "ood" if suite == "anomalies" else suite for suite in self.suites}
        command = ["pixmix", "evaluate", str(self.root / run), "--suite", *self.suites]
        if self.config.network and foreign(self.config.network):
            command += ["--network", self.config.network]
        for name, path in folders.items():
            command += [f"--{name}", str(path)]
        # As the paper's code for ImageNet does, so that like stands beside like; by the recipe and not by the table,
        # since tables share the measures of a run.
        enlarged = ("c", "cbar") if self.config.large else ()
        if set(enlarged) & set(self.suites):
            command.append("--resize")
        if self.config.partial:
            command.append("--partial")
        if self.config.eval_batch_size != EVALUATED_AT_ONCE:
            command += ["--eval-batch-size", str(self.config.eval_batch_size)]
        parts = {suite: (str(folders[of[suite]]),) if of[suite] in folders else () for suite in self.suites}
        name = run.replace("runs/", "measures/")
        return self._add(
            Task(
                name=name,
                command=tuple(command),
                parts={suite: (*part, "--resize") if suite in enlarged else part for suite, part in parts.items()},
                result=self.root / run / "metrics.json",
                needs=tuple(needs),
            )
        )


NOT_OF_A_RUN = ("--workers", "--eval-batch-size", "--data-folder", "--out", "--suite")
"""What does not change the weights that a run ends with."""
EVALUATED_AT_ONCE = 500
"""What `pixmix evaluate` takes by default."""


def _without(given: list[str], *flags: str) -> list[str]:
    """Arguments without some flags of one value each, which do not change what a run computes."""
    kept, skip = [], False
    for word in given:
        if skip:
            skip = False
        elif word in flags:
            skip = True
        else:
            kept.append(word)
    return kept
