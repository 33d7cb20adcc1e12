"""Trainings by two processes, of which one is killed again and again and started anew by torchrun; as a program, with
tests/shared in PYTHONPATH:

    python tests/train/restarts.py FOLDER SCRATCH KILLS SEED NODES

FOLDER is an image-folder data set. On one node rank 0 and rank 1 are killed in turn. Two nodes have a torchrun and a
rank each, and meet at a port of this machine; there rank 0, rank 1 and the torchrun of the second node, which is then
started again, are killed in turn. Prints one line of JSON: the seconds from each kill to the first checkpoint after the
restart, and whether the run ended with the weights of one that was let alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import torch
from processes_alive import wait_for

from pixmix.train._runs.checkpoints import list_checkpoints, read_weights

QUICK = ("--recipe", "quick", "--network", "wrn-10-1", "--batch-size", "8", "--threads", "1", "--workers", "1")
HANG = 120.0
"""Seconds within which a run is started again, or hangs."""


class Job:
    """A training under one torchrun or two, in a folder."""

    def __init__(self, data: Path, out: Path, *, nodes: int, kills: int) -> None:
        self.out, self.nodes = out, nodes
        with socket.create_server(("localhost", 0)) as free:
            self.port = free.getsockname()[1]
        words = [sys.executable, "-m", "torch.distributed.run", "--max-restarts", str(kills)]
        if nodes == 1:
            words += ["--standalone", "--nproc-per-node", "2"]
        else:
            words += ["--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-id", "restarts"]
            words += ["--rdzv-endpoint", f"localhost:{self.port}"]  # node 0's, by is_host
        words += ["-m", "pixmix.train", f"folder:{data}", *QUICK, "--epochs", str(20 + 8 * kills)]
        self.words = [*words, "--checkpoint-every", "2", "--suite", "clean", "--out", str(out)]
        self.torchruns = [self.start(node) for node in range(nodes)]

    def start(self, node: int) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if self.nodes > 1:
            environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
        with self.out.with_suffix(f".{node}.log").open("ab") as log:
            host = ["--rdzv-conf", f"is_host={node == 0}"] if self.nodes > 1 else []
            words = [*self.words[:3], *host, *self.words[3:], "--resume"]
            return subprocess.Popen(words, stdout=log, stderr=log, env=environment)

    def rank(self, number: int) -> int | None:
        """The process of a rank: a child of a torchrun."""
        parents = {str(each.pid) for each in self.torchruns}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                told = (path / "environ").read_bytes().split(b"\0")
                parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
                if parent in parents and f"RANK={number}".encode() in told:
                    return int(path.name)
        return None

    def kill(self, what: str) -> None:
        """Kill `rank N`, or `node N`, which is then started again; wait until the rank is there again."""
        kind, number = what.split()[0], int(what.split()[1])
        before = wait_for(lambda: self.rank(number))
        if kind == "rank":
            os.kill(before, signal.SIGKILL)
        else:
            self.torchruns[number].kill()
            self.torchruns[number].wait()
            self.torchruns[number] = self.start(number)
        wait_for(lambda: self.rank(number) not in (None, before), HANG)

    def further(self, than: set[Path]) -> None:
        """Wait for a checkpoint that was not there."""

        def there() -> bool:
            assert all(each.poll() in (None, 0) for each in self.torchruns), f"ended: see {self.out}.*.log"
            return bool({*list_checkpoints(self.out)} - than)

        wait_for(there, HANG)

    def end(self) -> list[int]:
        return [each.wait(10 * HANG) for each in self.torchruns]


def restarts(data: Path, scratch: Path, kills: int, seed: int, nodes: int) -> dict[str, object]:
    chance = random.Random(seed)
    whole = Job(data, scratch / "whole", nodes=nodes, kills=kills)
    assert whole.end() == [0] * nodes
    job = Job(data, scratch / "killed", nodes=nodes, kills=kills)
    taken: list[tuple[str, float]] = []
    kinds = ["rank 0", "rank 1"] if nodes == 1 else ["rank 0", "rank 1", "node 1"]
    known: set[Path] = set()
    for number in range(kills):
        job.further(known)
        time.sleep(chance.uniform(0, 0.5))
        begun, kind = time.monotonic(), kinds[number % len(kinds)]
        job.kill(kind)
        known = {*list_checkpoints(job.out)}
        job.further(known)
        taken.append((kind, round(time.monotonic() - begun, 1)))
        print(*taken[-1], file=sys.stderr)
    codes = job.end()
    one, other = (read_weights(scratch / name / "weights.safetensors") for name in ("whole", "killed"))
    return {
        "codes": codes,
        "seconds": taken,
        "equal": all(torch.equal(value, other[name]) for name, value in one.items()),
    }


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[3:]]
    print(json.dumps(restarts(Path(sys.argv[1]), Path(sys.argv[2]), *arguments)))
