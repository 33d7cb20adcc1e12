"""A folder belongs to one process; who is ended ends what it started, and nobody is left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes_alive import alive, session, wait_for
from run_samples import quick

from mixset._common.errors import InputError
from pixmix.train._ablations import AblateConfig, ablate
from pixmix.train._evaluation.config import EvaluateConfig
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._runs.checkpoints import list_checkpoints
from pixmix.train._runs.run_folder import LOCK, owned
from pixmix.train._training.run import train

HOLD = """
import sys
from pathlib import Path
from mixset._common.locks import exclusive
with exclusive(Path(sys.argv[1]), ''): input()
"""
HERE = Path(__file__).parent


@contextlib.contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The folder's lock held by another process."""
    with subprocess.Popen([sys.executable, "-c", HOLD, folder / LOCK], stdin=subprocess.PIPE) as holder:
        wait_for(lambda: (folder / LOCK).exists() and (folder / LOCK).read_text())
        yield holder
        holder.kill()


def is_free(folder: Path) -> bool:
    with contextlib.suppress(InputError), owned(folder, "run folder"):
        return True
    return False


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != LOCK}


def test_a_run_folder_belongs_to_one_process(colours: Path, tmp_path: Path) -> None:
    """Also with --resume, and for what measures the run; a holder that is killed lets go at once."""
    out = tmp_path / "run"
    train(quick(colours, out))
    assert not (out / LOCK).exists()
    (out / "metrics.json").unlink()
    before = contents(out)
    with held(out) as holder:
        line = rf"run folder {out} is in use by process {holder.pid} on .*; wait for it, stop it, or choose another"
        with pytest.raises(InputError, match=line):
            train(quick(colours, out, resume=True))
        with pytest.raises(InputError, match=f"is in use by process {holder.pid} on"):
            evaluate(EvaluateConfig(model=str(out), suite=("clean",), workers=0))
        assert contents(out) == before
        holder.kill()
        holder.wait()
        assert (out / LOCK).exists()
        assert train(quick(colours, out, resume=True)) is not None
    assert not (out / LOCK).exists()


def test_a_lock_that_a_killed_process_left_makes_no_run_of_a_folder(colours: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / LOCK).write_text("process 1 on nowhere\n")
    assert train(quick(colours, out)) is not None


def test_a_folder_in_which_nothing_came_to_lie_goes_again(tmp_path: Path) -> None:
    for _ in range(2):
        with owned(tmp_path / "a" / "b", "run folder"):
            assert (tmp_path / "a" / "b" / LOCK).exists()
        assert not list(tmp_path.iterdir())
    with owned(tmp_path / "a" / "b", "run folder"):
        (tmp_path / "a" / "b" / "kept").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["kept"]
    with owned(tmp_path / "a" / "b", "run folder"):
        pass
    assert (tmp_path / "a" / "b" / "kept").exists()


