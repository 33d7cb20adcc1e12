"""The user's code by its name, `module:function` or `FILE.py:function`: found, called, carried to other processes.

A name that comes here is the user's word, typed or written in Python. What a file names never comes here unasked.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import multiprocessing
import os
import pickle
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from .errors import InputError, printable, reason

T = TypeVar("T")

FORMS = "module:function or FILE.py:function"

_loaded: dict[tuple[str, str], str] = {}
"""The module of all that was found in this process, by what it is to be and its name; files by their full paths."""


def names_code(name: str) -> bool:
    """Whether a name is of one of the two forms; says nothing about whether there is such code."""
    return re.fullmatch(r"(.+\.py|\w+(\.\w+)*):\w+", name) is not None


def find(what: str, name: str) -> Any:
    """What `module:function` or `FILE.py:function` leads to, which may be a class or a value, too.

    A line on stderr says once which file's code runs. Modules are looked for in the working folder, too, after all
    other places, while they are imported.

    Args:
        what: it is to be, for the lines: "network", "method".
        name: as the user gave it.

    Raises:
        InputError: the name is of another form, there is no such code, or it fails when imported.
    """
    if not names_code(name):
        raise InputError(f"{what} {name}: is not of the form {FORMS}")
    where, _, attribute = name.rpartition(":")
    with working_folder():
        try:
            module = _file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
            thing = getattr(module, attribute)
        except (Exception, SystemExit) as error:  # whatever a module of the user's does when imported
            raise InputError(f"{what} {name}: cannot be imported ({reason(error)}); use {FORMS}") from error
    file = str(getattr(module, "__file__", None) or where)
    _say(what, name, file)
    _loaded[what, f"{os.path.abspath(where)}:{attribute}" if where.endswith(".py") else name] = module.__name__
    return thing


def call(what: str, name: str, function: Callable[..., Any], *values: Any, **arguments: Any) -> Any:
    """Call the user's function; whatever it raises is one line that says where.

    Raises:
        InputError: the function failed.
    """
    with working_folder():
        try:
            return function(*values, **arguments)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            shown = f", called with {', '.join(arguments)}" if arguments else ""
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = "" if last.filename == __file__ else f" in {last.filename}, line {last.lineno}"
            raise InputError(f"{what} {name}: fails{where}{shown} ({type(error).__name__}: {reason(error)})") from error


def check_name(what: str, name: str) -> str:
    """A name for a thing of the user's own that can be typed in a command.

    Raises:
        InputError: it has other characters.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"{what} {name!r}: cannot be a name; use letters, digits, dots and hyphens")
    return name


def same_code(one: object, other: object) -> bool:
    """Whether two functions or classes are the same one, perhaps from a module that was loaded again, or from a cell of
    a notebook that was run again; such a one takes its own place in a table."""
    return _origin(one) == _origin(other)


def _origin(thing: object) -> tuple[object, ...]:
    return getattr(thing, "__module__", None), getattr(thing, "__qualname__", thing)


def first_line(thing: object) -> str:
    """What the docstring of a function or class begins with."""
    return (getattr(thing, "__doc__", None) or "").strip().partition("\n")[0]


def slug(name: str) -> str:
    """A name of code, or several joined by `+`, as a part of a file's name."""
    return re.sub(r"[^\w.+-]", "-", name)


def pack(value: object) -> bytes:
    """Pickle a value for another process, which may have to import the user's code before it can unpickle it."""
    packed = pickle.dumps(value)
    return pickle.dumps(([code for code, module in _loaded.items() if module.encode() in packed], packed))


def unpack(packed: bytes) -> Any:
    """The value that was packed, the code behind it imported first. From our own processes alone: it is a pickle."""
    names, value = pickle.loads(packed)
    for what, name in names:
        if (what, name) not in _loaded:
            find(what, name)
    return pickle.loads(value)


def _file(path: Path) -> ModuleType:
    """The module in a file, run once; its name is a function of its path, so that all processes agree on it."""
    path = Path(os.path.abspath(path))
    stem = re.sub(r"\W", "_", path.stem)
    name = f"{stem}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@functools.cache
def _say(what: str, name: str, file: str) -> None:
    """Once, and in one process of those that work together."""
    if multiprocessing.parent_process() is None and os.environ.get("RANK", "0") == "0":
        print(f"{what} {printable(name)}: runs the code in {printable(file)}", file=sys.stderr)


@contextlib.contextmanager
def working_folder() -> Iterator[None]:
    """Modules of the working folder can be imported; it comes last, so that it hides no other."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # it was removed
        folder = ""
    if not folder or folder in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the user's code may have removed it
            sys.path.remove(folder)
