"""What is expected of networks that are loaded by name."""

from __future__ import annotations

from typing import Any

import pytest

from mixset import InputError
from mixset.generate._networks.loading import load_network

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def refused(name: str, message: str, **options: Any) -> None:
    with pytest.raises(InputError, match=message) as raised:
        load_network(name, **options)
    assert "\n" not in str(raised.value)
