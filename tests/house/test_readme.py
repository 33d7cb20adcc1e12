"""What the README says of the package is so."""

from __future__ import annotations

import re
from pathlib import Path

from pixmix.methods import METHODS

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_table_of_methods_is_the_packages() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \| (.+?) \|$", README, re.MULTILINE)
    listed = {name: (summary, source) for name, summary, source in rows if name in METHODS}
    assert listed == {name: (row.summary, row.source) for name, row in METHODS.items()}
    assert list(listed) == list(METHODS)
