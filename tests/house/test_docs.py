"""What README and docs say of the package is so."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

from pixmix.methods import METHODS, make_method
from pixmix.train._ablations.tables import LABELS, RIVALS

ROOT = Path(__file__).parents[2]


def test_the_table_of_methods_is_the_packages() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \| (.+?) \|$", readme, re.MULTILINE)
    listed = {name: (summary, source) for name, summary, source in rows if name in METHODS}
    assert listed == {name: (row.summary, row.source) for name, row in METHODS.items()}
    assert list(listed) == list(METHODS)


def test_each_rival_has_its_entry() -> None:
    """Of all its columns, with the rows that it makes of an image and a test that is there."""
    lines = re.findall(r"^\| `([a-z0-9+-]+)` \| (.+) \|$", (ROOT / "docs" / "arena.md").read_text(), re.MULTILINE)
    entries = {name: cells.split(" | ") for name, cells in lines}
    assert list(entries) == [name for name in LABELS if name in entries]
    assert set(entries) == {*RIVALS}
    grey = (0.5, 0.5, 0.5)
    for name, (what, by, rows, compared, test) in entries.items():
        assert all((what, by, compared, re.search(r"`test_\w+::test_\w+`", test))), name
        if not any(METHODS[part].needs_pool for part in name.split("+")):
            method = make_method(name, classes=10, size=(32, 32), mean=grey, std=grey)
            assert int(rows) == method.views * method.batch_views, name
        for part in name.split("+"):
            assert by == METHODS[part].source, name


def test_the_tests_that_show_parity_are_there() -> None:
    pages = [(ROOT / "docs" / name).read_text() for name in ("parity.md", "arena.md")]
    named = {test for page in pages for test in re.findall(r"(test_\w+)::(test_\w+)", page)}
    assert len(named) > 50
    there = set()
    for path in ROOT.glob("tests/*/*.py"):
        there |= {(path.stem, name) for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert not named - there


def test_names_of_the_packages_are_there() -> None:
    pages = (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    named = {
        (path.name, name)
        for path in pages
        if path.name != "CHANGELOG.md"
        for name in re.findall(r"`((?:mixset|pixmix)(?:\.\w+)+)", path.read_text())
        if not name.endswith((".json", ".h5"))
    }
    assert len(named) > 80
    assert [f"{page}: {name}" for page, name in sorted(named) if not resolves(name)] == []


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or leads from one to what it holds."""
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True
