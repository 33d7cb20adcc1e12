"""The `mixset` command: a thin shell over functions that can be called from Python, too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from mixset._common.console import run_command
from mixset._common.errors import InputError
from mixset._common.parsing import Command, dispatch, parse


def _make_config(arguments: list[str]) -> Any:
    from .._job.families import FAMILIES, load

    if not arguments or arguments[0] in ("-h", "--help"):
        names = "\n".join(f"  {name:<12}{one.summary}" for name, one in FAMILIES.items())
        print(f"{MAKE_HELP}\n\nfamilies:\n{names}\n\n{MAKE_MORE}")
        raise SystemExit(0)
    name = arguments[0]
    if name.startswith("-"):
        raise InputError(f"the family comes first, for example: mixset make {next(iter(FAMILIES))} {name} ...")
    from .._job.own import find_family
    from .commands import DeviceCommand, MakeCommand

    kind = find_family(name)
    shape: Any = DeviceCommand if kind.on_device else MakeCommand
    command = shape[load(kind.recipe)]  # a type known when it runs
    return parse(command, f"mixset make {name}", arguments[1:])


def _config(name: str) -> Callable[[list[str]], Any]:
    """What parses the arguments of a command by the name of its dataclass."""

    def config(arguments: list[str]) -> Any:
        from . import commands

        kind = getattr(commands, f"{name.capitalize()}Command")
        return parse(kind, f"mixset {name}", arguments)

    return config


def _run(name: str) -> Callable[[Any], None]:
    """What runs a command, by the name of its function."""

    def run(config: Any) -> None:
        from . import commands

        getattr(commands, name)(config)

    return run


COMMANDS = {
    "make": Command("make a mixing set: mixset make fractals OUT", _make_config, _run("make_set")),
    "import": Command(
        "turn an image folder, tar archive or .npy array into a mixing set", _config("import"), _run("import_set")
    ),
    "info": Command("say what a set holds; --stats: how rich its images are", _config("info"), _run("info")),
    "check": Command("compare every hash; --repair: make damaged shards again", _config("check"), _run("check_set")),
    "sheet": Command("draw a contact sheet of a set", _config("sheet"), _run("contact_sheet")),
    "show": Command("draw one image of a set again, at any size", _config("show"), _run("show")),
    "export": Command("write a set as a folder of PNG files", _config("export"), _run("export_set")),
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
