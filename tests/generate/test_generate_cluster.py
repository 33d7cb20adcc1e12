"""Engines: shards from Dask's workers are the same bytes, whoever dies; and nobody is left behind."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import distributed
import pytest
from processes_alive import session, wait_for
from tiny_family import PLACED, TINY, PlacedRecipe, TinyRecipe

from mixset import InputError
from mixset._store import manifest
from mixset.generate import make
from mixset.generate._job import clusters, families
from mixset.generate._job.clusters import open_engine

COUNT = 50


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(families.FAMILIES, "tiny", TINY)
    monkeypatch.setitem(families.FAMILIES, "placed", PLACED)


def files(folder: Path) -> dict[str, str]:
    """The hash of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def reference(tmp_path: Path) -> dict[str, str]:
    return files(make(TinyRecipe(count=COUNT), tmp_path / "reference", workers=1, quiet=True))


CODE = """
from tiny_family import TINY
from mixset.generate._command import cli
from mixset.generate._job import families
families.FAMILIES["tiny"] = TINY
cli.main()
"""


@contextlib.contextmanager
def command(folder: Path, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`mixset make tiny --engine dask` in a session of its own, of which nobody is alive in the end."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            CODE,
            "make",
            "tiny",
            "--engine",
            "dask",
            "--workers",
            "2",
            *map(str, arguments),
            folder,
        ],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Who runs the tests in the background of a shell has them ignore Ctrl-C, and their children, too.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
        wait_for(lambda: not session(process.pid), 20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def worker_at_work(folder: Path) -> int:
    """The process id of one that makes a shard after the first."""
    wait_for(lambda: list(folder.glob("*.h5")))
    partial = wait_for(lambda: list(folder.glob("*.h5.*.partial")))[0]
    return int(partial.name.split(".")[-2].split("-")[0])


def test_a_worker_killed_in_the_middle_loses_nothing(reference: dict[str, str], tmp_path: Path) -> None:
    with command(tmp_path / "set", "--count", COUNT, TINY_SECONDS="0.05") as process:
        os.kill(worker_at_work(tmp_path / "set"), signal.SIGKILL)
        told, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
    assert told == f"{tmp_path / 'set'}: {COUNT} images in 13 shards, all there\n"
    assert error.count("\n") == 1, f"the progress alone: {error}"
    assert files(tmp_path / "set") == reference


@pytest.mark.slow
def test_what_a_worker_refuses_is_one_line(tmp_path: Path) -> None:
    with command(tmp_path / "set", "--count", COUNT, TINY_BAD="6") as process:
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (2, "error: image 6 cannot be made; ask for another\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ended_from_outside_it_leaves_nobody_and_goes_on(
    reference: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "set"
    with command(folder, "--count", COUNT, TINY_SECONDS="0.1") as process:
        assert worker_at_work(folder) in session(process.pid)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        _, error = process.communicate(timeout=20)
    if number == signal.SIGINT:
        assert (process.returncode, error) == (
            130,
            "interrupted: finished work is kept; the same command (of `pixmix train`, with --resume) resumes it\n",
        )
    assert 1 <= len(list(folder.glob("*.h5"))) < 13
    assert files(make(TinyRecipe(count=COUNT), folder, workers=1, quiet=True)) == reference


def test_a_cluster_that_is_there_is_used_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, reference: dict[str, str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TINY_BAD", str(COUNT + 1))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.removeprefix("tcp://")
        with open_engine(f"dask://{address}", TINY, ["auto"], None) as executor:
            make(TinyRecipe(count=COUNT), tmp_path / "set", executor=executor, quiet=True)
            with pytest.raises(InputError, match="image 51 cannot be made; ask for another"):
                make(TinyRecipe(count=COUNT + 2), tmp_path / "more", executor=executor, quiet=True)
        with distributed.Client(cluster, set_as_default=False) as client:
            assert client.submit(int, 7).result() == 7
        with (
            pytest.raises(InputError, match=r"engine: dask://.* went away; finished shards are kept"),
            open_engine(f"dask://{address}", TINY, ["auto"], None) as executor,
        ):
            future = executor.submit(time.sleep, 60)
            cluster.close()
            future.result()
    assert files(tmp_path / "set") == reference


@pytest.mark.slow
def test_a_worker_that_takes_a_dead_ones_index_takes_its_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"GPUS": "2", "TOGETHER": "2", "SECONDS": "0.1", "LOG": str(tmp_path / "log")}.items():
        monkeypatch.setenv(f"TINY_{name}", value)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with open_engine("dask", PLACED, ["cuda:0", "cuda:1"], None) as executor:
        kill = threading.Thread(target=lambda: os.kill(worker_at_work(tmp_path / "set"), signal.SIGKILL))
        kill.start()
        make(PlacedRecipe(count=120), tmp_path / "set", executor=executor, devices=["cuda:0", "cuda:1"], quiet=True)
        kill.join()
    lines = {tuple(line.split()[:2]) for line in (tmp_path / "log").read_text().splitlines()}
    assert len({process for process, _ in lines}) == len(lines) == 3
    assert {device for _, device in lines} == {"cuda:0", "cuda:1"}


@pytest.mark.parametrize(
    ("engine", "workers", "words"),
    [
        ("ray", None, "engine: 'ray' is unknown; give processes, dask or dask://HOST:PORT"),
        ("dask://", None, "is unknown"),
        ("dask://here", None, "is unknown"),
        ("dask://here:1", 2, "workers: those of dask://here:1 are there already; leave this out"),
        ("dask://localhost:1", None, "no Dask scheduler answers at localhost:1; start one with `dask scheduler`"),
        ("dask", 0, "workers: a whole number from 1 to 1,024 is needed, got 0"),
    ],
)
def test_bad_engines_are_one_line(
    monkeypatch: pytest.MonkeyPatch, engine: str, workers: int | None, words: str
) -> None:
    monkeypatch.setattr(clusters, "PATIENCE", 1)
    with pytest.raises(InputError, match=words), open_engine(engine, TINY, ["auto"], workers):
        pass


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r'engine: dask needs Dask: pip install "pixmix\[cluster\]"'):
        open_engine("dask", TINY, ["auto"], 1).__enter__()
    with open_engine("processes", TINY, ["auto"], 1) as executor:
        assert executor is None


def test_a_worker_that_sees_another_folder_makes_nothing_in_it(tmp_path: Path) -> None:
    """On a host where OUT is no mount but a folder of its own, or none."""

    class Elsewhere(ThreadPoolExecutor):
        def submit(self, work: Any, *arguments: Any) -> Future[Any]:  # type: ignore[override]
            (tmp_path / "set" / manifest.UNFINISHED).unlink(missing_ok=True)
            return super().submit(work, *arguments)

    with (
        Elsewhere(1) as executor,
        pytest.raises(InputError, match=r"is not the job's folder on host .* all workers share"),
    ):
        make(TinyRecipe(), tmp_path / "set", executor=executor, quiet=True)
    assert not list((tmp_path / "set").glob("*.h5"))


@pytest.mark.slow
def test_a_shard_that_kills_every_worker_is_one_line() -> None:
    with (
        pytest.raises(InputError, match=r"workers died one after the other over the same shard \(out of memory\?\)"),
        open_engine("dask", TINY, ["auto"], 2) as executor,
    ):
        executor.submit(os._exit, 1).result()
