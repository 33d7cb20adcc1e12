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
from collections.abc import Callable, Iterator
from typing import TextIO

from .errors import InputError, printable
from .memory import keep_freed_memory
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
    **{"±": "+/-", "≈": "~", "×": "x", "·": ".", "…": "...", "↓": "v", "↑": "^", "→": "->", "∞": "inf", "²": "^2"},
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
    # OpenMP reads it as torch is imported. Threads that spin while they wait take the cores that other programs need:
    # on a machine with ten busy processes training fell to a thirtieth of its speed.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with _filtered_streams(), _sigterm_as_exception():
        try:
            check_platform()
            keep_freed_memory()
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
