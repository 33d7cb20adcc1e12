"""The `pixmix` command: a thin shell over functions that can be called from Python, too."""

from __future__ import annotations

import sys
from typing import Any

from mixset._common.console import run_command, say
from mixset._common.parsing import Command, dispatch, parse

from .configs import ablate_config, train_config


def _train(config: Any) -> None:
    from .._reports.table import print_table
    from .._training.run import train

    if train(config) is not None:
        print_table([config.folder])
        say(f"run folder: {config.folder}")


def _show_config(arguments: list[str]) -> Any:
    from .show import ShowConfig

    return parse(ShowConfig, "pixmix show", arguments)


def _show(config: Any) -> None:
    from .._figures.figures import show

    say(f"wrote {show(config)}")


def _report_config(arguments: list[str]) -> Any:
    from .._reports.report import ReportConfig

    return parse(ReportConfig, "pixmix report", arguments)


def _report(config: Any) -> None:
    from .._reports import grids
    from .._reports.report import report
    from .._reports.table import as_grid, print_table

    runs = list(config.runs)
    # The table alone, or the page.
    written = grids.write(as_grid(runs), config.out) if config.out.suffix in grids.FORMATS else report(config)
    print_table(runs)
    say(f"wrote {written}")


def _corrupt_config(arguments: list[str]) -> Any:
    from .corrupt import CorruptConfig

    return parse(CorruptConfig, "pixmix corrupt", arguments)


def _corrupt(config: Any) -> None:
    from .corrupt import corrupt

    say(f"wrote {corrupt(config)}")


def _prepare_config(arguments: list[str]) -> Any:
    from .._preparation.prepare_config import PrepareConfig

    return parse(PrepareConfig, "pixmix prepare", arguments)


def _prepare(config: Any) -> None:
    from .._preparation.prepare import prepare

    say(prepare(config))


def _evaluate_config(arguments: list[str]) -> Any:
    from .._evaluation.config import EvaluateConfig

    attacks = {"adversaries": ("attack",), "autoattack": ("autoattack",)}
    return parse(EvaluateConfig, "pixmix evaluate", arguments, topics=attacks)


def _evaluate(config: Any) -> None:
    from .._evaluation.evaluate import evaluate

    if evaluate(config) is not None:
        from .._evaluation.beside import in_float32
        from .._reports.table import print_differences, print_table

        print_table([config.folder])
        if config.eval_precision == "bf16":
            beside = in_float32(config)
            if beside is None:
                say("what bfloat16 changes is shown where MODEL is a run that was measured in float32")
            else:
                print_differences(config.folder, beside)
        say(f"wrote {config.folder / 'metrics.json'}")


def _ablate(config: Any) -> None:
    from .._ablations import ablate

    results = ablate(config)
    if results is not None:
        say(f"wrote {config.folder / f'table-{config.table}'}.json, .md, .tex and .csv")
        say(f"a page about the runs: pixmix report {config.folder / 'runs'}/* --out {config.folder / 'report.html'}")
        if any(problem["state"] == "failed" for row in results["rows"] for problem in row["problems"]):
            sys.exit(1)


def _measures_config(arguments: list[str]) -> Any:
    from .measures import MeasuresConfig

    return parse(MeasuresConfig, "pixmix measures", arguments)


def _measures(config: Any) -> None:
    from .measures import listing

    for line in listing():
        say(line)


def _slurm_config(arguments: list[str]) -> Any:
    from .slurm_config import slurm_config

    return slurm_config(arguments)


def _slurm(config: Any) -> None:
    from .slurm import job_script

    print(job_script(config), end="")


def _export_config(arguments: list[str]) -> Any:
    from .._exports.export_config import ExportConfig

    return parse(ExportConfig, "pixmix export", arguments)


def _export(config: Any) -> None:
    from .._exports.kinds import writer

    for path in writer(config.kind)(config.runs, config.out):
        say(f"wrote {path}")


COMMANDS = {
    "train": Command("train a classifier and measure how safe it is", train_config, _train),
    "evaluate": Command("measure any classifier on any data", _evaluate_config, _evaluate),
    "ablate": Command(
        "run what a table of the paper needs, and print it beside the paper's numbers", ablate_config, _ablate
    ),
    "slurm": Command("print a job script for Slurm, for train or ablate", _slurm_config, _slurm),
    "show": Command("draw what PixMix and the other methods make of an image", _show_config, _show),
    "prepare": Command("unpack archives of ImageNet, Places365 and their sets", _prepare_config, _prepare),
    "corrupt": Command(
        "write the corruptions of C, C-bar or P for any images, or draw them", _corrupt_config, _corrupt
    ),
    "measures": Command("list the measures and the anomaly scores", _measures_config, _measures),
    "report": Command("print the table of some runs and write a page about them", _report_config, _report),
    "export": Command("write the measures of some runs in the form that a board takes", _export_config, _export),
}
HELP = """usage: pixmix COMMAND ...

Train classifiers with PixMix and its rivals, and measure how safe they are.

{commands}

`pixmix COMMAND --help` explains a command. To make a mixing set, see `mixset --help`.
Try it: pixmix train digits --recipe quick --method pixmix --mixing-set fractals"""


def main(command: str | None = None) -> None:
    """Run `pixmix COMMAND ...`, or the given command with all the arguments."""
    arguments = sys.argv[1:] if command is None else [command, *sys.argv[1:]]
    run_command(lambda: dispatch("pixmix", HELP, COMMANDS, arguments))
