"""The laws of the house, each a function of a source tree that gives a line for every violation."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDERS = {"mixset": "mixset", "generate": "mixset.generate", "pixmix": "pixmix", "train": "pixmix.train"}
ARROWS = {
    "mixset": set(),
    "generate": {"mixset"},
    "pixmix": {"mixset"},
    "train": {"pixmix", "mixset", "generate"},
}
AGAINST_THE_ARROWS = {
    # A run's network is what users of pixmix want of a training, and `pixmix` is the package they know. The stub names
    # it, so nothing of pixmix.train is imported until somebody asks for `pixmix.load`; no module of pixmix does.
    ("pixmix/__init__.pyi", "pixmix.train._evaluation.models"),
}
"""The one exception: (file, imported module)."""
WITHOUT_TORCH = ("mixset",)
"""Where torch may not be imported at all, not even within functions."""
ONE_HOME = {
    "sched_getaffinity": "mixset/_common/cores.py",
    "njit": "mixset/_common/kernels.py",
}
"""Names that one file alone may use: elsewhere its function serves."""

PUBLIC = {
    "mixset",
    "mixset.generate",
    "pixmix",
    "pixmix.corruptions",
    "pixmix.measures",
    "pixmix.methods",
    "pixmix.readers",
    "pixmix.scores",
    "pixmix.train",
}
"""The packages that users import from; every other module is private by its name."""
NAMESAKES = 3
"""How many modules may share a name: beyond that it tells a reader nothing."""


def folder_of(module: str) -> str | None:
    """The folder a module lives in, by the longest import name that it begins with."""
    for folder, name in sorted(FOLDERS.items(), key=lambda pair: -len(pair[1])):
        if module == name or module.startswith(f"{name}."):
            return folder
    return None


def files(root: Path) -> list[Path]:
    """Every source file of the packages."""
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))


def stubs(root: Path) -> list[Path]:
    """The stubs that say what a package exports."""
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("__init__.pyi"))


@functools.cache
def parsed(text: str) -> ast.Module:
    """The tree of a source, which several laws look at and none changes."""
    return ast.parse(text)


def module_of(path: Path) -> str:
    """The import name of a source file whose path is relative to the tree."""
    folder, *parts = path.with_suffix("").parts
    return ".".join((FOLDERS[folder], *(part for part in parts if part != "__init__")))


def absolute(path: Path, module: str, level: int) -> str:
    """The import name of what a file, its path relative to the tree, imports relatively."""
    parts = module_of(path).split(".")
    package = parts if path.stem == "__init__" else parts[:-1]
    return ".".join([*package[: len(package) - level + 1], *filter(None, [module])])


def imported(tree: ast.AST) -> list[tuple[int, str, int]]:
    """(line, module, level) of every import statement, those inside functions and type checks included."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found.append((node.lineno, module, node.level))
            if not node.level:
                # `from pixmix import train` names a folder, too.
                found += [
                    (node.lineno, f"{module}.{alias.name}", 0)
                    for alias in node.names
                    if f"{module}.{alias.name}" in FOLDERS.values()
                ]
    return found


def wrong_imports(root: Path) -> list[str]:
    """Imports run along the arrows, are relative inside a folder, and the store is free of torch."""
    found = []
    for path in [*files(root), *stubs(root)]:
        here = path.relative_to(root)
        home, *inside = here.parts
        for line, module, level in imported(parsed(path.read_text())):
            where = f"{path.relative_to(root)}:{line} imports {'.' * level}{module}"
            target = folder_of(module)
            if level > len(inside):
                found.append(f"{where}: a relative import leaves its folder")
            elif level:
                name = absolute(here, module, level)
                if folder_of(name) not in {home, *ARROWS[home]} and (here.as_posix(), name) not in AGAINST_THE_ARROWS:
                    found.append(f"{where}: against the arrows")
            if level:
                continue
            if target == home:
                found.append(f"{where}: inside a folder imports are relative")
            elif target is not None and target not in ARROWS[home]:
                found.append(f"{where}: against the arrows")
            if home in WITHOUT_TORCH and module.split(".")[0] in ("torch", "torchvision"):
                found.append(f"{where}: {home} is free of torch")
    return found


