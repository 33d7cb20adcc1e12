"""`pixmix report`: a page of figures, tables, images and the commands to repeat them, in one HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from mixset._common.errors import InputError, printable

from .._data.place_names import in_words, last_part, path_of

if TYPE_CHECKING:
    from .runs import Run


PAGES = (".html", ".htm")
"""How the names of pages end."""


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Print the table of some runs, and write a page about them that needs no other file and no network.

    Examples:
        pixmix report runs/digits-baseline-0 runs/digits-pixmix-0 --out report.html
    """

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN ...")]
    """Folders of runs or of evaluations by `pixmix evaluate`, in the order of the table."""
    out: Path = Path("report.html")
    """Where the result goes: the page; a name that ends in .md, .tex or .csv gets the table alone."""

    def __post_init__(self) -> None:
        if not self.runs:
            raise InputError("runs: name at least one run folder")


def report(config: ReportConfig) -> Path:
    """Write the page and return its path. A section appears where at least one run measured what it shows.

    Raises:
        InputError: a run that has not ended, a damaged file, or a path that cannot be written.
    """
    from mixset._common.files import check_file, write_file

    from . import (
        anomalies,
        calibration,
        corruptions,
        ladder,
        outlier_groups,
        page,
        profile,
        repeat,
        selective,
        sheets,
        table,
        training,
    )
    from .runs import names_for, read_run

    if config.out.suffix not in PAGES:
        raise InputError(f"out {config.out}: a page ends in {' or '.join(PAGES)}, a table in .md, .tex or .csv")
    check_file(config.out)
    runs = [read_run(path, name) for path, name in zip(config.runs, names_for(config.runs), strict=True)]
    rounded = table.one_precision([(run.name, run.metrics) for run in runs]) == "bf16"
    sections = [
        table.measures(runs),
        profile.against_each_other(runs),
        sheets.sheets(runs),
        corruptions.corruptions(runs, "c"),
        corruptions.corruptions(runs, "cbar"),
        corruptions.perturbations(runs),
        ladder.ladders(runs),
        calibration.calibration(runs),
        selective.selective(runs),
        anomalies.anomalies(runs),
        outlier_groups.outlier_groups(runs),
        training.learning(runs),
        repeat.repeat(runs),
    ]
    datasets = " and ".join(sorted({_plain(run.metrics) for run in runs if "dataset" in run.metrics}))
    subject = "are these classifiers" if len(runs) > 1 else "is this classifier"
    title = f"How safe {subject} of {datasets or 'images'}{' in bfloat16' * rounded}?"
    html = page.page(title, _lead(runs), [run.name for run in runs], sections)
    # A folder's name may hold unprintable characters and lone surrogates; the page shows them escaped.
    write_file(config.out, printable(html, keep="\n").encode())
    return config.out


def _plain(metrics: dict[str, Any]) -> str:
    """A data set's name, of a folder or store the last part of its path; says where a store's images are smaller."""
    dataset = str(metrics["dataset"])
    name = dataset if path_of(dataset) is None else last_part(dataset)
    return name + in_words(metrics.get("stored", {}))


def _lead(runs: list[Run]) -> dict[str, Any]:
    """How many test images the numbers are of, and the methods that the runs' names do not tell."""
    counts = sorted({run.entry("clean", "error").get("n", 0) for run in runs} - {0})
    methods = [(run.name, str(run.metrics["method"])) for run in runs if "method" in run.metrics]
    return {
        "counts": [f"{count:,}" for count in counts],
        "methods": [(name, method) for name, method in methods if method not in name],
    }
