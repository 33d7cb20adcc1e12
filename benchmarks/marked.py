"""Parts of a page that are rendered: what stands between two marks."""

from __future__ import annotations

from mixset._common.errors import InputError


def replaced(page: str, text: str, marks: tuple[str, str], body: str) -> str:
    """A page's text with `body` between its marks.

    Raises:
        InputError: the page lacks one of them.
    """
    begin, end = marks
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise InputError(f"{page}: lacks {begin} and {end}; put them where the results are to stand")
    return f"{before}{begin}\n\n{body}\n{end}{after}"
