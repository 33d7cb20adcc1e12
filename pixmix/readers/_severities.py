"""What folders of a corruption's severities are called."""

from __future__ import annotations

from collections.abc import Sequence

from ..corruptions._cbar.suite import CBAR

SEVERITIES = (1, 2, 3, 4, 5)


def severity_folders(suite: str, corruption: str, names: Sequence[str]) -> dict[str, int]:
    """The severity of each folder of a corruption, or 0 if its name is not a severity.

    Folders 1 to 5 are severities. If a C̄ corruption has a folder with another number, all numbers are raw values from
    C̄'s list, of which the first is severity 1; C̄'s script writes them with two decimals, so 1.00 is not severity 1.
    """
    numbers = [name for name in names if _is_number(name)]
    if suite == "cbar" and corruption in CBAR and not {*numbers} <= {*"12345"}:
        indices = {float(value): index for index, value in enumerate(CBAR[corruption].large, 1)}
        return {name: indices.get(float(name), 0) if name in numbers else 0 for name in names}
    return {name: int(name) if name in {*"12345"} else 0 for name in names}


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
