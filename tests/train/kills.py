"""A training that is killed at random times in many ways and resumed, until it ends; as a program, with tests/shared
in PYTHONPATH:

    python tests/train/kills.py FOLDER SCRATCH KILLS SEED [KIND ...] [WAY ...]

FOLDER is an image-folder data set. Each run, in one of the ways, is started again after each kill, and has to end with
the weights, the log and the steps of one that was let alone. Processes are forked from one that has torch imported
already, so that a start takes no time; the ranks of two processes come from a launcher that, as torchrun does, ends
the others when one fails. Prints one line of JSON: how often each kind came, how many runs ended equal, hangs, orphans,
processes that crashed, and files that nobody will remove (`leftovers`).
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import json
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from processes_alive import session, wait_for

from mixset._common.errors import InputError
from pixmix.train._runs.checkpoints import list_checkpoints, read_weights
from pixmix.train._runs.config import TrainConfig, recipe
from pixmix.train._training.run import train

KINDS = {
    1: ("kill", "term", "usr1", "worker", "flip", "cut", "full"),
    2: ("rank 0", "rank 1", "launcher", "term", "usr1", "usr1 to one", "worker", "flip", "cut", "full"),
}
"""By the number of processes."""
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "averaged": {"workers": 2, "ema_decay": 0.9, "keep_best": True, "log_steps": True},
    "sizes": {"workers": 2, "size": 72, "sizes": (24, 40), "optimizer": "adamw", "lr": 0.01, "ema_decay": 0.5},
}
"""Settings of runs; the last one's images are read from their files."""
STACKS = signal.SIGUSR2
"""Makes a process write to the run's log what its threads do."""
CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}
HANG, TIMES = 60.0, 8.0
"""Seconds after which a run that should have ended counts as hanging; or so many times what one takes that is let
alone, where that is longer: the machine is busy."""
MOST = 10
"""Kills of one run, which is then let alone, so that enough runs end to be compared."""
ORPHAN = 5.0
"""Seconds after which a process that is left counts as an orphan."""


def config(data: Path, out: Path, way: str) -> TrainConfig:
    settings = {**vars(recipe("quick")), "network": "wrn-10-1", "epochs": 8, "batch_size": 8, "workers": 1}
    settings |= {"threads": 1, "dropout": 0.3, "checkpoint_every": 2, "suite": ("clean",), "device": "cpu"}
    settings |= {"dataset": f"folder:{data}", "out": out, "resume": True, **WAYS[way]}
    return TrainConfig(**settings)


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


