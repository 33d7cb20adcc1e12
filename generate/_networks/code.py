"""Networks that a function of the user's makes, `module:function`: code, called where the user names or trusts it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from mixset._common.errors import InputError, printable, reason


def call(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The network that the function `module:function` makes of the arguments; a line on stderr says what is run.

    The function is looked for in the working folder, too, after all other places.

    Raises:
        InputError: there is no such function, it raises, or it returns something else.
    """
    if not re.fullmatch(r"\w+(\.\w+)*:\w+", name):
        raise InputError(f"network {name}: is not of the form module:function")
    module, _, function = name.partition(":")
    with _working_folder():
        try:
            make = getattr(importlib.import_module(module), function)
        except (Exception, SystemExit) as error:  # whatever a module of the user's does when imported
            raise InputError(f"network {name}: cannot be imported ({reason(error)}); use module:function") from error
        _say(name, str(getattr(sys.modules[module], "__file__", None) or module))
        try:
            body = make(**arguments)
        except (Exception, SystemExit) as error:
            given = f" called with {', '.join(arguments)}" if arguments else ""
            raise InputError(f"network {name}: fails{given} ({type(error).__name__}: {reason(error)})") from error
    if not isinstance(body, nn.Module):
        raise InputError(f"network {name}: returns a {type(body).__name__}, not a torch.nn.Module")
    return body


@functools.cache
def _say(name: str, file: str) -> None:
    """Once, and in one process of those that work together."""
    if multiprocessing.parent_process() is None and os.environ.get("RANK", "0") == "0":
        print(f"network {printable(name)}: made by the code in {printable(file)}", file=sys.stderr)


@contextlib.contextmanager
def _working_folder() -> Iterator[None]:
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
