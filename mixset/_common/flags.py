"""The flags of a command, read from its dataclass: what help shows, what messages name, what may be typed."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import textwrap
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A flag, or a positional argument, of a command."""

    argument: str
    """The field as Python names it, for example `mix.aug_severity`."""
    name: str
    """The flag as it is typed, `--mix.aug-severity`, or the metavariable of a positional argument, `DATASET`."""
    kind: Any
    """The type of its value; of a value that may be absent, the type without None."""
    text: str
    """The field's docstring, on one line."""
    default: Any
    """`dataclasses.MISSING` where a value must be given."""
    positional: bool
    group: str
    """The field of the dataclass it belongs to, such as `mix`; empty for the command's own."""
    paired: bool
    """Whether `--no-...` turns it off."""

    @property
    def names(self) -> tuple[str, ...]:
        """What may be typed for it; nothing for a positional argument."""
        if self.positional:
            return ()
        head, dot, leaf = self.name[2:].rpartition(".")
        return (self.name, f"--{head}{dot}no-{leaf}") if self.paired else (self.name,)

    @property
    def values(self) -> str:
        """What stands behind it, as help shows it: choices in braces, `...` behind what may be repeated."""
        return "" if self.positional or self.kind is bool else _values(self.kind, self.argument.rpartition(".")[2])


def flags_of(kind: Any, default: Any = None) -> list[Flag]:
    """The flags of a command's dataclass, those of the dataclasses in it included.

    Args:
        kind: the dataclass, which may be generic, as in `MakeCommand[FractalRecipe]`.
        default: an instance whose values are the defaults.
    """
    return list(_flags(kind, default, "", ""))


def _flags(kind: Any, default: Any, prefix: str, group: str) -> Iterator[Flag]:
    import tyro

    origin = get_origin(kind) or kind
    parameters = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    hints, texts = get_type_hints(origin, include_extras=True), _docstrings(origin)
    for field in dataclasses.fields(origin):
        hint = hints[field.name]
        hint, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        hint = _present(parameters.get(hint, hint))
        if tyro.conf.Suppress in extras:
            continue
        value = _default(field) if default is None else getattr(default, field.name)
        if isinstance(hint, TypeVar):
            hint = type(value)
        if dataclasses.is_dataclass(hint):
            bare = any(getattr(extra, "name", None) == "" for extra in extras)
            inner = None if value is dataclasses.MISSING else value
            yield from _flags(hint, inner, prefix if bare else f"{prefix}{field.name}.", group if bare else field.name)
            continue
        positional = get_args(tyro.conf.Positional[int])[1] in extras
        metavar = next((extra.metavar for extra in extras if getattr(extra, "metavar", None)), None)
        argument = prefix + field.name
        yield Flag(
            argument=argument,
            name=metavar or field.name.upper() if positional else f"--{argument.replace('_', '-')}",
            kind=hint,
            text=texts.get(field.name, ""),
            default=dataclasses.MISSING if value is tyro.MISSING else value,
            positional=positional,
            group=group,
            paired=hint is bool and tyro.conf.FlagCreatePairsOff not in extras,
        )


def _present(hint: Any) -> Any:
    """A type without None."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(one for one in get_args(hint) if one is not type(None))
    return hint


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


@functools.cache
def _docstrings(kind: type) -> dict[str, str]:
    """The docstrings of a dataclass's fields, its bases' included."""
    texts: dict[str, str] = {}
    for base in reversed([one for one in kind.__mro__ if dataclasses.is_dataclass(one)]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(tree, ast.ClassDef)
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                texts[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return texts


def _values(kind: Any, name: str) -> str:
    if get_origin(kind) is Literal:
        return f"{{{','.join(map(str, get_args(kind)))}}}"
    if get_origin(kind) is tuple and Ellipsis not in get_args(kind):
        return " ".join(_values(one, name) for one in get_args(kind))
    if inspect.isclass(get_origin(kind)) and issubclass(get_origin(kind), Sequence):
        return f"{_values(get_args(kind)[0], 'name')} ..."
    words = {int: "INT", float: "FLOAT"}
    return words.get(kind) or ("PATH" if getattr(kind, "__name__", "") == "Path" else name.upper().replace("_", "-"))
