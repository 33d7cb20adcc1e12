"""Sphinx makes the documentation's site of these Markdown files and the docstrings: `make docs`."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.pycode import ModuleAnalyzer

project = "pixmix"
author = copyright = "The pixmix developers"
version = release = installed_version("pixmix")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["images"]

# The pages are Markdown as a forge shows it: headings are anchors, $...$ is a formula.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

default_role = "py:obj"  # docstrings put code into single backticks: a link where it is a name of ours
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}  # a page long when it is spelt out
autodoc_default_options = {"no-value": True}  # tables of functions
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

highlight_language = "none"  # blocks without a language are commands

html_theme = "furo"
html_title = f"pixmix {release}"
html_static_path = html_css_files = ["site.css"]
html_copy_source = False
html_math_renderer = "mathml"


def prepare_docstring(app: Sphinx, what: str, name: str, target: Any, options: Any, lines: list[str]) -> None:
    """Turn Google's sections into Sphinx's; those of fields are plain text, in which a colon is a colon.

    Data has its docstring below its definition, in the private module that the package's stub names.
    """
    if what == "data":
        package, _, data = name.rpartition(".")
        stub = ast.parse(Path(str(import_module(package).__file__)).with_suffix(".pyi").read_text())
        imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
        homes = {alias.name: node.module for node in imports for alias in node.names}
        lines[:] = ModuleAnalyzer.for_module(f"{package}.{homes[data]}").find_attr_docs()["", data]
    elif what not in ("attribute", "property"):
        lines[:] = GoogleDocstring(lines, Config(napoleon_use_rtype=False), app, what, name, target, options).lines()


def visit_formula(writer: Any, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which browsers show without a script from elsewhere."""
    writer.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", prepare_docstring)
    app.add_html_math_renderer("mathml", (visit_formula, None), (visit_formula, None))
