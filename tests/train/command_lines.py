"""Bad command lines, drawn with a seed from the dataclasses of the commands: each must end in one line."""

from __future__ import annotations

import dataclasses
import random
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from mixset.generate._command import commands
from mixset.generate._job.families import FAMILIES, load
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._command.corrupt import CorruptConfig
from pixmix.train._command.show import ShowConfig
from pixmix.train._command.slurm_config import SlurmConfig
from pixmix.train._evaluation.config import EvaluateConfig
from pixmix.train._exports.export_config import ExportConfig
from pixmix.train._reports.report import ReportConfig
from pixmix.train._runs.config import TrainConfig

LONG = "z" * 300
ESCAPES = "\x1b]0;owned\x07\x1b[31m"
NUMBERS = ("x", "", "nan", "-1", "1e999", "-inf", "9" * 40, ESCAPES, LONG, "1 2", "0x")
TEXTS = ("no-such-thing", "", LONG, ESCAPES, "..", "a:b:c", ".x:y", ":", "-", "a\nb", "\udcff")
READ = ("nowhere", LONG, f"{LONG}/x", "nowhere/at/all", "a\nb", "empty", "text", "text/x", "\udcff", ESCAPES)
"""Paths that hold nothing which any command reads: `empty` is a folder, `text` a file."""
WRITTEN = (LONG, "text/x", f"new/{LONG}", f"new/{LONG}/x", "text/x/y")
"""Paths at which nothing can be written."""
OUT = {"out", "preview"}
HARMLESS = {"data_folder", "frost"}
"""Paths that the lines below do not look at: digits are downloaded from nowhere, and fog needs no frost."""


@dataclass(frozen=True)
class Command:
    """A command with a line that is right but for what is drawn."""

    words: tuple[str, ...]
    kind: Any
    good: tuple[str, ...]
    positional: int
    """How many of the good words, from the first on, have no flag."""


def all_commands() -> list[Command]:
    """Every command; run where `workspace` has been."""
    few = ("--test-subset", "50", "--workers", "0")
    small = ("--recipe", "quick", "--network", "wrn-10-1", "--subset", "100", *few)
    table = ("--dataset", "digits", *small, "--rows", "mix-input", "--devices", "cpu", "--frost", "frost")
    measured = ("--network", "wrn-10-1", "--dataset", "digits", "--suite", "clean")
    found = [
        Command(("pixmix", "train"), TrainConfig, ("digits", *small, "--suite", "clean", "--out", "new/run"), 1),
        Command(
            ("pixmix", "evaluate"),
            EvaluateConfig,
            ("w.safetensors", *measured, *few, "--out", "new/e"),
            1,
        ),
        Command(("pixmix", "evaluate"), EvaluateConfig, ("--logits", "l.npz", "--suite", "clean", "--out", "new/e"), 0),
        Command(("pixmix", "ablate"), AblateConfig, ("1", *table, "--out", "new/a"), 1),
        Command(("pixmix", "ablate"), AblateConfig, ("1", *table, "--out", "new/a", "--plan"), 1),
        Command(("pixmix", "slurm"), SlurmConfig, ("train", "digits", *small, "--out", "new/run"), 1),
        Command(("pixmix", "report"), ReportConfig, ("run", "--out", "new/r.html"), 1),
        Command(("pixmix", "export"), ExportConfig, ("robustbench", "board", "--out", "new/x"), 2),
        Command(
            ("pixmix", "show"),
            ShowConfig,
            ("photos/a.png", "new/f.png", "--size", "32", "--rounds", "--mixing-set", "photos"),
            2,
        ),
        Command(
            ("pixmix", "corrupt"), CorruptConfig, ("digits", "new/c", "--test-subset", "10", "--corruptions", "fog"), 2
        ),
        Command(("mixset", "import"), commands.ImportCommand, ("photos", "new/i"), 2),
        Command(("mixset", "check"), commands.CheckCommand, ("set",), 1),
        Command(("mixset", "info"), commands.InfoCommand, ("set",), 1),
        Command(("mixset", "sheet"), commands.SheetCommand, ("set", "new.png"), 2),
        Command(("mixset", "export"), commands.ExportCommand, ("set", "new/x"), 2),
    ]
    for name, family in FAMILIES.items():
        shape: Any = commands.DeviceCommand if family.on_device else commands.MakeCommand
        good = (
            "new/set",
            "--count",
            "1",
            "--size",
            "32",
            *(("--network", "torchvision.models:resnet18") if name == "fvis" else ()),
        )
        found.append(Command(("mixset", "make", name), shape[load(family.recipe)], good, 1))
    return found


