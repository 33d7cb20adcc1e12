"""Every public name has a docstring, stands on its package's API page, and its examples are true."""

from __future__ import annotations

import ast
import doctest
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGES = {
    "mixset": "mixset",
    "mixset.generate": "generate",
    "pixmix": "pixmix",
    "pixmix.corruptions": "corruptions",
    "pixmix.measures": "measures",
    "pixmix.methods": "methods",
    "pixmix.readers": "readers",
    "pixmix.scores": "scores",
    "pixmix.train": "train",
}
"""The public packages and their pages."""


def homes(package: str) -> dict[str, Path]:
    """The file that defines each public name, as the package's stub says."""
    folder = Path(str(import_module(package).__file__)).parent
    files: dict[str, Any] = {}
    for node in ast.parse((folder / "__init__.pyi").read_text()).body:
        assert isinstance(node, ast.ImportFrom) and node.module, ast.unparse(node)
        path = Path(str(import_module(f"{package}.{node.module}").__file__))
        files |= dict.fromkeys((alias.name for alias in node.names), path)
    return files


def has_docstring(package: str, name: str, path: Path) -> bool:
    """Whether the file that a public name comes from has a docstring for it."""
    body = ast.parse(path.read_text()).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return bool(ast.get_docstring(node))
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return bool(getattr(import_module(package), name).__doc__)  # of another file, and handed on
    raise AssertionError(f"{path} does not define {name}")


@pytest.mark.parametrize("package", PAGES)
def test_every_public_name_has_a_docstring(package: str) -> None:
    assert [name for name, path in homes(package).items() if not has_docstring(package, name, path)] == []


@pytest.mark.parametrize("package", PAGES)
def test_every_public_name_is_on_its_api_page(package: str) -> None:
    page = (ROOT / "docs" / "api" / f"{PAGES[package]}.md").read_text()
    assert set(re.findall(r"^\.\. currentmodule:: (.+)$", page, re.MULTILINE)) == {package}
    shown = re.findall(r"^\.\. auto(?:class|data|exception|function):: (\w+)$", page, re.MULTILINE)
    assert sorted(shown) == sorted(homes(package))


def test_no_package_is_without_a_page() -> None:
    stubs = [path for folder in ("mixset", "generate", "pixmix", "train") for path in (ROOT / folder).rglob("*.pyi")]
    assert {path.parent.relative_to(ROOT).as_posix() for path in stubs} == {
        package.replace("mixset.generate", "generate").replace("pixmix.train", "train").replace(".", "/")
        for package in PAGES
    }


def test_every_page_is_on_the_site() -> None:
    shown = re.findall(r"^[\w/-]+$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE)
    there = [path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(shown) == sorted(set(there) - {"index"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder but for `my-set`, the small set of images that examples take."""
    (tmp_path / "my-set").mkdir()
    for index in range(6):
        image = np.random.default_rng(index).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / "my-set" / f"{index}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("package", PAGES)
def test_examples_do_what_they_say(package: str, folder: Path) -> None:
    finder = doctest.DocTestFinder(exclude_empty=True, recurse=True)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    for name in homes(package):
        public = getattr(import_module(package), name)
        for example in finder.find(public, f"{package}.{name}", module=False, globs={}):
            runner.run(example, out=report.append)
    assert runner.tries > 0 or package == "pixmix.train", "only whole programs need no example"
    assert not runner.failures, "".join(report)
