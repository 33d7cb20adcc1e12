"""`pixmix report`: a page of pictures, table, curves and the commands to repeat them, in one HTML file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from mixset.errors import InputError
from mixset.partials import write_atomically

from .commands import command
from .run_folder import RunFolder, read_json, versions
from .table import heading, make_table

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #666b73; --line: #d9dce1; --paper: #ffffff; --best: #0b6e4f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --soft: #a0a6ae; --line: #3a3f46; --paper: #17191c; --best: #5fd3a9; } }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.2rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.6rem 0 .5rem; }
p, figcaption { color: var(--soft); margin: .3rem 0 .8rem; max-width: 46rem; }
figure { margin: 0 0 1.4rem; } figcaption b { color: var(--ink); }
img { max-width: 100%; height: auto; border-radius: 6px; display: block; }
.plot { background: #fff; padding: .4rem; border: 1px solid var(--line); box-sizing: border-box; }
.wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; position: sticky; left: 0; background: var(--paper); }
thead th { font-size: .85rem; white-space: normal; overflow-wrap: anywhere; min-width: 4.2rem; vertical-align: bottom; }
tbody th { font-weight: 500; } td b { color: var(--best); }
dt { font-weight: 600; } dd { margin: 0 0 .4rem; color: var(--soft); }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: 6px; font-size: .85rem; }
"""


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Print the table of some runs, and write a page about them that needs no other file and no network.

    Example: pixmix report runs/digits-baseline-0 runs/digits-pixmix-0 --out report.html
    """

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN ...")]
    """Folders of runs, or of what `pixmix evaluate` measured, in the order of the table."""
    out: Path = Path("report.html")
    """The page."""


@dataclass(frozen=True)
class Run:
    """What the page says about one run, or about a network that was only measured: that has no config and no log."""

    name: str
    config: dict[str, Any] | None
    versions: dict[str, str]
    metrics: dict[str, Any]
    log: list[dict[str, Any]]
    folder: Path


def report(config: ReportConfig) -> Path:
    """Write the page and return its path.

    Raises:
        InputError: no runs, a run that has not ended, or no matplotlib for the plots.
    """
    if not config.runs:
        raise InputError("pixmix report: name at least one run folder")
    runs = [_read(folder) for folder in config.runs]
    title = " and ".join(sorted({run.metrics["dataset"] for run in runs if "dataset" in run.metrics})) or "pictures"
    parts = [
        f"<h1>How safe are these classifiers of {html.escape(title)}?</h1>",
        f"<p>{len(runs)} {'run' if len(runs) == 1 else 'runs'}, measured by pixmix {runs[0].versions['pixmix']}.</p>",
        _table(runs),
        *_curves(runs),
        *_pictures(runs),
        _commands(runs),
    ]
    page = (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>pixmix: {html.escape(title)}</title>\n<style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
    config.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(config.out, page.encode())
    return config.out


def _read(path: Path) -> Run:
    folder = RunFolder(path)
    described: dict[str, Any] = {"config": None, "versions": versions()}
    if folder.config.exists() or not folder.metrics.exists():
        described = read_json(folder.config)
    return Run(
        name=path.resolve().name,
        config=described["config"],
        versions=described["versions"],
        metrics=read_json(folder.metrics),
        log=list(folder.entries()),
        folder=path,
    )


def _table(runs: Sequence[Run]) -> str:
    table = make_table([(run.name, run.metrics) for run in runs])
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.names)
    body = ""
    for column, row in zip(table.columns, zip(*table.cells(), strict=True), strict=True):
        shown = "".join(f"<td>{f'<b>{text}</b>' if mark else text}</td>" for text, mark in row)
        body += f'<tr><th title="{html.escape(column.meaning)}">{heading(column)}</th>{shown}</tr>\n'
    meanings = "".join(f"<dt>{heading(column)}</dt><dd>{html.escape(column.meaning)}</dd>" for column in table.columns)
    but = " but for mT5D" if any(not column.percent for column in table.columns) else ""
    return (
        f"<h2>Measures</h2>\n<p>In per cent{but}; the best of each measure is marked.</p>\n"
        f'<div class="wide"><table><thead><tr><th></th>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n'
        f"<details><summary>What the measures mean</summary><dl>{meanings}</dl></details>"
    )


def _curves(runs: Sequence[Run]) -> Iterable[str]:
    def learning(axes: Any) -> None:
        for place, run in enumerate(runs):
            if not run.log:
                continue
            epochs = [entry["epoch"] for entry in run.log]
            error = [100 * entry["test_error"] for entry in run.log]
            axes[0].plot(epochs, [entry["loss"] for entry in run.log], color=f"C{place}", label=run.name)
            axes[1].plot(epochs, error, color=f"C{place}", label=run.name)
        axes[0].set(title="Training loss", xlabel="epoch", ylabel="cross entropy", ylim=(0, None))
        axes[1].set(title="Test error", xlabel="epoch", ylabel="per cent", ylim=(0, None))
        axes[0].legend(frameon=False)

    def reliability(axes: Any) -> None:
        for axis in axes:
            axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
            axis.set(xlabel="confidence", xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        axes[0].set(title="Reliability", ylabel="accuracy")
        for place, run in enumerate(runs):
            bins = run.metrics["calibration"]["reliability"]
            axes[0].plot(bins["confidence"], bins["accuracy"], "o-", markersize=3, color=f"C{place}", label=run.name)
        axes[0].legend(frameon=False)
        axes[1].set(title="How sure the networks are", ylabel="share of pictures", ylim=(0, None), aspect="auto")
        axes[1].lines[0].remove()
        for place, run in enumerate(runs):
            bins = run.metrics["calibration"]["reliability"]
            share = [sum(bins["count"][: i + 1]) / sum(bins["count"]) for i in range(len(bins["count"]))]
            axes[1].step(bins["confidence"], share, where="post", color=f"C{place}", label=run.name)

    if any(run.log for run in runs):
        yield "<h2>Learning</h2>"
        yield _plot(
            learning, "Loss on the training pictures as each method makes them, and error on the clean test pictures."
        )
    if all("calibration" in run.metrics for run in runs):
        yield "<h2>Calibration</h2>"
        yield _plot(
            reliability,
            "Left: accuracy of bins of 100 pictures of like confidence; on the grey line, 90 % sure means 90 % right. "
            "Right: the share of test pictures with at most this confidence.",
        )


def _plot(draw: Callable[[Any], None], caption: str) -> str:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("pixmix report: its plots need matplotlib; pip install 'pixmix[plots]'") from None
    figure = Figure(figsize=(9.4, 3.7), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    draw(axes)
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return _figure("image/svg+xml", out.getvalue(), html.escape(caption), "plot")


def _pictures(runs: Sequence[Run]) -> Iterable[str]:
    yield "<h2>Pictures</h2>"
    sheets: dict[bytes, list[str]] = {}
    for run in runs:
        sheet = run.folder / "mixing_set.png"
        if sheet.exists():
            sheets.setdefault(sheet.read_bytes(), []).append(run.name)
    for content, names in sheets.items():
        yield _figure("image/png", content, f"<b>Mixing set</b> of {html.escape(', '.join(names))}, a sample.")
    for run in runs:
        pictures = run.folder / "pictures.png"
        if pictures.exists():
            iterative = run.config is not None and "iterative" in run.config["method"].split("+")
            before = ", before the first feature visualisations" if iterative else ""
            caption = f"training pictures, and what the network sees in three epochs{before}."
            yield _figure("image/png", pictures.read_bytes(), f"<b>{html.escape(run.name)}</b>: {caption}")
        yield from _visualisations(run)


def _visualisations(run: Run) -> Iterable[str]:
    """The first, the middle and the last of the contact sheets of a run of the method iterative."""
    sheets = RunFolder(run.folder).sheets()
    for place in sorted({0, len(sheets) // 2, len(sheets) - 1}) if sheets else ():
        epoch = int(sheets[place].stem.partition("-")[2])
        caption = f"<b>{html.escape(run.name)}</b>: the feature visualisations that it mixes in after epoch {epoch}."
        yield _figure("image/png", sheets[place].read_bytes(), caption)


def _figure(kind: str, content: bytes, caption: str, style: str = "") -> str:
    data = base64.b64encode(content).decode()
    image = f'<img class="{style}" alt="" src="data:{kind};base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _commands(runs: Sequence[Run]) -> str:
    used = ", ".join(f"{name} {number}" for name, number in runs[0].versions.items())
    commands = [html.escape(command(run.config)) for run in runs if run.config is not None]
    shown = "<h2>To repeat it</h2>\n<pre>" + "\n".join(commands) + "</pre>\n" if commands else ""
    return f"{shown}<p>Made with {html.escape(used)}.</p>"
