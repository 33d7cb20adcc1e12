"""What every command shares: errors as one line with an exit code, and progress with rate and time left."""

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


class _Shown(io.TextIOBase):
    """A stream to a terminal through which no control sequence passes: a file's text could hold some."""

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
    """The stream without the filter of `run_command`, for control sequences of our own."""
    return stream.stream if isinstance(stream, _Shown) else stream


PLAINER = {
    **dict.fromkeys("\u00a0\u2009\u202f", " "),
    **dict.fromkeys("–—−─━", "-"),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("’‘", "'"),
    **dict.fromkeys("“”", '"'),
    **{"±": "+/-", "×": "x", "·": ".", "…": "...", "↓": "v", "↑": "^", "→": "->", "∞": "inf", "²": "^2"},
    **{"β": "beta", "α": "alpha", "ε": "eps", "σ": "sigma", "ℓ": "l", "\u0304": "-bar"},
}
"""What stands for a character of ours where a terminal's encoding lacks it."""


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    shown = (PLAINER.get(char, char.encode("ascii", "backslashreplace").decode()) for char in lacking)
    return "".join(shown), error.end


PLAIN = "pixmix-plain"
"""The name of the handler for what an encoding lacks: readable where we know how, else escaped."""
codecs.register_error(PLAIN, _plainer)


def say(line: str) -> None:
    """Print a line that stays one: a path in it may hold line breaks, which are escaped."""
    print(printable(line))


def displayable(text: str, stream: TextIO) -> str:
    """`text` as the stream's encoding can show it, for who must know how wide it will be."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, PLAIN).decode(encoding)


@contextlib.contextmanager
def _shown() -> Iterator[None]:
    """Show on stdout and stderr what prints, and the rest escaped, whatever the terminal's encoding."""
    before = sys.stdout, sys.stderr
    with contextlib.ExitStack() as stack:
        # Where the caller closed one (>&-), what is opened next would get its number, and be written to as a terminal.
        streams = [stream or stack.enter_context(open(os.devnull, "w")) for stream in before]
        for stream in streams:
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=PLAIN)
        sys.stdout, sys.stderr = (_Shown(plain_stream(stream)) for stream in streams)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def run_command(main: Callable[[], object]) -> None:
    """Run a command to its exit code: 0, 2 for what the user can put right, 130 for Ctrl-C, 143 for SIGTERM.

    A full disk counts as bad input: the line says which file could not be written.
    """
    with _shown(), _ended_by_sigterm():
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
            # The reader of a pipe (head, less) has what it wanted; keep Python from complaining at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            if error.errno not in _USERS_OWN:
                raise
            where = f" {error.filename}" if error.filename else ""
            if error.errno == errno.ENAMETOOLONG:
                _exit(f"error:{where}: {error.strerror}; give a shorter one", 2)
            advice = "free space or choose another place, then run it again"
            _exit(f"error: cannot write{where}: {error.strerror}; {advice}", 2)


_KEPT = "finished work is kept; the same command (of `pixmix train`, with --resume) resumes it"


class _Terminated(BaseException):
    """SIGTERM, which ends a command as Ctrl-C does: its workers and the commands it runs end with it."""


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Raise `_Terminated` at SIGTERM, where that would end the process at once and leave what it started behind.

    A rank of several is ended at once: the others are waiting for it where Python gets no signal.
    """

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut short what ends the workers
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
    """InputError where it was removed: relative paths mean nothing there, and torch's libraries abort."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise InputError("the working folder has been removed; change to one that exists") from None


_USERS_OWN = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.ENAMETOOLONG}
"""What the system refuses for a reason that the user can remove."""


def _exit(line: str, code: int) -> None:
    print(line, file=sys.stderr)
    sys.exit(code)


class Progress:
    """Counts finished work and shows share, rate and time left on stderr.

    On a terminal one line is redrawn; elsewhere (a log file, CI) a line is printed every `every` seconds.

    Args:
        total: how many units the work has.
        what: the unit's name in the plural, for example "images".
        done: units finished before this run started; they do not count into the rate.
        every: seconds between lines where stderr is no terminal.
    """

    def __init__(self, total: int, what: str, *, done: int = 0, every: float = 10.0, quiet: bool = False) -> None:
        self.total, self.what, self.done, self.first = total, what, done, done
        self.every, self.quiet = every, quiet
        self.start = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        if self.terminal:
            self._show()  # what takes a minute to begin shows that it has begun
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._show(last=True)
        elif self.terminal and not self.quiet:
            print(file=sys.stderr)  # what stopped the work gets a line of its own

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more units; `note` is shown behind the line until the next one."""
        self.done += count
        if time.monotonic() - self.shown >= (0.2 if self.terminal else self.every):
            self._show(note)

    def say(self, line: str) -> None:
        """Print a line of its own above the progress."""
        if not self.quiet:
            self._print(line, "\n")

    def _show(self, note: str = "", *, last: bool = False) -> None:
        if self.quiet:
            return
        self.shown = time.monotonic()
        spent = self.shown - self.start
        rate = (self.done - self.first) / max(spent, 1e-9)
        line = f"{self.done:,}/{self.total:,} {self.what}"
        if self.done == self.first:
            line += ", all there already" if last else ""
        else:
            line += f", {_rate(rate)}"
        if last:
            line += f", {duration(spent)}"
        elif rate > 0:
            line += f", {duration((self.total - self.done) / rate)} left"
        if note:
            line += f"  {note}"
        self._print(line, "\n" if last or not self.terminal else "")

    def _print(self, line: str, end: str) -> None:
        start = "\r\x1b[K" if self.terminal else ""
        print(start + printable(line), end=end, file=plain_stream(sys.stderr), flush=True)


def _rate(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 0.1 else f"{rate * 60:.1f}/min"


def duration(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
