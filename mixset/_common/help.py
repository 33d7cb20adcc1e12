"""The help of a command, from the docstrings of its dataclass: two screens at most, defaults that say something."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from typing import Any, get_origin

from .flags import Flag, flags_of

LEFT = 26
"""Columns of the flags, indented by two."""

Topics = Mapping[str, Sequence[str]]
"""What `--help NAME` is about: the groups of settings that are shown, and only then."""


def help_text(kind: Any, prog: str, *, default: Any, topics: Topics | None) -> str:
    """What `prog --help` prints."""
    flags = flags_of(kind, default)
    positional = [flag for flag in flags if flag.positional]
    hidden = {group for groups in (topics or {}).values() for group in groups}
    paragraphs = [
        "usage: " + " ".join([prog, *(flag.name for flag in positional), "[--FLAG ...]"]),
        *_description(get_origin(kind) or kind),
    ]
    if positional:
        paragraphs.append("\n".join(map(_entry, positional)))
    for group in dict.fromkeys(flag.group for flag in flags):
        shown = [flag for flag in flags if flag.group == group and not flag.positional]
        if shown and group not in hidden:
            paragraphs.append("\n".join(map(_entry, shown)))
    if topics:
        paragraphs.append(_filled(f"`{prog} --help NAME` shows the settings of {', '.join(topics)}."))
    return "\n\n".join(paragraphs)


def topic_text(kind: Any, prog: str, topic: str, *, default: Any, topics: Topics) -> str:
    """What `prog --help TOPIC` prints."""
    groups = {group for part in topic.split("+") for group in topics[part]}
    flags = [flag for flag in flags_of(kind, default) if flag.group in groups]
    entries = "\n".join(map(_entry, flags)) or f"{topic} has no settings of its own."
    return f"{prog}: the settings of {topic}\n\n{entries}"


def _description(kind: type) -> list[str]:
    """The paragraphs of a dataclass's docstring, its examples line by line."""
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    return [text if text.startswith("Examples:") else _filled(" ".join(text.split())) for text in paragraphs]


def _entry(flag: Flag) -> str:
    left = f"  {flag.name} {flag.values}".rstrip()
    text = textwrap.wrap(flag.text + _default(flag), _width() - LEFT - 2, break_on_hyphens=False)
    if len(left) > LEFT or not text:
        return "\n".join([left, *(" " * (LEFT + 2) + line for line in text)])
    return "\n".join([f"{left:{LEFT + 2}}{text[0]}", *(" " * (LEFT + 2) + line for line in text[1:])])


def _default(flag: Flag) -> str:
    """What is taken where the flag is not given; what is taken for None or nothing, its text says."""
    value = flag.default
    if flag.paired and value is True:
        return f" On by default; {flag.names[1]} turns it off."
    words = value if isinstance(value, tuple | list) else [value]
    if flag.positional or flag.kind is bool or not words or any(word in (None, "", MISSING) for word in words):
        return ""
    return f" (default: {' '.join(f'{word:g}' if isinstance(word, float) else str(word) for word in words)})"


def _filled(text: str) -> str:
    return textwrap.fill(text, _width(), break_on_hyphens=False)


def _width() -> int:
    return max(60, min(120, shutil.get_terminal_size((120, 24)).columns))
