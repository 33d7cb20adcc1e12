"""The runner: each task once, in order, side by side, whatever fails, is killed or works in the same folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ablate_tasks import plan_of, task
from processes_alive import wait_for

from mixset._common.errors import InputError
from pixmix.train._ablations import runner
from pixmix.train._ablations.plan import Task
from pixmix.train._ablations.runner import carry_out, is_done, log_of, seconds_of

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PROGRAMS", {"program": "ablate_program"})
    monkeypatch.setattr(runner, "EVERY", 0.02)
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def test_tasks_run_after_what_they_need_and_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = task(tmp_path, "runs/a"), task(tmp_path, "measures/a", needs=["runs/a"])
    other = task(tmp_path, "runs/b")
    plan = plan_of(first, second, other)
    assert not is_done(second, tmp_path)
    assert carry_out(plan, ["measures/a"], tmp_path, ["cpu"]) == {}
    assert is_done(first, tmp_path) and is_done(second, tmp_path) and not is_done(other, tmp_path)
    said = capsys.readouterr().err
    assert said.index("runs/a: done") < said.index("measures/a: started on cpu")
    assert carry_out(plan, ["measures/a"], tmp_path, ["cpu"]) == {}
    assert second.result.read_text() == "flag --device cpu\n"  # one line: it ran once
    assert "working on make" in log_of("runs/a", tmp_path).read_text()
    log = log_of("runs/a", tmp_path).read_text()
    assert log.startswith("$ program make ") and re.search(r"^\$ ended with code 0 after \d+\.\d s$", log, re.MULTILINE)


def test_a_failure_stops_what_needs_it_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, after = task(tmp_path, "runs/a", what="fail"), task(tmp_path, "measures/a", needs=["runs/a"])
    well = task(tmp_path, "runs/b")
    failed = carry_out(plan_of(broken, after, well), ["measures/a", "runs/b"], tmp_path, ["cpu"])
    assert failed == {"runs/a": "error: this cannot be", "measures/a": "needs runs/a, which failed"}
    assert is_done(well, tmp_path)
    assert "runs/a: FAILED (error: this cannot be)" in capsys.readouterr().err
    mended = task(tmp_path, "runs/a")
    assert carry_out(plan_of(mended, after, well), ["measures/a"], tmp_path, ["cpu"]) == {}


def test_the_seconds_of_a_task_are_those_of_all_its_processes(tmp_path: Path) -> None:
    log = log_of("runs/a", tmp_path)
    log.parent.mkdir()
    stopped, said, ended = "$ ended with code -15 after 7.5 s", "ended after 3.0 s", "$ ended with code 0 after 100.0 s"
    log.write_text(f"$ a\n{stopped}\n$ a\n{said}\n\n{ended}\n")
    assert seconds_of("runs/a", tmp_path) == 107.5


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        # Two cells on one GPU leave the rest of the cores to what is made meanwhile, on them.
        (["cuda:0", "cuda:0"], [("cuda:0", 1, False, True), ("cuda:0", 1, False, True), ("cpu", 14, True, False)]),
        (["cpu", "cpu"], [("cpu", 8, True, True), ("cpu", 8, True, True)]),
    ],
)
def test_cores_are_shared_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, devices: list[str], expected: list[tuple[str, int, bool, bool]]
) -> None:
    monkeypatch.setattr(runner, "usable_cores", lambda: 16)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    made = runner._Runner([], tmp_path, devices)
    assert [(slot.device, slot.workers, slot.makes, slot.trains) for slot in made.slots] == expected
    assert made._environment()["OMP_NUM_THREADS"] == str(16 // len(expected))


def test_a_program_that_leaves_no_result_has_failed(tmp_path: Path) -> None:
    one = task(tmp_path, "runs/a")
    nothing = Task(name=one.name, command=one.command, parts=one.parts, result=tmp_path / "elsewhere")
    assert list(carry_out(plan_of(nothing), ["runs/a"], tmp_path, ["cpu"])) == ["runs/a"]
    assert not is_done(nothing, tmp_path)


@pytest.mark.parametrize("devices", [["cuda:0", "cuda:1"], ["cuda:0", "cuda:0"]])
def test_cells_run_side_by_side_on_the_devices(tmp_path: Path, devices: list[str]) -> None:
    """Two on two GPUs, or on one, and a set on the CPU: each waits until all three have begun."""
    names = ("runs/a", "runs/b", "sets/c")
    tasks = [task(tmp_path, name, what="wait", on_device=name != "sets/c") for name in names]
    work = threading.Thread(target=carry_out, args=(plan_of(*tasks), names, tmp_path, devices))
    work.start()
    wait_for(lambda: all(Path(f"{one.result}.begun").exists() for one in tasks))
    for one in tasks:
        Path(f"{one.result}.go").touch()
    work.join(30)
    ran = {one.name: one.result.read_text().strip() for one in tasks}
    assert sorted([ran["runs/a"], ran["runs/b"]]) == [f"flag --device {device}" for device in devices]
    assert ran["sets/c"] == "flag"


def test_a_task_that_another_process_is_at_is_waited_for(tmp_path: Path) -> None:
    one = task(tmp_path, "runs/a", what="wait")
    code = (
        "from pathlib import Path\n"
        "from pixmix.train._ablations import runner\n"
        "from ablate_tasks import plan_of, task\n"
        f"root = Path({str(tmp_path)!r})\n"
        "runner.PROGRAMS = {'program': 'ablate_program'}\n"
        "runner.carry_out(plan_of(task(root, 'runs/a', what='wait')), ['runs/a'], root, ['cpu'])\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(HERE)})
    wait_for(lambda: Path(f"{one.result}.begun").exists())
    after = task(tmp_path, "measures/a", needs=["runs/a"])
    work = threading.Thread(target=carry_out, args=(plan_of(one, after), ["measures/a"], tmp_path, ["cpu"]))
    work.start()
    time.sleep(0.5)
    assert work.is_alive() and not one.result.exists()
    Path(f"{one.result}.go").touch()
    work.join(30)
    caller.wait(30)
    assert is_done(after, tmp_path)
    assert one.result.read_text() == "flag --device cpu\n"  # one line: it ran once


def test_settings_that_are_not_those_of_the_folder_are_refused_before_work(tmp_path: Path) -> None:
    one, other = task(tmp_path, "runs/a"), task(tmp_path, "runs/b")
    assert carry_out(plan_of(one), ["runs/a"], tmp_path, ["cpu"]) == {}
    changed = Task(name="runs/a", command=one.command, parts={"all": ("--epochs", "9")}, result=one.result)
    with pytest.raises(InputError, match=r"holds runs/a made with `flag`, not `--epochs 9`; .* another `out`"):
        carry_out(plan_of(other, changed), ["runs/b", "runs/a"], tmp_path, ["cpu"])
    assert not is_done(other, tmp_path)


def test_parts_are_added_to_what_is_there(tmp_path: Path) -> None:
    """As measures are: a table that needs more suites measures the rest."""
    one = task(tmp_path, "measures/a")
    assert carry_out(plan_of(one), ["measures/a"], tmp_path, ["cpu"]) == {}
    more = Task(name=one.name, command=one.command, parts={"more": ("flag",)}, result=one.result)
    assert not is_done(more, tmp_path)
    assert carry_out(plan_of(more), ["measures/a"], tmp_path, ["cpu"]) == {}
    assert is_done(more, tmp_path) and is_done(one, tmp_path)


def test_what_was_taken_away_is_made_again(tmp_path: Path) -> None:
    one = task(tmp_path, "runs/a")
    carry_out(plan_of(one), ["runs/a"], tmp_path, ["cpu"])
    one.result.unlink()
    assert not is_done(one, tmp_path)
    carry_out(plan_of(one), ["runs/a"], tmp_path, ["cpu"])
    assert is_done(one, tmp_path)


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    one = task(tmp_path, "runs/a")
    carry_out(plan_of(one), ["runs/a"], tmp_path, ["cpu"])
    (tmp_path / "state" / "runs-a.json").write_text("{")
    with pytest.raises(InputError, match=r"state/runs-a\.json is damaged .*; take it away"):
        carry_out(plan_of(one), ["runs/a"], tmp_path, ["cpu"])


def test_what_lies_in_the_working_folder_hides_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ablate_program.py").write_text("raise SystemExit('not this')\n")
    monkeypatch.chdir(tmp_path)
    plan = plan_of(task(tmp_path, "runs/a"))
    assert carry_out(plan, ["runs/a"], tmp_path, ["cpu"]) == {}
