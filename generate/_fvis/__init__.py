"""Feature visualisations (FVis): images optimised to activate units of a network, by the thousand."""

from __future__ import annotations

import importlib.util

from mixset._common.errors import InputError


def need_lucent() -> None:
    """Raise InputError if lucent, which optimises the images, is not installed; it is part of an extra."""
    if importlib.util.find_spec("lucent") is None:
        raise InputError('feature visualisations need lucent, which is not installed; pip install "pixmix[fvis]"')