@pytest.mark.parametrize("name", ["z" * 300, "file/run", "file"])
def test_a_folder_that_cannot_be_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"run folder .* cannot be written"), owned(tmp_path / name, "run folder"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_part_of_a_table_belongs_to_one_process(tmp_path: Path) -> None:
    """Other parts and other tables share the folder: each of their tasks has a lock of its own."""
    config = AblateConfig(
        table="10",
        dataset="digits",
        rows=("mix-input",),
        network="wrn-10-1",
        c=tmp_path,
        partial=True,
        devices=("cpu",),
        part="1/2",
        out=tmp_path / "out",
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        owned(config.folder, "x", lock=".lock-10-1-2"),
        pytest.raises(InputError, match=r"part 1/2 of table 10 in .*out is in use by another call in this process"),
    ):
        patch.setattr("pixmix.train._ablations.inputs.check_inputs", lambda *_: None)
        ablate(config)


PARENT = """
import subprocess, sys
code = "import os, mixset._common.children as w; w.end_with_parent(); print(os.getpid(), flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
child.wait()
"""


def test_a_process_ends_with_its_killed_parent() -> None:
    """As ranks do with torchrun, and cells of a table with `pixmix ablate`."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.7)
        assert alive(child)  # the control: it does not end by itself
        parent.kill()
        parent.wait()
        wait_for(lambda: not alive(child), 10)


LATE = """
import multiprocessing, os, time
from mixset._common.children import loader_worker
multiprocessing.set_start_method("fork")
begin, trainer = loader_worker(), os.getpid()
def late():
    while os.getppid() == trainer:
        time.sleep(0.01)
    begin(0)
    print("went on")
multiprocessing.Process(target=late).start()
os._exit(0)
"""


def test_a_loader_worker_that_begins_after_the_trainers_end_ends() -> None:
    """Else it would wait for work for ever: the pipe that it comes from stays open in itself."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


TABLE = """
import sys
from pathlib import Path
from mixset._common.console import run_command
from pixmix.train._ablations import runner
from ablate_tasks import plan_of, task
root = Path(sys.argv[1])
runner.PROGRAMS = {"program": "ablate_program"}
one = task(root, "runs/a", what="wait")
run_command(lambda: runner.carry_out(plan_of(one), ["runs/a"], root, ["cpu"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_table_that_is_ended_ends_its_cells(tmp_path: Path, number: signal.Signals, code: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    caller = subprocess.Popen(
        [sys.executable, "-c", TABLE, tmp_path], env=environment, stderr=subprocess.PIPE, text=True
    )
    begun = tmp_path / "runs-a.begun"
    wait_for(lambda: begun.exists() and begun.read_text())
    cell = int(begun.read_text())
    assert alive(cell)
    caller.send_signal(number)
    said = caller.communicate(timeout=30)[1]
    assert caller.returncode == code
    assert ("terminated: finished work is kept" in said) == (number == signal.SIGTERM)
    assert "Traceback" not in said
    wait_for(lambda: not alive(cell), 10)
    assert not (tmp_path / "runs-a").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_training_that_is_ended_leaves_no_loader(colours: Path, tmp_path: Path, number: signal.Signals) -> None:
    """At once by SIGTERM; after `kill -9` within the five seconds in which torch's workers look for their parent."""
    out = tmp_path / "run"
    words = [sys.executable, "-m", "pixmix.train", f"folder:{colours}", "--recipe", "quick", "--network", "wrn-10-1"]
    words += ["--batch-size", "8", "--epochs", "500", "--workers", "2", "--suite", "clean", "--out", str(out)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True) as process:
        wait_for(lambda: list_checkpoints(out), 120)
        wait_for(lambda: len(session(process.pid)) >= 3)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == (75 if number == signal.SIGTERM else -number), said
    wait_for(lambda: not session(process.pid), 1 if number == signal.SIGTERM else 15)
    assert ("with a checkpoint; exit code 75" in said) == (number == signal.SIGTERM)


@pytest.mark.slow
def test_ranks_end_with_a_killed_torchrun(colours: Path, tmp_path: Path, steps_left: list[int]) -> None:
    """And the run is resumed, here by one process alone."""
    out = tmp_path / "run"
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    words += ["pixmix.train", f"folder:{colours}", "--recipe", "quick", "--network", "wrn-10-1", "--batch-size", "8"]
    words += ["--workers", "0", "--suite", "clean", "--checkpoint-every", "1", "--resume", "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    with subprocess.Popen([*words, "--epochs", "200"], **quiet) as launcher:
        wait_for(lambda: list_checkpoints(out), 120)
        leader = int((out / LOCK).read_text().split()[1])
        assert alive(leader)
        launcher.kill()
    wait_for(lambda: is_free(out), 10)
    wait_for(lambda: not alive(leader), 10)
    done = int(list_checkpoints(out)[0].name.split("-")[1])
    more = {"epochs": 200, "checkpoint_every": 1, "resume": True}
    steps_left[:] = [1]
    with pytest.raises(KeyboardInterrupt):
        train(quick(colours, out, **more))
    assert int(list_checkpoints(out)[0].name.split("-")[1]) >= done
