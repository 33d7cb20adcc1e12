"""Break the packages in small ways, one at a time, and see whether the tests notice.

    python checks/breakages.py --count 30 --seed 0

Draws places in the sources, numbers and comparisons in turn, and changes one in a copy: a number becomes another one, a
comparison its neighbour (< becomes <=, == becomes !=, ...). The tests that import the changed module in at most three
steps are then run without the slow ones, nearest first, until one fails. A test that fails without the change, too,
counts for nothing. Prints every place with its change and the test that caught it; the exit status is the number
of changes that no test noticed. Thirty take about an hour on 2 cores.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "house"))
import laws  # noqa: E402 - its folder has just been named

NEIGHBOURS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: (r"\bin\b", "not in"),
    ast.NotIn: (r"\bnot\s+in\b", "in"),
    ast.Is: (r"\bis\b", "is not"),
    ast.IsNot: (r"\bis\s+not\b", "is"),
}
"""How each comparison is written, as a pattern, and what it becomes."""
STEPS = 3
"""How many imports away from the changed module the tests may be."""


@dataclass(frozen=True)
class Breakage:
    """One change of a source file: the bytes from `start` to `end` become `new`."""

    path: Path
    line: int
    start: int
    end: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.old} -> {self.new}"


def breakages(path: Path, source: bytes) -> Iterator[Breakage]:
    """Every change of a file, annotations and f-strings (whose places Python 3.11 does not know) left out."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    for node in _nodes(ast.parse(source)):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            start, end = span(node)
            yield Breakage(path, node.lineno, start, end, source[start:end].decode(), _other(node.value))
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
                pattern, new = NEIGHBOURS[type(operator)]
                start, end = span(left)[1], span(right)[0]
                match = re.search(pattern, source[start:end].decode())
                assert match is not None, f"{path}:{node.lineno}"
                start, end = start + match.start(), start + match.end()
                yield Breakage(path, left.end_lineno or 0, start, end, match[0], new)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns") or isinstance(node, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _nodes(child)


def _other(value: int | float) -> str:
    return repr(value + 1 if isinstance(value, int) else value * 1.5 or 1.0)


def drawn(count: int, seed: int) -> list[Breakage]:
    """Numbers and comparisons in turn, each kind without repetition."""
    every = [one for path in laws.files(ROOT) for one in breakages(path.relative_to(ROOT), path.read_bytes())]
    generator = random.Random(seed)
    comparisons = [one for one in every if not one.old[0].isdigit() and one.old[0] != "."]
    numbers = [one for one in every if one not in {*comparisons}]
    picked = zip(generator.sample(numbers, -(-count // 2)), generator.sample(comparisons, -(-count // 2)), strict=True)
    return [one for pair in picked for one in pair][:count]


class Tests:
    """Which test files see a module."""

    def __init__(self) -> None:
        files = {self._name(path.relative_to(ROOT)): path for path in laws.files(ROOT)}
        stubs = {name: path.with_suffix(".pyi") for name, path in files.items() if path.name == "__init__.py"}
        self.public = {name: self._exported(name, path) for name, path in stubs.items() if path.exists()}
        self.tests = {path.stem: path for path in sorted((ROOT / "tests").rglob("*.py"))}
        self.imports = {
            name: self._imports(name, path, {*files, *self.tests}) for name, path in {**files, **self.tests}.items()
        }

    @staticmethod
    def _name(path: Path) -> str:
        parts = [laws.FOLDERS[path.parts[0]], *path.with_suffix("").parts[1:]]
        return ".".join(part for part in parts if part != "__init__")

    def _exported(self, package: str, stub: Path) -> dict[str, str]:
        """The home of each name that a package exports lazily."""
        nodes = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
        return {alias.name: self._absolute(package, True, node) for node in nodes for alias in node.names}

    @staticmethod
    def _absolute(name: str, package: bool, node: ast.ImportFrom) -> str:
        parts = name.split(".")
        above = parts[: len(parts) - node.level + package] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])

    def _imports(self, name: str, path: Path, known: set[str]) -> set[str]:
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = self._absolute(name, path.name == "__init__.py", node)
                public = self.public.get(module, {})
                found |= {module, *(public.get(alias.name, f"{module}.{alias.name}") for alias in node.names)}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value.partition(":")[0])  # tables name functions as module:function
        return found & known

    def seeing(self, path: Path) -> list[Path]:
        """The test files within `STEPS` imports of a module, the nearest and those of its own folder first."""
        reached = {self._name(path)}
        distances: dict[str, int] = {}
        for distance in range(STEPS):
            for name, imports in self.imports.items():
                if imports & reached:
                    distances.setdefault(name, distance)
            reached = {*distances, *(name for name in reached)}
        tests = [self.tests[name] for name in distances if name in self.tests and name.startswith("test_")]
        return sorted(tests, key=lambda test: (distances[test.stem], test.parts[-2] != path.parts[0], test.name))