@dataclass(frozen=True)
class Flag:
    """A flag, or a positional argument, and what its values are."""

    name: str
    kind: Any
    positional: bool


def flags_of(kind: Any, prefix: str = "") -> Iterator[Flag]:
    """The flags of a command's dataclass, those of the dataclasses in it included."""
    origin = get_origin(kind) or kind
    arguments = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    hints = typing.get_type_hints(origin, include_extras=True)
    for field in dataclasses.fields(origin):
        hint = hints[field.name]
        extras = get_args(hint)[1:] if get_origin(hint) is typing.Annotated else ()
        hint = get_args(hint)[0] if extras else hint
        hint = arguments.get(hint, hint)
        name = field.name.replace("_", "-")
        if dataclasses.is_dataclass(hint):
            bare = any(getattr(extra, "name", None) == "" for extra in extras)
            yield from flags_of(hint, prefix if bare else f"{prefix}{name}.")
            continue
        positional = any("Positional" in repr(extra) or "POSITIONAL" in repr(extra) for extra in extras)
        yield Flag(prefix + name, hint, positional)


def bad_values(flag: Flag) -> Sequence[str]:
    """Values that the flag can never take; none where any might be right."""
    kind, own = flag.kind, flag.name.rpartition(".")[2].replace("-", "_")
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    several = get_origin(kind) is tuple
    of = get_args(kind)[0] if several else kind
    if own in HARMLESS and of is Path:
        return ()
    if of is bool:
        return ("=maybe",)
    if of in (int, float):
        values: Sequence[str] = NUMBERS
    elif get_origin(of) is Literal:
        values = TEXTS
    elif own == "mixing_set":
        values = READ
    elif of is Path:
        values = WRITTEN if own in OUT else READ
    else:
        values = TEXTS
    return values


def draw(command: Command, chance: random.Random) -> list[str]:
    """The command's line with something bad in it: a value, a flag, or what is lacking or too much."""
    way = chance.choice((*[_bad_value] * 8, _unknown_flag, _one_less, _one_more, _no_value))
    return [*command.words, *way(command, chance)]


def _unknown_flag(command: Command, chance: random.Random) -> list[str]:
    return [*command.good, f"--{chance.choice(('no-such', 'x', LONG, 'a b', ESCAPES))}", "1"]


def _one_less(command: Command, chance: random.Random) -> list[str]:
    if not command.positional or command.kind is TrainConfig:  # which has a data set by default
        return _unknown_flag(command, chance)
    gone = chance.randrange(command.positional)
    return [word for index, word in enumerate(command.good) if index != gone]


def _one_more(command: Command, chance: random.Random) -> list[str]:
    return [*command.good[: command.positional], "nowhere.png", *command.good[command.positional :]]


def _no_value(command: Command, chance: random.Random) -> list[str]:
    flags = [flag for flag in flags_of(command.kind) if not flag.positional and _takes_one(flag)]
    return [*command.good, f"--{chance.choice(flags).name}"] if flags else _unknown_flag(command, chance)


def _bad_value(command: Command, chance: random.Random) -> list[str]:
    good = list(command.good)
    flag = chance.choice([flag for flag in flags_of(command.kind) if flag.positional or bad_values(flag)])
    if flag.positional and command.positional:
        index = chance.randrange(command.positional)
        good[index] = chance.choice(WRITTEN if good[index].startswith("new") else READ)
        return good
    if flag.positional:
        return _unknown_flag(command, chance)
    word = chance.choice(bad_values(flag))
    # Where the line has the flag already it stands there twice, and the last one counts.
    return [*good, f"--{flag.name}{word}"] if word.startswith("=") else [*good, f"--{flag.name}", word]


def _takes_one(flag: Flag) -> bool:
    kind = flag.kind
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    return kind in (int, float, str, Path)
