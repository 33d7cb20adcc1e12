"""The law of import circles: no module imports itself by way of others."""

from __future__ import annotations

import ast
from pathlib import Path

import laws


def import_circles(root: Path) -> list[str]:
    """Circles of imports, those in functions and under TYPE_CHECKING included: a line for each, disjoint ones only.

    Stubs are left out: the names that a package exports are looked up when they are asked for.
    """
    graph = _graph(root)
    told = []
    while circle := _circle(graph):
        told.append(f"imports go round in a circle: {' → '.join([*circle, circle[0]])}")
        graph = {name: targets - {*circle} for name, targets in graph.items() if name not in circle}
    return told


def _graph(root: Path) -> dict[str, set[str]]:
    """Which modules each module imports."""
    modules = {laws.module_of(path.relative_to(root)): path for path in laws.files(root)}
    graph = {}
    for name, path in modules.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                home = node.module or ""
                if node.level:
                    home = laws.absolute(path.relative_to(root), home, node.level)
                # `from . import loop` names a module of the package rather than something in it.
                named |= {each if (each := f"{home}.{alias.name}") in modules else home for alias in node.names}
        graph[name] = named & {*modules}
    return graph


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, in the order of their imports, the alphabet's first one first; [] if there is none."""
    left = dict(graph)
    while ends := [name for name, targets in left.items() if not targets & {*left}]:
        for name in ends:
            del left[name]
    if not left:
        return []
    # Each that is left imports another that is left, so that a walk comes back to where it was.
    walk = [min(left)]
    while (following := min(left[walk[-1]] & {*left})) not in walk:
        walk.append(following)
    circle = walk[walk.index(following) :]
    first = circle.index(min(circle))
    return [*circle[first:], *circle[:first]]
