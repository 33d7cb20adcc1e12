"""The tasks of a table as processes: side by side on the devices, each done once, whoever else works in the folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mixset._common.cores import usable_cores
from mixset._common.errors import InputError, reading
from mixset._common.files import write_file
from mixset._common.posix import fcntl
from mixset._common.progress import Progress

from .._runs.records import TEXTS, check, read_json
from .plan import Plan, Task

PROGRAMS = {"pixmix": "pixmix.train._command.cli", "mixset": "mixset.generate._command.cli"}
KINDS = ("sets", "runs", "suites", "measures")
"""In the order in which tasks that could start do: what others wait for comes first."""
LONGEST = 60
"""Seconds that processes have to write a checkpoint when they are stopped."""
EVERY = 0.2
"""Seconds from one look at the processes to the next."""


def is_done(task: Task, root: Path) -> bool:
    """Whether all that the task makes is there.

    Raises:
        InputError: the folder holds it, made with other settings.
    """
    found = _marked(task, root)
    for part, settings in task.parts.items():
        if part in found and found[part] != list(settings):
            before, now = shlex.join(found[part]), shlex.join(settings)
            raise InputError(
                f"{root}: holds {task.name} made with `{before}`, not `{now}`; give the same settings or another `out`"
            )
    return task.parts.keys() <= found.keys() and task.result.exists()


def log_of(task: str, root: Path) -> Path:
    """Where the output of a task lies."""
    return root / "logs" / f"{task.replace('/', '-')}.log"


def seconds_of(task: str, root: Path) -> float:
    """How long the processes of a task took, those that were stopped or failed included; 0 where none was started."""
    if not log_of(task, root).exists():
        return 0.0
    with open(log_of(task, root), encoding="utf-8", errors="replace") as log:
        ended = (re.fullmatch(r"\$ ended with code -?\d+ after (\d+\.\d) s", line.strip()) for line in log)
        return round(sum(float(found[1]) for found in ended if found), 1)


def carry_out(plan: Plan, wanted: Sequence[str], root: Path, devices: Sequence[str]) -> dict[str, str]:
    """Do the tasks called `wanted` and all that they need; return what failed, and why.

    Another process that works in the same folder does each task at most once, too: a task is locked while it runs, and
    the lock is its process's, which ends when this one does, killed or not.
    """
    tasks: dict[str, Task] = {}
    for name in wanted:
        tasks |= {task.name: task for task in plan.needed(name)}
    for task in tasks.values():
        is_done(task, root)  # settings that do not fit are told before hours of work
    return _Runner(list(tasks.values()), root, devices).run()


@dataclass(frozen=True)
class _Slot:
    """A place for one process at a time."""

    device: str
    workers: int
    """Processes of what is made on the CPU."""
    makes: bool = True
    """Whether it takes what needs no device: sets and suites."""
    trains: bool = True
    """Whether it takes what works on a device."""


def _slots(devices: Sequence[str]) -> list[_Slot]:
    cores = usable_cores()
    if all(device == "cpu" for device in devices):
        return [_Slot(device, max(1, cores // len(devices))) for device in devices]
    # Sets and suites are made while the GPUs train.
    making = _Slot("cpu", max(1, cores - len(devices)), trains=False)
    return [*(_Slot(device, 1, makes=False) for device in devices), making]


@dataclass
class _Running:
    task: Task
    process: subprocess.Popen[bytes]
    lock: int
    start: float


class _Runner:
    def __init__(self, tasks: Sequence[Task], root: Path, devices: Sequence[str]) -> None:
        self.tasks, self.root = sorted(tasks, key=lambda task: KINDS.index(task.name.partition("/")[0])), root
        self.slots = _slots(devices)
        self.running: dict[int, _Running] = {}
        self.failed: dict[str, str] = {}
        self.waiting: set[str] = set()
        """Tasks that another process is at."""

    def run(self) -> dict[str, str]:
        left = [task for task in self.tasks if not is_done(task, self.root)]
        status = Progress(len(self.tasks), "tasks", initial=len(self.tasks) - len(left), every=60.0)
        try:
            while left or self.running:
                for task in list(left):
                    if self._settled(task, status) or self._start(task, status):
                        left.remove(task)
                self._collect(status)
                status.advance(0, self._note())
                time.sleep(EVERY)
        finally:
            self._stop()
        return self.failed

    def _settled(self, task: Task, status: Progress) -> bool:
        """Whether a task needs no more: it is done, by another process, or cannot be."""
        lacking = next((need for need in task.needs if need in self.failed), None)
        if lacking is not None:
            self.failed[task.name] = f"needs {lacking}, which failed"
            status.say(f"{task.name}: needs {lacking}, which failed")
            status.advance()
            return True
        if task.name in self.waiting and is_done(task, self.root):
            status.say(f"{task.name}: done by another process")
            status.advance()
            return True
        return False

    def _start(self, task: Task, status: Progress) -> bool:
        if not all(is_done(other, self.root) for other in self.tasks if other.name in task.needs):
            return False
        slot = self._slot(task)
        if slot is None or (lock := self._lock(task)) is None:
            return False
        if is_done(task, self.root):  # between the look and the lock
            os.close(lock)
            self.waiting.add(task.name)
            return False
        command, device = self._command(task, self.slots[slot]), self.slots[slot].device
        log = log_of(task.name, self.root)
        log.parent.mkdir(parents=True, exist_ok=True)
        watch = f"from mixset._common.children import end_with_parent; end_with_parent({os.getpid()})"
        program = f"{watch}; from {PROGRAMS[command[0]]} import main; main()"
        with open(log, "ab") as output:
            output.write(f"$ {shlex.join(command)}\n".encode())
            output.flush()
            process = subprocess.Popen(
                # -P: a folder here that is called pixmix, a run's for example, must not hide the package.
                [sys.executable, "-P", "-c", program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment(),
                pass_fds=(lock,),
            )
        self.running[slot] = _Running(task, process, lock, time.monotonic())
        status.say(f"{task.name}: started on {device}, log {log}")
        return True

    def _slot(self, task: Task) -> int | None:
        """A free place that takes the task."""
        for number, slot in enumerate(self.slots):
            if number not in self.running and (slot.trains if task.on_device else slot.makes):
                return number
        return None

    def _lock(self, task: Task) -> int | None:
        """The task's lock as a file descriptor; None while another process has it."""
        path = _state(task, self.root, "lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            self.waiting.add(task.name)
            return None
        return lock

    def _command(self, task: Task, slot: _Slot) -> list[str]:
        """The task's command with the device and the number of processes it may take."""
        made_by_workers = task.command[0] == "mixset" or task.command[1] == "corrupt"
        workers = ["--workers", str(slot.workers)] if made_by_workers else []
        where = "--devices" if task.command[0] == "mixset" else "--device"
        return [*task.command, *workers, *([where, slot.device] if task.on_device else [])]

    def _environment(self) -> dict[str, str]:
        """Each process gets its share of the cores, unless the user has said otherwise."""
        share = str(max(1, usable_cores() // len(self.slots)))
        return {"OMP_NUM_THREADS": share, "NUMBA_NUM_THREADS": share, "PYTHONUNBUFFERED": "1", **os.environ}

    def _collect(self, status: Progress) -> None:
        for slot, mine in list(self.running.items()):
            code = mine.process.poll()
            if code is None:
                continue
            del self.running[slot]
            name, minutes = mine.task.name, self._log_end(mine, code) / 60
            if code == 0 and mine.task.result.exists():
                _mark(mine.task, self.root)
                status.say(f"{name}: done in {minutes:.1f} min")
            else:
                reason = _last_line(log_of(name, self.root)) or f"exit code {code}"
                self.failed[name] = reason
                status.say(f"{name}: FAILED ({reason}), log {log_of(name, self.root)}")
            os.close(mine.lock)
            status.advance()

    def _note(self) -> str:
        """What each process said last."""
        said = (f"{one.task.name}: {_last_line(log_of(one.task.name, self.root))}" for one in self.running.values())
        return "; ".join(said)[: shutil.get_terminal_size((400, 24)).columns - 60]

    def _stop(self) -> None:
        for one in self.running.values():
            one.process.terminate()
        for one in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.process.wait(LONGEST)
            one.process.kill()
            self._log_end(one, one.process.wait())
            os.close(one.lock)

    def _log_end(self, one: _Running, code: int) -> float:
        """Write to the log how a process ended; the seconds that it took."""
        seconds = time.monotonic() - one.start
        with contextlib.suppress(OSError), open(log_of(one.task.name, self.root), "ab") as log:
            log.write(f"\n$ ended with code {code} after {seconds:.1f} s\n".encode())
        return seconds


def _state(task: Task, root: Path, kind: str) -> Path:
    return root / "state" / f"{task.name.replace('/', '-')}.{kind}"


def _marked(task: Task, root: Path) -> dict[str, list[str]]:
    """What was done under the task's name, and with which settings; empty where nothing was."""
    stamp = _state(task, root, "json")
    if not stamp.exists():
        return {}
    remedy = "take it away, and its work is looked at again"
    found = read_json(stamp, remedy)
    with reading(str(stamp), remedy):
        for part, settings in found.items():
            check(settings, TEXTS, part)
    return found


def _mark(task: Task, root: Path) -> None:
    """Write down that the task is done, beside what was done before under its name."""
    made = {part: list(settings) for part, settings in task.parts.items()}
    write_file(_state(task, root, "json"), (json.dumps(_marked(task, root) | made, indent=1) + "\n").encode())


def _last_line(log: Path) -> str:
    """The last line of a log that says something, the error's where there is one."""
    with open(log, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = list(_lines(file.read().decode(errors="replace")))
    return lines[-1] if lines else ""


def _lines(text: str) -> Iterator[str]:
    for line in text.replace("\r", "\n").splitlines():
        if line.strip() and not line.startswith("$ "):
            yield line.strip()[:200]
