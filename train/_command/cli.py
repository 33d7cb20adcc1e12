"""The `pixmix` command: a thin shell over functions that can be called from Python, too."""

from __future__ import annotations

import sys

from mixset._common.console import run_command, say
from mixset._common.parsing import Commands, dispatch, parse


def _train(arguments: list[str]) -> None:
    from .._runs.config import TrainConfig, recipe

    start = recipe(_option(arguments, "--recipe") or "cifar")
    config = parse(TrainConfig, "pixmix train", arguments, default=start)
    from .._reports.table import print_table
    from .._training.run import train

    if train(config) is not None:
        print_table([config.folder])
        say(f"run folder: {config.folder}")


def _show(arguments: list[str]) -> None:
    from .show import ShowConfig

    config = parse(ShowConfig, "pixmix show", arguments)
    from .._figures.figures import show

    say(f"wrote {show(config)}")


def _report(arguments: list[str]) -> None:
    from .._reports.report import ReportConfig

    config = parse(ReportConfig, "pixmix report", arguments)
    from .._reports import grids
    from .._reports.report import report
    from .._reports.table import as_grid, print_table

    runs = list(config.runs)
    # The table alone, or the page.
    written = grids.write(as_grid(runs), config.out) if config.out.suffix in grids.FORMATS else report(config)
    print_table(runs)
    say(f"wrote {written}")


def _corrupt(arguments: list[str]) -> None:
    from .corrupt import CorruptConfig, corrupt

    config = parse(CorruptConfig, "pixmix corrupt", arguments)
    say(f"wrote {corrupt(config)}")


def _evaluate(arguments: list[str]) -> None:
    from .._evaluation.config import EvaluateConfig

    config = parse(EvaluateConfig, "pixmix evaluate", arguments)
    from .._evaluation.evaluate import evaluate

    if evaluate(config) is not None:
        from .._reports.table import print_table

        print_table([config.folder])
        say(f"wrote {config.folder / 'metrics.json'}")


def _ablate(arguments: list[str]) -> None:
    from .._ablations.config import AblateConfig

    config = parse(AblateConfig, "pixmix ablate", arguments)
    from .._ablations import ablate

    found = ablate(config)
    if found is not None:
        say(f"wrote {config.folder / f'table-{config.table}'}.json, .md, .tex and .csv")
        say(f"a page about the runs: pixmix report {config.folder / 'runs'}/* --out {config.folder / 'report.html'}")
        if any(problem["state"] == "failed" for row in found["rows"] for problem in row["problems"]):
            sys.exit(1)


COMMANDS: Commands = {
    "train": ("train a classifier and measure how safe it is", _train),
    "evaluate": ("measure any classifier on any data", _evaluate),
    "ablate": ("run what a table of the paper needs, and print it beside the paper's numbers", _ablate),
    "show": ("draw what PixMix and the other methods make of an image", _show),
    "corrupt": ("write the corruptions of C, C-bar or P for any images, or draw them", _corrupt),
    "report": ("print the table of some runs and write a page about them", _report),
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


def _option(arguments: list[str], name: str) -> str | None:
    """The value of an option that has to be known before the others can be parsed; given twice, the last one."""
    found = None
    for index, argument in enumerate(arguments):
        if argument == name and index + 1 < len(arguments):
            found = arguments[index + 1]
        elif argument.startswith(f"{name}="):
            found = argument.partition("=")[2]
    return found