@dataclass
class Copy:
    """A copy of the project for pytest, and the packages as they are imported."""

    folder: Path

    def __post_init__(self) -> None:
        ignored = shutil.ignore_patterns("__pycache__")
        for name in (*laws.FOLDERS, "tests", "docs", "benchmarks", "examples"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=ignored)
        for file in [one for one in ROOT.iterdir() if one.is_file()]:
            shutil.copy(file, self.folder)
        for folder, name in laws.FOLDERS.items():
            shutil.copytree(ROOT / folder, self.folder / "site" / Path(*name.split(".")), ignore=ignored)
        names = ", ".join(laws.FOLDERS.values())
        test = self.folder / "tests" / "test_copy.py"
        test.write_text(
            f"import {names}\n\n\ndef test_copy():\n"
            f"    assert all(module.__file__.startswith({str(self.folder)!r}) for module in ({names}))\n"
        )
        status, said = self.run([str(test)], 60)
        test.unlink()
        assert status == 0, f"the tests import other packages than the copy's:\n{said}"

    def write(self, path: Path, content: bytes) -> None:
        """A source file, where tests read it and where it is imported from."""
        (self.folder / path).write_bytes(content)
        package = Path(*laws.FOLDERS[path.parts[0]].split("."))
        (self.folder / "site" / package / Path(*path.parts[1:])).write_bytes(content)

    def run(self, arguments: list[str], seconds: float) -> tuple[int, str]:
        """pytest's exit status and what it said; -1 where it took too long."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "site"), "OMP_NUM_THREADS": "1"}
        # -P: the working folder, where `mixset` lacks `mixset.generate`, does not come before the copy's packages.
        command = [
            sys.executable,
            "-P",
            "-m",
            "pytest",
            "-q",
            "-x",
            "-m",
            "not slow",
            "-p",
            "no:cacheprovider",
            *arguments,
        ]
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # what the tests started, too
            process.communicate()
            return -1, ""
        return process.returncode, said


def verdict(copy: Copy, one: Breakage, tests: list[Path], limit: float) -> tuple[bool, str]:
    """Whether the change was noticed, and by which test or among how many files not."""
    before = (ROOT / one.path).read_bytes()
    names = [str(test.relative_to(ROOT)) for test in tests]
    excused: list[str] = []
    end = time.monotonic() + limit
    while True:
        copy.write(one.path, before[: one.start] + one.new.encode() + before[one.end :])
        arguments = [*names, *(f"--deselect={test}" for test in excused)]
        status, said = copy.run(arguments, end - time.monotonic()) if names else (0, "")
        copy.write(one.path, before)
        if status in (0, 5, -1):
            return False, f"{len(names)} test files{', time ran out' if status == -1 else ''}"
        failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.MULTILINE)
        if failed is None:
            return True, "pytest does not start"
        if copy.run([failed[1]], limit)[0] == 0:
            return True, failed[1]
        excused.append(failed[1])
        names = [name for name in names if name != failed[1]]


def main() -> int:
    """Draw, break, count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=30, help="how many changes")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="go on with the Nth of the same draw")
    parser.add_argument("--limit", type=float, default=900, metavar="S", help="seconds of tests for each change")
    parser.add_argument("--list", action="store_true", help="print the changes and their tests, run nothing")
    wanted = parser.parse_args()
    tests = Tests()
    chosen = [*enumerate(drawn(wanted.count, wanted.seed), 1)][wanted.first - 1 :]
    if wanted.list:
        for index, one in chosen:
            print(f"{index:3} {one}  ({len(tests.seeing(one.path))} test files)")
        return 0
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        for index, one in chosen:
            caught, by = verdict(copy, one, tests.seeing(one.path), wanted.limit)
            survivors += not caught
            print(f"{index:3} {'caught  ' if caught else 'SURVIVED'} {one}  ({by})", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} caught")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
