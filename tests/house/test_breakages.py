"""The script that breaks the packages breaks them as it says."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("breakages", ROOT / "checks" / "breakages.py")
assert SPEC is not None and SPEC.loader is not None
script = sys.modules["breakages"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)

SOURCE = '''
"""Of 3 words: a docstring's are left alone."""
LIMIT: "Literal[7]" = 0
def f(ä, b: Literal[4] = True, c=-2.0) -> Literal[5]:
    if not ä  in (b, None) and 1 <= b < c:
        return ä is not\\
            None
    return f"{ä == 3} of {LIMIT}" + "4 < 5"
'''


def test_each_number_and_comparison_is_changed_once() -> None:
    source = SOURCE.encode()
    changed = []
    for one in script.breakages(Path("a.py"), source):
        after = source[: one.start] + one.new.encode() + source[one.end :]
        assert source[one.start : one.end].decode() == one.old
        assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(source))
        changed.append((one.line, one.old, one.new))
    assert sorted(changed) == [
        (3, "0", "1"),
        (4, "2.0", "3.0"),
        (5, "1", "2"),
        (5, "<", "<="),
        (5, "<=", "<"),
        (5, "in", "not in"),
        (6, "is not", "is"),
    ]


def test_the_draw_is_of_its_seed_and_half_of_it_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script.laws, "files", lambda root: sorted((root / "mixset" / "_common").glob("*.py")))
    drawn = script.drawn(8, 3)
    assert drawn == script.drawn(8, 3) != script.drawn(8, 4)
    assert [one.old[0].isdigit() for one in drawn] == [True, False] * 4
    (first, *_) = script.Tests().seeing(Path("mixset/_common/console.py"))
    assert first.name == "test_mixset_console.py"
