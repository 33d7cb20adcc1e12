"""From a command line to a command and its arguments; what cannot be is one line, in the words of its flags."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

from .errors import InputError, perhaps
from .flags import Flag, flags_of
from .help import Topics, help_text, topic_text

T = TypeVar("T")


class Command(NamedTuple):
    """A command of a program; what it needs is imported when it runs, so that the program's help is quick."""

    summary: str
    config: Callable[[list[str]], Any]
    """From its arguments to its dataclass."""
    run: Callable[[Any], None]


RENAMED = {
    "pixmix train": {"--data": "--data-folder", "--suites": "--suite"},
    "pixmix evaluate": {"--data": "--dataset", "--batch-size": "--eval-batch-size"},
    "pixmix ablate": {"--data": "--data-folder"},
    "pixmix corrupt": {"--data": "--data-folder"},
    "pixmix show": {"--steps": "--rounds"},
    "mixset make": {"--device": "--devices"},
}
"""Flags up to 0.1.0 and what they are now. They are told, not taken: one meant different things in two commands."""


def dispatch(program: str, help_text: str, commands: Mapping[str, Command], arguments: list[str]) -> None:
    """Run the command that `arguments` begins with, or print the version or the help, with the commands' list for
    `{commands}`."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text.format(commands="\n".join(f"  {name:8} {one.summary}" for name, one in commands.items())))
        return
    if arguments[0] in ("--version", "-V"):
        print(f"{program} {version('pixmix')}")
        return
    name, *rest = arguments
    if name not in commands:
        raise InputError(f"{program} {name}: no such command; the commands are {', '.join(commands)}")
    config = commands[name].config(rest)
    with in_flags(flags_of(type(config), config)):
        commands[name].run(config)


def parse(
    what: type[T], prog: str, arguments: Sequence[str], *, default: T | None = None, topics: Topics | None = None
) -> T:
    """Parse a command's arguments; bad ones raise InputError with one line, and `--help` prints the help and exits.

    Args:
        what: a dataclass whose fields are the flags.
        prog: the command as the user typed it.
        arguments: what follows it.
        default: an instance whose values are the defaults.
        topics: names that may stand behind `--help`, each with the groups of settings it shows.
    """
    asked = [index for index, argument in enumerate(arguments) if argument in ("-h", "--help")]
    if asked:
        topic = next(iter(arguments[asked[0] + 1 :]), "")
        _print_help(what, prog, topic, default, topics)
        raise SystemExit(0)
    flags = flags_of(what, default)
    _check_words(arguments, prog, flags)
    import tyro

    options: dict[str, Any] = {} if default is None else {"default": default}
    said = io.StringIO()
    with in_flags(flags):
        try:
            with _wide(), contextlib.redirect_stderr(said):
                return tyro.cli(what, prog=prog, args=_operands_first(arguments), **options)
        except SystemExit:
            raise InputError(f"{_reason(said.getvalue(), flags)}; see {prog} --help") from None


def _operands_first(arguments: Sequence[str]) -> list[str]:
    """Move what follows the numbers of `--size` to the front: it takes one or two, and tyro would give it OUT, too."""
    words = list(arguments)
    if "--size" not in words:
        return words
    value = start = words.index("--size") + 1
    while start < len(words) and words[start].isdecimal():
        start += 1
    if start == value:  # no number: tyro says so
        return words
    end = next((index for index in range(start, len(words)) if words[index].startswith("-")), len(words))
    return words[start:end] + words[:start] + words[end:]


def _print_help(what: Any, prog: str, topic: str, default: Any, topics: Topics | None) -> None:
    if not topics or not topic or topic.startswith("-"):
        print(help_text(what, prog, default=default, topics=topics))
    elif unknown := [part for part in topic.split("+") if part not in topics]:
        raise InputError(f"{prog} --help {topic}: no such settings{perhaps(unknown[0], topics)}; see {prog} --help")
    else:
        print(topic_text(what, prog, topic, default=default, topics=topics))


def _check_words(arguments: Sequence[str], prog: str, flags: Sequence[Flag]) -> None:
    """InputError for an empty value, a flag of an earlier release, or an unknown one."""
    known = [name for flag in flags for name in flag.names]
    renamed = RENAMED.get(" ".join(prog.split()[:2]), {})
    for before, argument in zip(["", *arguments], arguments, strict=False):
        name, given, value = argument.partition("=")
        if not argument or (argument.startswith("--") and given and not value):
            # Path("") would be the working folder.
            where = name or (before if before.startswith("--") else "an argument")
            raise InputError(f"{where}: the value is empty; write . for the working folder, or see {prog} --help")
        name = name.replace("_", "-")
        if name in renamed:
            raise InputError(f"`{name}` is now `{renamed[name]}`; see {prog} --help")
        if name.startswith("--") and name not in known:
            raise InputError(f"unknown option {name}{perhaps(name, known)}; see {prog} --help")


@contextlib.contextmanager
def in_flags(flags: Sequence[Flag]) -> Iterator[None]:
    """Word the InputErrors of the library in flags: an argument that a message names in backticks or begins with, as
    in `size: ...` and `device meta: ...`, becomes the flag that sets it."""
    names = {flag.argument: flag.name for flag in flags}
    names |= {argument: flag for argument, flag in _ELSEWHERE.items() if flag.split()[0] in names.values()}

    def flag(match: re.Match[str]) -> str:
        return names.get(match[1], match[0])

    try:
        yield
    except InputError as error:
        text = re.sub(r"^([a-z_.0-9]+)(?=:| [^ ]+: )", flag, re.sub(r"`([a-z_.0-9]+)`", flag, str(error)))
        error.args = (text,)
        raise


_ELSEWHERE = {
    "class_map": "--classes",
    "probabilities": "--logits-are probabilities",
    "held_out": "--calibrate-on",
    "training": "--training-images",
    "tuning": "--tune-on",
}
"""Arguments of the library that a flag sets under another name."""


def _reason(said: str, flags: Sequence[Flag]) -> str:
    """What tyro says, in one line: it prints a frame of lines with text, a rule and advice; where stdout is not UTF-8,
    a heading above a rule."""
    lines = [line.strip("│ ") for line in said.splitlines() if not line.startswith(("╭", "╰"))]
    inside = lines if "╭" in said else lines[2:]
    rules = [index for index, line in enumerate(inside) if line and not line.strip("─-")]
    text = " ".join(inside[: rules[0]] if rules else inside).rstrip(".")
    if text.startswith("Missing "):
        missing = [flag for flag in flags if flag.default is MISSING and re.search(rf"\b{flag.name}\b", text)]
        text = "; ".join(f"{flag.name} is missing: {flag.text.rstrip('.')}" for flag in missing) or text
    for theirs, ours in _PYTHONS:
        text = re.sub(theirs, ours, text)
    if text.startswith("Error parsing "):
        where, _, message = text.removeprefix("Error parsing ").partition(": ")
        names = {flag.name for flag in flags}
        needed = next((flag.values for flag in flags if flag.name == where), "")
        message = re.sub(r"Could not find valid parse for arguments: \[(.*)\]", rf"{needed} is needed, got \1", message)
        # A check of ours names its field itself, in its own dataclass; tyro's own need the flag they are about.
        inner = any(flag.argument == f"{where}.{message.partition(':')[0]}" for flag in flags)
        text = f"{where}.{message}" if inner else f"{where}: {message}" if where in names else message
    return text


def _choices(match: re.Match[str]) -> str:
    return f"{match[2]} {match[1]}: choose one of {match[3].replace(chr(39), '')}"


def _union(match: re.Match[str]) -> str:
    """One of several types, as in `{None}|INT|{INT INT}`."""
    types = [braced or plain for braced, plain in re.findall(r"\{(.*?)\}|([^|{}]+)", match[1])]
    return f"{' or '.join(one for one in types if one != 'None')} is needed, got {match[2]}"


_PYTHONS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"no type matching (.*?) could be instantiated from \[(.*?)\]\..*", _union),
    (r"invalid literal for int\(\) with base 10: (.*)", r"INT is needed, got \1"),
    (r"could not convert string to float: (.*)", r"FLOAT is needed, got \1"),
    (r"Missing value for argument '(--.*?)'.*", r"\1: needs a value"),
    (r"Unrecognized options: (.*)", r"unexpected: \1"),
    (r"invalid choice '(.*?)' for argument '(.*?)'\. Expected one of \((.*?),?\)", _choices),
)
"""What tyro says of a value in the words of Python's types, and how it is said here."""


@contextlib.contextmanager
def _wide() -> Iterator[None]:
    """Let tyro write without breaks: it breaks at the width of the terminal, in words and numbers, too."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "20000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before
