"""From a command line to a command and its arguments; what cannot be is one line."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

from .console import plain_stream
from .errors import InputError

T = TypeVar("T")

Commands = Mapping[str, tuple[str, Callable[[list[str]], None]]]
"""Summary and function of each command of a program; what it needs is imported when it runs, so that help is quick."""


def dispatch(program: str, help_text: str, commands: Commands, arguments: list[str]) -> None:
    """Run the command that `arguments` begins with, or print the version or the help, with the commands' list for
    `{commands}`."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text.format(commands="\n".join(f"  {name:8} {summary}" for name, (summary, _) in commands.items())))
    elif arguments[0] in ("--version", "-V"):
        print(f"{program} {version('pixmix')}")
    elif arguments[0] not in commands:
        raise InputError(f"{program} {arguments[0]}: no such command; the commands are {', '.join(commands)}")
    else:
        commands[arguments[0]][1](arguments[1:])


def parse(what: type[T] | Callable[..., T], prog: str, arguments: Sequence[str], **options: Any) -> T:
    """Parse a command's arguments with tyro; bad ones raise InputError with one line instead of tyro's box.

    Args:
        what: a dataclass or function whose fields are the flags.
        prog: the command as the user typed it.
        arguments: what follows it.
        options: for `tyro.cli`, for example `default`.
    """
    # Path("") would be the working folder.
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            where = argument.rstrip("=") or (before if before.startswith("--") else "an argument")
            raise InputError(f"{where}: the value is empty; write . for the working folder, or see {prog} --help")
    import tyro

    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(plain_stream(sys.stdout)):
            return tyro.cli(what, prog=prog, args=arguments, **options)
    except SystemExit as stop:
        if not stop.code:
            raise
        said = io.StringIO()
        with _wide(), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
            tyro.cli(what, prog=prog, args=arguments, **options)
        # A heading in a frame of lines; where stdout is not UTF-8, a heading above a rule. Then text, a rule, advice.
        lines = [line.strip("│ ") for line in said.getvalue().splitlines() if not line.startswith(("╭", "╰"))]
        inside = lines if "╭" in said.getvalue() else lines[2:]
        rules = [index for index, line in enumerate(inside) if line and not line.strip("─-")]
        text = " ".join(inside[: rules[0]] if rules else inside)
        for theirs, ours in _PYTHONS:
            text = re.sub(theirs, ours, text)
        if text.startswith("Error parsing "):
            where, _, message = text.removeprefix("Error parsing ").partition(": ")
            # A check of ours names its field itself; tyro's own need the flag they are about.
            text = f"{where}: {message}" if where.startswith("--") else message
        if text.startswith("Missing value"):  # so it says when an unknown flag stands before a positional argument
            known = io.StringIO()
            with contextlib.suppress(SystemExit), contextlib.redirect_stdout(known):
                tyro.cli(what, prog=prog, args=["--help"], **options)
            flags = [argument.split("=")[0] for argument in arguments if argument.startswith("--")]
            unknown = [flag for flag in flags if flag not in known.getvalue()]
            text = f"unknown option {unknown[0]}" if unknown else text
        raise InputError(f"{text.rstrip('.')}; see {prog} --help") from None


_PYTHONS = (
    (r"no type matching \{None\}\|\{?(.*?)\}? could be instantiated from \[(.*?)\]\..*", r"\1 is needed, got \2"),
    (r"invalid literal for int\(\) with base 10: (.*)", r"INT is needed, got \1"),
    (r"could not convert string to float: (.*)", r"FLOAT is needed, got \1"),
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
