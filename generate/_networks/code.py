"""Networks that code of the user's makes, named `module:function` or `FILE.py:function`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mixset._common import named
from mixset._common.errors import InputError


def build(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The network that the user's function makes of the arguments.

    Raises:
        InputError: there is no such function, it raises, or it returns something else.
    """
    body = named.call("network", name, named.find("network", name), **arguments)
    if not isinstance(body, nn.Module):
        raise InputError(f"network {name}: returns a {type(body).__name__}, not a torch.nn.Module")
    return body