def no_space(after: int) -> None:
    """In this process the disk is full from the given number of files on."""
    sync, left = os.fsync, after

    def full(fd: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(fd)

    os.fsync = full


def attempt(data: Path, out: Path, way: str, world: int, full: int | None) -> int:
    """Start a run in a session of its own; the process id of the only process, or of the launcher."""

    def begin(rank: int = 0) -> None:
        if full is not None:
            no_space(full)
        if world > 1:
            os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="localhost")
            os.environ.update(TORCHELASTIC_RUN_ID="kills")
        train(config(data, out, way))

    def whole() -> None:
        os.setsid()
        log = os.open(out.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        faulthandler.enable(2)
        faulthandler.register(STACKS, 2)
        if world == 1:
            begin()
            return
        with socket.create_server(("localhost", 0)) as free:
            os.environ["MASTER_PORT"] = str(free.getsockname()[1])
        ranks = [fork(lambda rank=rank: begin(rank)) for rank in range(world)]
        (out.with_suffix(".ranks")).write_text(json.dumps(ranks))
        codes = []
        for _ in ranks:
            _, status = os.wait()
            codes.append(os.waitstatus_to_exitcode(status))
            if codes[-1]:
                for rank in ranks:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(rank, signal.SIGTERM)
        sys.exit(next((code if code > 0 else 1 for code in codes if code), 0))

    out.with_suffix(".ranks").unlink(missing_ok=True)
    return fork(whole)


def ended(process: int, seconds: float) -> int | None:
    """The exit code, negative of a signal; None where it goes on for longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


def damage(out: Path, kind: str, chance: random.Random) -> bool:
    """Flip a bit of the newest checkpoint, or cut it; there has to be one before it."""
    found = list_checkpoints(out)
    if len(found) < 2 or (out / "metrics.json").exists():
        return False
    content = bytearray(found[0].read_bytes())
    place = chance.randrange(len(content))
    if kind == "flip":
        content[place] ^= 1 << chance.randrange(8)
    else:
        del content[place:]
    found[0].write_bytes(content)
    return True


def strike(process: int, out: Path, kind: str, world: int) -> None:
    ranks = [process]
    if world > 1:
        ranks = json.loads(wait_for(lambda: (path := out.with_suffix(".ranks")).exists() and path.read_text()))
    number = {"term": signal.SIGTERM, "usr1": signal.SIGUSR1, "usr1 to one": signal.SIGUSR1}.get(kind, signal.SIGKILL)
    if kind in ("term", "usr1"):
        targets = session(process)  # as a system that stops a job does: loader workers, too
        targets = [each for each in targets if world == 1 or each != process]
    elif kind == "worker":
        targets = [each for each in session(process) if each not in (process, *ranks)][:1]
    else:
        targets = {"launcher": [process], "rank 0": ranks[:1], "rank 1": ranks[1:], "usr1 to one": ranks[1:]}.get(
            kind, ranks
        )
    for target in targets:
        with contextlib.suppress(ProcessLookupError):
            os.kill(target, number)


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended with equal weights, steps, and logs but for times."""
    for name in ("weights.safetensors", "best.safetensors"):
        if (one / name).exists():
            first, second = (read_weights(run / name) for run in (one, other))
            if not all(torch.equal(value, second[key]) for key, value in first.items()):
                return False
    logs = [[json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()] for run in (one, other)]
    for entry in [*logs[0], *logs[1]]:
        del entry["seconds"], entry["waited_share"]
    steps = [(run / "steps.csv").read_text() if (run / "steps.csv").exists() else "" for run in (one, other)]
    return logs[0] == logs[1] and steps[0] == steps[1]


def leftovers(out: Path, temporary: Path) -> list[str]:
    """What a run has left in its folder and in that of temporary files."""
    return [str(path) for path in (*out.rglob("*.partial"), *temporary.iterdir())]


def whole(data: Path, scratch: Path, way: str, world: int) -> tuple[Path, float]:
    """A run that is let alone, and how long it takes."""
    begun, out = time.monotonic(), scratch / f"whole-{world}-{way}"
    assert ended(attempt(data, out, way, world, None), TIMES * HANG) == 0, f"see {out.with_suffix('.log')}"
    return out, time.monotonic() - begun


def end_with_stacks(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, STACKS)
        time.sleep(1)
        os.kill(process, signal.SIGKILL)


def clear(process: int, counts: Counter[str]) -> None:
    """Wait for the processes of a session to end, and end those that do not."""
    limit = time.monotonic() + ORPHAN
    while session(process) and time.monotonic() < limit:
        time.sleep(0.02)
    for orphan in session(process):
        counts["orphans"] += 1
        end_with_stacks(orphan)


def once(
    start: Callable[[int | None], int],
    out: Path,
    kind: str,
    world: int,
    seconds: float,
    chance: random.Random,
    counts: Counter[str],
) -> int | None:
    """One start of a run, ended in a way; its exit code."""
    limit = max(HANG, TIMES * seconds)
    process = start(chance.randrange(1, 9) if kind == "full" else None)
    code = ended(process, limit if kind in ("none", "full") else chance.uniform(0.0, 0.8) * seconds)
    if code is None and kind not in ("none", "full"):
        strike(process, out, kind, world)
        code = ended(process, limit)
    if code is None:
        counts["hangs"] += 1
        for each in session(process):
            end_with_stacks(each)
        ended(process, HANG)
    clear(process, counts)
    return code


def kill_at_random(data: Path, scratch: Path, kills: int, seed: int, words: list[str]) -> dict[str, object]:
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    ways = [way for way in WAYS if way in words] or [*WAYS]
    kinds = {
        world: [kind for kind in known if kind in words] if not set(words) <= {*WAYS} else known
        for world, known in KINDS.items()
    }
    worlds = [world for world in KINDS if kinds[world]]
    wholes = {(world, way): whole(data, scratch, way, world) for world in worlds for way in ways}
    left = kills
    while left > 0:
        world, way = chance.choice(worlds), chance.choice(ways)
        let_alone, seconds = wholes[world, way]
        out = scratch / f"killed-{world}"
        shutil.rmtree(out, ignore_errors=True)
        last = max(left - MOST, 0)
        while True:
            kind = chance.choice(kinds[world]) if left > last else "none"
            code = once(partial(attempt, data, out, way, world), out, kind, world, seconds, chance, counts)
            print(f"{world} {way}: {kind}, code {code}", file=sys.stderr)
            if code in CRASHES:
                counts["crashes"] += 1
            if code == 0:
                break
            left -= 1
            counts[f"{world}: {kind}"] += 1
            counts[f"code {code}"] += 1
            if kind in ("flip", "cut"):
                counts["damaged"] += damage(out, kind, chance)
        counts["runs"] += 1
        counts[f"runs {way}"] += 1
        counts["equal"] += same(let_alone, out)
        if left_over := leftovers(out, scratch / "temporary"):
            print(*left_over, sep="\n", file=sys.stderr)
            counts["leftovers"] += len(left_over)
        print(f"runs {counts['runs']}, equal {counts['equal']}", file=sys.stderr)
    return {**counts, "kills": kills - left}


if __name__ == "__main__":
    temporary = Path(sys.argv[2]) / "temporary"
    temporary.mkdir(parents=True)
    os.environ.update(TMPDIR=str(temporary), TORCHINDUCTOR_CACHE_DIR=str(temporary.parent / "inductor"))
    found = kill_at_random(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
    print(json.dumps(found))
