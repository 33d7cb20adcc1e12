"""The `mixset` command: a thin shell over functions that can be called from Python, too."""

from __future__ import annotations

import sys
from typing import Any

from mixset._common.console import run_command
from mixset._common.errors import InputError
from mixset._common.parsing import Commands, dispatch, parse


def _make(arguments: list[str]) -> None:
    from .._job.families import FAMILIES, find_family, load

    if not arguments or arguments[0] in ("-h", "--help"):
        names = "\n".join(f"  {name:<12}{one.summary}" for name, one in FAMILIES.items())
        print(f"{MAKE_HELP}\n\nfamilies:\n{names}\n\n{MAKE_MORE}")
        return
    name = arguments[0]
    if name.startswith("-"):
        raise InputError(f"the family comes first, for example: mixset make {next(iter(FAMILIES))} {name} ...")
    from .commands import DeviceCommand, MakeCommand, make_set

    kind = find_family(name)
    shape: Any = DeviceCommand if kind.on_device else MakeCommand
    command = shape[load(kind.recipe)]  # a type known when it runs
    make_set(parse(command, f"mixset make {name}", arguments[1:]))


def _import(arguments: list[str]) -> None:
    from .commands import ImportCommand, import_set

    import_set(parse(ImportCommand, "mixset import", arguments))


def _info(arguments: list[str]) -> None:
    from .commands import InfoCommand, info

    info(parse(InfoCommand, "mixset info", arguments))


def _check(arguments: list[str]) -> None:
    from .commands import CheckCommand, check_set

    check_set(parse(CheckCommand, "mixset check", arguments))


def _sheet(arguments: list[str]) -> None:
    from .commands import SheetCommand, contact_sheet

    contact_sheet(parse(SheetCommand, "mixset sheet", arguments))


def _show(arguments: list[str]) -> None:
    from .commands import ShowCommand, show

    show(parse(ShowCommand, "mixset show", arguments))


def _export(arguments: list[str]) -> None:
    from .commands import ExportCommand, export_set

    export_set(parse(ExportCommand, "mixset export", arguments))


COMMANDS: Commands = {
    "make": ("make a mixing set: mixset make fractals OUT", _make),
    "import": ("turn an image folder, tar archive or .npy array into a mixing set", _import),
    "info": ("say what a set holds; --stats: how rich its images are", _info),
    "check": ("compare every hash; --repair: make damaged shards again", _check),
    "sheet": ("draw a contact sheet of a set", _sheet),
    "show": ("draw one image of a set again, at any size", _show),
    "export": ("write a set as a folder of PNG files", _export),
}
HELP = """usage: mixset COMMAND ...

Make, check and look at mixing sets: the images that PixMix mixes into training images.

{commands}

Try it:
  mixset make fractals --count 256 --size 128 my-set      a small set in seconds
  mixset sheet my-set sheet.png                           look at it
  mixset info my-set --stats                              its richness beside photographs'
  mixset make fractals my-paper-set                       as many as the paper's set has: 14,230

`mixset COMMAND --help` explains a command. To train with a set, see `pixmix --help`."""

MAKE_HELP = """usage: mixset make FAMILY [flags] OUT

Make a mixing set in the folder OUT; the same command resumes one that was interrupted, a larger --count extends it.

  mixset make fractals --count 14230 --size 256 --seed 0 OUT
  mixset make fractals --count 14230 --part 3/8 OUT       the third of eight jobs on one folder
  mixset make fvis --network resnet18 --list-layers                  what there is to visualise
  mixset make fvis --network resnet18 --preview sheet.png OUT        a contact sheet grows as shards are finished
  mixset make fvis --network run:runs/cifar10-baseline-0 --size 36 OUT     of a network trained with `pixmix train`
  mixset make fvis --network resnet18 --devices cuda:0,cuda:1 OUT    a process on each of two GPUs
  mixset make fractals --engine dask OUT                  on Dask's workers here: one that dies is replaced
  mixset make fractals --engine dask://HOST:8786 OUT      on a cluster that is there; all of it must see OUT"""


MAKE_MORE = """`mixset make FAMILY --help` lists its flags.
A family of your own: mixset make FILE.py:CLASS OUT, or module:CLASS."""


def main() -> None:
    """Run `mixset COMMAND ...`."""
    run_command(lambda: dispatch("mixset", HELP, COMMANDS, sys.argv[1:]))