def strangers(root: Path) -> list[str]:
    """What one file does for all is done by no other."""
    found = []
    for path in files(root):
        here = path.relative_to(root).as_posix()
        for node in ast.walk(parsed(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if isinstance(node, ast.alias):
                name = node.name
            if ONE_HOME.get(name, here) != here:
                found.append(f"{here} uses {name}: {ONE_HOME[name]} has a function for it")
    return found


def open_doors(root: Path) -> list[str]:
    """Modules whose name is public and that are no public package."""
    told = []
    for path in files(root):
        name = module_of(path.relative_to(root)).removesuffix(".__main__")
        package = path.stem in ("__init__", "__main__")
        if not (package and name in PUBLIC) and not any(part.startswith("_") for part in name.split(".")):
            told.append(f"{path.relative_to(root)}: {name} is neither private by its name nor a public package")
    return told


def namesakes(root: Path) -> list[str]:
    """Names that too many modules have."""
    homes: dict[str, list[str]] = {}
    for path in files(root):
        if path.stem not in ("__init__", "__main__"):
            homes.setdefault(path.stem.lstrip("_"), []).append(path.relative_to(root).as_posix())
    return [
        f"{name} is the name of {len(paths)} modules: {', '.join(paths)}"
        for name, paths in homes.items()
        if len(paths) > NAMESAKES
    ]


def false_exports(root: Path) -> list[str]:
    """Names that a package's stub, from which its `__all__` is made, exports without their home defining them."""
    told = []
    for stub in stubs(root):
        for node in parsed(stub.read_text()).body:
            where = f"{stub.relative_to(root)}:{node.lineno}"
            if not isinstance(node, ast.ImportFrom) or node.level != 1:
                told.append(f"{where}: a stub has nothing but `from .home import name as name`")
                continue
            name = absolute(stub.relative_to(root), node.module or "", node.level)
            folder = folder_of(name) or ""
            home = (root / folder).joinpath(*name.removeprefix(FOLDERS[folder]).strip(".").split("."))
            source = home.with_suffix(".py") if home.with_suffix(".py").is_file() else home / "__init__.py"
            defined = _defined(parsed(source.read_text())) if source.is_file() else set()
            told += [
                f"{where}: exports {alias.name}, which {node.module} does not define"
                for alias in node.names
                if alias.name not in defined or alias.asname != alias.name
            ]
    return told


def _defined(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "lucent": "torch-lucent",
    "sklearn": "scikit-learn",
}
"""What an import name is installed as where the two differ by more than a hyphen."""


def distributions(root: Path) -> dict[str, str]:
    """The distributions whose packages are imported, each with a place that does."""
    places: dict[str, str] = {}
    for path in files(root):
        for line, module, level in imported(parsed(path.read_text())):
            package = module.split(".")[0]
            if not level and package not in sys.stdlib_module_names and package not in ("mixset", "pixmix"):
                name = DISTRIBUTIONS.get(package, package).replace("_", "-").lower()
                places.setdefault(name, f"{path.relative_to(root)}:{line}")
    return places


def heavy_imports(
    steps: Sequence[tuple[Sequence[str], Sequence[str]]], root: Path | None = None
) -> list[tuple[int, str]]:
    """Which of the forbidden packages importing some modules imports, with the number of the step that finds them.

    Args:
        steps: modules and what is forbidden once they are imported, one step after the other in one process.
        root: where the packages are imported from; default: where they are installed.
    """
    code = (
        "import importlib, sys\n"
        f"for step, (names, forbidden) in enumerate({[(list(names), list(others)) for names, others in steps]}):\n"
        "    for name in names: importlib.import_module(name)\n"
        "    for other in sorted({*forbidden} & {*sys.modules}): print(step, other)"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)} if root is not None else None
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=root
    )
    assert done.returncode == 0, done.stderr
    return [(int(step), name) for step, name in map(str.split, done.stdout.splitlines())]
