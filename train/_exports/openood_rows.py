"""OpenOOD's boards: a row for each training and score, with the mean and the spread over its runs."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mixset._common.errors import InputError, reading
from mixset._common.files import write_file
from pixmix._common.precisions import precision_of
from pixmix.methods._table import METHODS
from pixmix.readers._problems import listed, warn_once

from .._ablations.tables import LABELS
from .._reports.grids import csv_lines
from .._runs.records import read_config, read_metrics
from .._runs.run_folder import FREE, RunFolder

HEADER = (
    "Training",
    "Postprocessor",
    "Near-OOD_AUROC",
    "Far-OOD_AUROC",
    "ID_Accuracy",
    "Outlier_Data",
    "Arch",
    "Additional_Description",
)
BOARDS = {
    "cifar10": ("cifar10", None),
    "cifar100": ("cifar100", None),
    "imagenet200": ("imagenet200_ood", "imagenet200_fsood"),
    "imagenet": ("imagenet1k_ood", "imagenet1k_fsood"),
}
"""Benchmark → its board, and that of its full spectrum where there is one."""
NAMES = {
    "msp": "MSP",
    "max_logit": "MLS",
    "energy": "EBO",
    "temperature": "TempScale",
    "gen": "GEN",
    "klm": "KLM",
    "knn": "KNN",
    "rmds": "RMDS",
    "ash_b": "ASH",
    "scale": "SCALE",
    "react": "ReAct",
    "fdbd": "fDBD",
    "nci": "NCI",
    "vim": "VIM",
    "she": "SHE",
    "mds": "MDS",
    "nnguide": "NNGuide",
    "odin": "ODIN",
    "rotpred": "RotPred",
}
"""Score → what the boards' `utils/papers.csv` calls it. A score of another name stops the making of their page."""
UNKNOWN = "?"
"""In a cell that the folder of an evaluation does not tell."""


class Measured(NamedTuple):
    """A run, or an evaluation of a network, that measured the suite openood."""

    path: Path
    config: Mapping[str, Any] | None
    """Of its training; None for an evaluation."""
    openood: Mapping[str, Any]
    """What the suite measured."""

    @property
    def training(self) -> str:
        """The same for runs of one training that differ in their seed. Evaluations are taken for such runs."""
        benchmark = self.openood["set"]["benchmark"]
        if self.config is None:
            return str(benchmark)
        kept = {name: value for name, value in self.config.items() if name not in FREE and name != "seed"}
        return f"{benchmark} {json.dumps(kept, sort_keys=True)}"


def export(runs: Sequence[Path], out: Path) -> list[Path]:
    """Write the rows of each board that the runs have measures for, as `BOARD.csv` in the folder `out`.

    Runs of one training with different seeds are one row for each score. The values are in per cent; of several runs
    the mean and the population's standard deviation, as the boards have them.

    Raises:
        InputError: a run did not measure the suite openood, left something out, or measured in bfloat16.
    """
    trainings: dict[str, list[Measured]] = {}
    for path in dict.fromkeys(path.resolve() for path in runs):
        measured = _read(path)
        trainings.setdefault(measured.training, []).append(measured)
    boards: dict[str, list[Sequence[str]]] = {}
    for group in trainings.values():
        plain, full = BOARDS[group[0].openood["set"]["benchmark"]]
        boards.setdefault(plain, []).extend(_rows(group, lambda each: each.openood))
        if full is not None and all("full_spectrum" in each.openood for each in group):
            boards.setdefault(full, []).extend(_rows(group, lambda each: each.openood["full_spectrum"]))
    written = []
    for board, rows in boards.items():
        written.append(out / f"{board}.csv")
        write_file(written[-1], csv_lines([HEADER, *rows]).encode())
    return written


def _read(path: Path) -> Measured:
    folder = RunFolder(path)
    metrics = read_metrics(folder.metrics)
    if "openood" not in metrics:
        raise InputError(f"{path}: did not measure the suite openood; `pixmix evaluate` does")
    if (precision := precision_of(metrics)) != "float32":
        raise InputError(f"{path}: is measured in {precision}, and the board's rows in float32")
    with reading(str(folder.metrics), "measure the suite openood again"):
        about = metrics["openood"]["set"]
        if about["benchmark"] not in BOARDS:
            raise ValueError(f"no benchmark {about['benchmark']}")
        problems = about["problems"]
    if problems:
        raise InputError(f"{path}: was measured without all images of the benchmark ({problems[0]}); the board has all")
    config = read_config(folder.config)["config"] if folder.config.exists() else None
    return Measured(path, config, metrics["openood"])


def _rows(group: Sequence[Measured], section: Callable[[Measured], Mapping[str, Any]]) -> list[Sequence[str]]:
    """The rows of one training on one board."""
    with reading(str(group[0].path / "metrics.json"), "measure the suite openood again"):
        names = list(section(group[0])["scores"])
        kept = [name for name in names if all("near" in section(each)["scores"].get(name, {}) for each in group)]
        about = _about(group[0].config)
        rows: list[Sequence[str]] = []
        for name in kept:
            detected = [section(each)["scores"][name] for each in group]
            cells = [_cell([each[part]["auroc"]["value"] for each in detected]) for part in ("near", "far")]
            accuracy = _cell([1 - section(each)["error"]["value"] for each in group])
            rows.append((about[0], NAMES.get(name, name), *cells, accuracy, *about[1:]))
    if lost := [name for name in names if name not in kept]:
        warn_once(f"{group[0].path}: no row for {listed(lost)}, which not all {len(group)} runs have a value of")
    if own := [name for name in kept if name not in NAMES]:
        warn_once(f"{listed(own)}: not in the board's utils/papers.csv, without which its page is not made; add a line")
    return rows


def _cell(values: Sequence[float]) -> str:
    """Fractions in per cent, with their standard deviation where there are several."""
    mean = f"{100 * statistics.fmean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * statistics.pstdev(values):.2f}"


def _about(config: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    """Training, outlier data, architecture and description."""
    if config is None:
        return UNKNOWN, UNKNOWN, UNKNOWN, ""
    parts = config["method"].split("+")
    outliers = any(part in METHODS and METHODS[part].needs_outliers for part in parts)
    return (
        _training(config["method"], parts),
        "Yes" if outliers else "No",
        re.sub(r"^resnet(?=\d)", "ResNet", re.sub("^wrn", "WRN", config["network"])),
        f"{config['epochs']} epochs",
    )


def _training(method: str, parts: Sequence[str]) -> str:
    """A method as the boards write it; what acts on the loss comes first there: RotPred + PixMix."""
    if method == "baseline":
        return "CrossEntropy"
    if method in LABELS:
        return LABELS[method]
    first = [part for part in parts if part in ("rotpred", "logitnorm")]
    return " + ".join(LABELS.get(part, part) for part in (*first, *(part for part in parts if part not in first)))
