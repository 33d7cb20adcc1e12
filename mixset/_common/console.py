"""Console output of the commands: one-line errors with exit codes, and progress with rate and time left."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from .errors import InputError, printable
from .platforms import check_platform


class _Filtered(io.TextIOBase):
    """A text stream that escapes control sequences, which text from a file could contain."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(printable(text, keep="\n\t"))
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding


def plain_stream(stream: TextIO) -> TextIO:
    """The stream below the filter of `run_command`, for control sequences of our own."""
    return stream.stream if isinstance(stream, _Filtered) else stream


PLAINER = {
    **dict.fromkeys("\u00a0\u2009\u202f", " "),
    **dict.fromkeys("–—−─━", "-"),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("’‘", "'"),
    **dict.fromkeys("“”", '"'),
    **{"±": "+/-", "×": "x", "·": ".", "…": "...", "↓": "v", "↑": "^", "→": "->", "∞": "inf", "²": "^2"},
    **{"β": "beta", "α": "alpha", "ε": "eps", "σ": "sigma", "ℓ": "l", "\u0304": "-bar"},
}
"""Replacements for the characters we print that a terminal's encoding may lack."""


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    replacements = (PLAINER.get(char, char.encode("ascii", "backslashreplace").decode()) for char in missing)
    return "".join(replacements), error.end


PLAIN = "pixmix-plain"
"""Name of the codec error handler that replaces what an encoding lacks by plain characters, or else escapes it."""
codecs.register_error(PLAIN, _plainer)


def say(line: str) -> None:
    """Print `line` as a single line: line breaks in it, for example from a path, are escaped."""
    print(printable(line))


def displayable(text: str, stream: TextIO) -> str:
    """`text` as it will appear in the stream's encoding, to measure its width."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, PLAIN).decode(encoding)


@contextlib.contextmanager
def _filtered_streams() -> Iterator[None]:
    """Escape on stdout and stderr whatever does not print or what the terminal's encoding lacks."""
    originals = sys.stdout, sys.stderr
    with contextlib.ExitStack() as stack:
        # If the caller closed a stream (>&-), the next file opened would get its descriptor and receive its output.
        streams = [stream or stack.enter_context(open(os.devnull, "w")) for stream in originals]
        for stream in streams:
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=PLAIN)
        sys.stdout, sys.stderr = (_Filtered(plain_stream(stream)) for stream in streams)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = originals


def run_command(main: Callable[[], object]) -> None:
    """Run a command and exit with its code: 0, 2 for an error the user can fix, 130 for Ctrl-C, 143 for SIGTERM.

    A full disk counts as such an error: the line says which file could not be written.
    """
    with _filtered_streams(), _sigterm_as_exception():
        try:
            check_platform()
            _check_working_folder()
            main()
            sys.stdout.flush()
        except InputError as error:
            _exit(f"error: {error}", 2)
        except KeyboardInterrupt:
            _exit(f"interrupted: {_KEPT}", 130)
        except _Terminated:
            _exit(f"terminated: {_KEPT}", 143)
        except BrokenPipeError:
            # The reader of the pipe (head, less) has closed it; keep Python from complaining at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            if error.errno not in _USER_ERRNOS:
                raise
            where = f" {error.filename}" if error.filename else ""
            if error.errno == errno.ENAMETOOLONG:
                _exit(f"error:{where}: {error.strerror}; give a shorter one", 2)
            advice = "free space or choose another folder, then run it again"
            _exit(f"error: cannot write{where}: {error.strerror}; {advice}", 2)


_KEPT = "finished work is kept; the same command (of `pixmix train`, with --resume) resumes it"


class _Terminated(BaseException):
    """SIGTERM was received; like Ctrl-C it ends a command together with its workers and the commands it runs."""


@contextlib.contextmanager
def _sigterm_as_exception() -> Iterator[None]:
    """Raise `_Terminated` on SIGTERM, so that child processes are ended, too.

    A process of a distributed run keeps the default and dies at once: the others are blocked in a collective call,
    where Python handles no signal.
    """

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second SIGTERM must not interrupt the clean-up
        raise _Terminated

    alone = os.environ.get("WORLD_SIZE", "1") == "1" and threading.current_thread() is threading.main_thread()
    if not alone or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _check_working_folder() -> None:
    """InputError if the working folder was removed: relative paths fail there, and torch's libraries abort."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise InputError("the working folder has been removed; change to one that exists") from None


_USER_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.ENAMETOOLONG}
"""Error numbers with a cause that the user can remove."""


def _exit(line: str, code: int) -> None:
    print(line, file=sys.stderr)
    sys.exit(code)


class Progress:
    """Counts finished work and shows count, rate and time left on stderr.

    On a terminal one line is redrawn; elsewhere (a log file, CI) a line is printed every `every` seconds.

    Args:
        total: the number of units of work.
        what: the unit's name in the plural, for example "images".
        initial: units finished before this run; they do not count towards the rate.
        every: seconds between lines if stderr is not a terminal.
        quiet: print nothing.
    """

    def __init__(self, total: int, what: str, *, initial: int = 0, every: float = 10.0, quiet: bool = False) -> None:
        self.total, self.what, self.count, self.initial = total, what, initial, initial
        self.every, self.quiet = every, quiet
        self.start = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        if self.terminal:
            self._show()  # the first unit may take a minute
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._show(last=True)
        elif self.terminal and not self.quiet:
            print(file=sys.stderr)  # the error message gets a line of its own

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more finished units; `note` is appended to the line if it is redrawn now."""
        self.count += count
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
        rate = (self.count - self.initial) / max(elapsed, 1e-9)
        line = f"{self.count:,}/{self.total:,} {self.what}"
        if self.count == self.initial:
            line += ", all there already" if last else ""
        else:
            line += f", {_rate(rate)}"
        if last:
            line += f", {duration(elapsed)}"
        elif rate > 0:
            line += f", {duration((self.total - self.count) / rate)} left"
        if note:
            line += f"  {note}"
        self._print(line, "\n" if last or not self.terminal else "")

    def _print(self, line: str, end: str) -> None:
        start = "\r\x1b[K" if self.terminal else ""
        print(start + printable(line), end=end, file=plain_stream(sys.stderr), flush=True)


def _rate(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 0.1 else f"{rate * 60:.1f}/min"


def duration(seconds: float) -> str:
    """A duration for people: `42 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
