"""The page as HTML: sections, their table of contents, figures, tables of numbers, the legend of runs."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from .svg import Panel, style_of


@dataclass(frozen=True)
class Section:
    """A part of the page with a line in its table of contents; without a body it is left out."""

    anchor: str
    title: str
    body: str


def page(title: str, lead: str, names: Sequence[str], sections: Iterable[Section]) -> str:
    """The whole page: what it is about, the legend of its runs, contents and sections.

    Args:
        lead: HTML below the title.
        names: of the runs, in the order of their colours.
    """
    shown = [section for section in sections if section.body]
    links = "".join(f'<a href="#{section.anchor}">{section.title}</a>' for section in shown)
    bodies = "\n".join(
        f'<section id="{section.anchor}">\n<h2>{section.title}</h2>\n{section.body}\n</section>' for section in shown
    )
    style = (files(__package__) / "style.css").read_text()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n'
        f"<header>\n<h1>{escape(title)}</h1>\n{lead}\n"
        f'<nav aria-label="Contents">{links}</nav>\n</header>\n{_legend(names)}<main>\n{bodies}\n</main>\n'
        "</body>\n</html>\n"
    )


def paragraph(text: str) -> str:
    """Words of ours, as HTML."""
    return f"<p>{text}</p>\n"


def panels(drawn: Iterable[Panel], caption: str = "", *, style: str = "") -> str:
    """Plots side by side, as many as fit, and a caption in HTML below them; style "four" or "many" for smaller ones."""
    plots = "\n".join(panel.svg() for panel in drawn)
    words = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure><div class="panels {style}">\n{plots}\n</div>{words}</figure>\n'


def image(kind: str, content: bytes, size: tuple[int, int], caption: str, words: str) -> str:
    """An image within the page: its MIME type and bytes, (width, height), a caption in HTML, and it in plain words."""
    data = base64.b64encode(content).decode()
    return (
        f'<figure><img alt="{escape(words)}" width="{size[0]}" height="{size[1]}" src="data:{kind};base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )


def details(summary: str, body: str, *, opened: bool = False) -> str:
    """A part that can be folded; its summary is HTML."""
    return f"<details{' open' if opened else ''}><summary>{summary}</summary>\n{body}</details>\n"


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *, style: str = "") -> str:
    """A table of cells (`td` elements) with a heading for each row; heads are HTML, the first that of the rows."""
    first, *others = head
    heads = f'<th scope="col">{first}</th>' + "".join(f'<th scope="col">{name}</th>' for name in others)
    body = "\n".join(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>' for name, cells in rows)
    return (
        f'<div class="wide" tabindex="0"><table class="{style}"><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>\n"
    )


def numbers(head: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]], *, decimals: int = 1) -> str:
    """A table whose cells are the fuller of colour the larger their value is; its names are plain text."""
    known = [value for _, values in rows for value in values if value is not None and math.isfinite(value)]
    highest = max(known, default=0.0) or 1.0

    def cell(value: float | None) -> str:
        if value is None or not math.isfinite(value):
            return '<td class="none">–</td>'
        return f'<td style="--v:{100 * max(value, 0) / highest:.0f}%">{value:.{decimals}f}</td>'

    named = [(escape(name), [cell(value) for value in values]) for name, values in rows]
    return table([escape(name) for name in head], named, style="heat")


def names_of(names: Sequence[str]) -> str:
    """Names of runs in a sentence, as HTML."""
    return ", ".join(f"<b>{escape(name)}</b>" for name in names)


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    keys = "".join(
        f'<li><svg class="key" viewBox="0 0 26 10" aria-hidden="true"><path class="line {style_of(index)}" '
        f'd="M1 5H25"/></svg>{escape(name)}</li>'
        for index, name in enumerate(names)
    )
    return f'<ul class="legend" aria-label="Colours of the runs" tabindex="0">{keys}</ul>\n'
