"""Progress on stderr: count, rate and time left."""

from __future__ import annotations

import sys
import time

from .console import plain_stream
from .errors import printable


class Progress:
    """Counts finished work and shows count, rate and time left on stderr.

    On a terminal one line is redrawn; elsewhere (a log file, CI) a line is printed every `every` seconds. Rate and time
    left count from the first finished unit on: what comes before it, such as compiling kernels, happens once.

    Args:
        total: the number of units of work.
        what: the unit's name in the plural, for example "images".
        initial: units finished before this run; they do not count towards the rate.
        every: seconds between lines if stderr is not a terminal.
        quiet: print nothing.
        preparing: words shown until the first unit is finished, for example "compiling kernels (once)".
    """

    def __init__(
        self,
        total: int,
        what: str,
        *,
        initial: int = 0,
        every: float = 10.0,
        quiet: bool = False,
        preparing: str = "",
    ) -> None:
        self.total, self.what, self.count, self.initial = total, what, initial, initial
        self.every, self.quiet, self.preparing = every, quiet, preparing
        self.start = self.shown = time.monotonic()
        self.first: tuple[float, int] | None = None  # when the first units were finished, and the count then
        self.terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        if self.terminal or self.preparing:
            self._show(self.preparing)  # the first unit may take a minute
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._show(last=True)
        elif self.terminal and not self.quiet:
            print(file=sys.stderr)  # the error message gets a line of its own

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more finished units; `note` is appended to the line if it is redrawn now."""
        self.count += count
        self.first = self.first or (time.monotonic(), self.count)
        if time.monotonic() - self.shown >= (0.2 if self.terminal else self.every):
            self._show(note)

    def say(self, line: str) -> None:
        """Print a line above the progress line."""
        if not self.quiet:
            self._print(line, "\n")

    def _show(self, note: str = "", *, last: bool = False) -> None:
        if self.quiet:
            return
        self.shown = time.monotonic()
        elapsed = self.shown - self.start
        line = f"{self.count:,}/{self.total:,} {self.what}"
        if last and self.count == self.initial:
            line += ", all there already"
        if rate := self._rate(elapsed, last):
            line += f", {_per_second(rate)}"
        if last:
            line += f", {duration(elapsed)}"
        elif rate:
            line += f", {duration((self.total - self.count) / rate)} left"
        if note:
            line += f"  {note}"
        self._print(line, "\n" if last or not self.terminal else "")

    def _rate(self, elapsed: float, last: bool) -> float | None:
        """Units per second: of the whole run at its end, before that of what followed the first; None if unknown."""
        if last:
            return (self.count - self.initial) / max(elapsed, 1e-9) or None
        if self.first is None or self.count == self.first[1]:
            return None
        return (self.count - self.first[1]) / max(self.shown - self.first[0], 1e-9)

    def _print(self, line: str, end: str) -> None:
        start = "\r\x1b[K" if self.terminal else ""
        print(start + printable(line), end=end, file=plain_stream(sys.stderr), flush=True)


def _per_second(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 0.1 else f"{rate * 60:.1f}/min"


def duration(seconds: float) -> str:
    """A duration for people: `42 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
