"""Job scripts for Slurm, run by a stand-in for its commands."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from processes_alive import wait_for
from run_samples import QUICK, equal, quick, steps_done, weights
from slurm_stand_in import Slurm

from mixset._common.errors import InputError
from pixmix.train._ablations.plan import make_plan
from pixmix.train._command.configs import ablate_config
from pixmix.train._command.slurm import job_script
from pixmix.train._command.slurm_config import slurm_config
from pixmix.train._training.run import train

STUB = r"""#!/bin/bash
# Asks to be pre-empted, and ends with 75 then, as often as $STOPS says.
echo "$(basename "$0") $*" >> "$STATE/started"
if [ "$(wc -l < "$STATE/started")" -le "$STOPS" ]; then
    trap 'exit 75' USR1
    kill -USR1 "$(cat "$STATE/shell")"
    while :; do sleep 0.02; done
fi
exit "$CODE"
"""


@pytest.fixture
def slurm(tmp_path: Path) -> Slurm:
    (tmp_path / "slurm").mkdir()
    found = Slurm(tmp_path / "slurm")
    for name in ("pixmix", "torchrun"):
        found.program(name, STUB)
    return found


def script(folder: Path, *words: str) -> Path:
    path = folder / "job.sh"
    path.write_text(job_script(slurm_config(words)))
    return path


def submit(slurm: Slurm, path: Path, *, stops: int = 0, code: int = 0) -> None:
    environment = {**slurm.environment(), "STOPS": str(stops), "CODE": str(code)}
    subprocess.run(["sbatch", path], env=environment, check=True, timeout=60)


def directives(path: Path) -> dict[str, str]:
    lines = [
        line.removeprefix("#SBATCH --").partition("=") for line in path.read_text().splitlines() if "SBATCH" in line
    ]
    return {name: value for name, _, value in lines}


def test_a_training_that_is_pre_empted_is_queued_again(slurm: Slurm, tmp_path: Path) -> None:
    path = script(tmp_path, "train", "digits", "--out", "my run", "--gpus", "1", "--workers=6", "--time=1-00:00:00")
    submit(slurm, path, stops=3)
    assert slurm.kept("started") == ["pixmix train digits --out my run --workers=6 --resume"] * 4
    assert slurm.kept("codes") == ["75"] * 3 + ["0"]
    assert slurm.kept("cores") == ["8"] * 4
    asked = directives(path)
    assert (asked["signal"], asked["open-mode"], asked["requeue"]) == ("B:USR1@120", "append", "")
    assert (asked["gpus-per-node"], asked["cpus-per-task"], asked["time"]) == ("1", "8", "1-00:00:00")
    assert " " not in asked["job-name"]


def test_one_that_fails_is_not(slurm: Slurm, tmp_path: Path) -> None:
    submit(slurm, script(tmp_path, "train", "digits", "--resume"), code=2)
    assert slurm.kept("started") == ["pixmix train digits --resume"]
    assert slurm.kept("codes") == ["2"]


@pytest.mark.parametrize("nodes", [1, 2])
def test_several_processes_are_started_by_torchrun(slurm: Slurm, tmp_path: Path, nodes: int) -> None:
    submit(slurm, script(tmp_path, "train", "digits", "--nodes", str(nodes), "--gpus", "8"))
    started = slurm.kept("started")
    assert len(started) == nodes
    where = "--standalone" if nodes == 1 else "--nnodes 2 --rdzv-backend c10d --rdzv-id 4"
    assert started[0].startswith(f"torchrun {where}")
    assert "--nproc-per-node 8 --signals-to-handle SIGTERM,SIGINT,SIGUSR1 -m pixmix.train digits --resume" in started[0]
    assert nodes == 1 or "--rdzv-endpoint localhost:2" in started[0]


def test_a_table_is_an_array_of_its_cells(slurm: Slurm, tmp_path: Path) -> None:
    words = ("--dataset", "digits", "--recipe", "quick", "--rows", "baseline", "pixmix", "--seeds", "0", "1")
    path = script(tmp_path, "ablate", "4", *words, "--at-once", "3")
    assert directives(path)["array"] == "1-4%3"
    submit(slurm, path, stops=1)
    started = slurm.kept("started")
    assert [line.rpartition(" ")[2] for line in started] == ["1/4", "1/4", "2/4", "3/4", "4/4"]
    assert started[0].startswith(f"pixmix ablate 4 {' '.join(words)} --part ")
    names = [line.rpartition("JobName=")[2] for line in slurm.kept("told")]
    assert names == [names[0], *(f"{row}-s{seed}" for seed in (0, 1) for row in ("baseline", "pixmix"))]


@pytest.mark.parametrize(
    ("words", "devices", "jobs"),
    [
        (("--gpus", "2"), "cuda:0 cuda:1", ["baseline-s0, baseline-s1", "pixmix-s0, pixmix-s1"]),
        (("--gpus", "3"), "cuda:0 cuda:1 cuda:2", ["baseline-s0, baseline-s1", "pixmix-s0, pixmix-s1"]),
        (("--gpus", "4"), "cuda:0 cuda:1 cuda:2 cuda:3", ["baseline-s0, pixmix-s0, baseline-s1, pixmix-s1"]),
        (("--devices", "cuda:0", "cuda:0"), "cuda:0 cuda:0", ["baseline-s0, baseline-s1", "pixmix-s0, pixmix-s1"]),
    ],
)
def test_a_job_of_a_table_has_a_cell_for_each_place_to_compute(
    slurm: Slurm, tmp_path: Path, words: tuple[str, ...], devices: str, jobs: list[str]
) -> None:
    asked = ("4", "--dataset", "digits", "--recipe", "quick", "--rows", "baseline", "pixmix", "--seeds", "0", "1")
    path = script(tmp_path, "ablate", *asked, *words)
    submit(slurm, path)
    ran = [line.rpartition(f" --devices {devices} --part ") for line in slurm.kept("started")]
    assert [part for _, _, part in ran] == [f"{number}/{len(jobs)}" for number in range(1, len(jobs) + 1)]
    plan = make_plan(ablate_config(list(asked)))
    for name, (_, _, part) in zip(jobs, ran, strict=True):
        number, count = ablate_config([*asked, "--part", part]).share
        assert name == ", ".join(cell.task.partition("/")[2] for cell in plan.cells[number - 1 :: count])
    assert [line.rpartition("JobName=")[2] for line in slurm.kept("told")] == jobs


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "PROGRAM is missing"),
        (("tune", "digits"), "PROGRAM tune: choose one of train, ablate"),
        (("train",), "DATASET is missing"),
        (("train", "digits", "--epochs", "0"), "--epochs: a whole number from 1"),
        (("train", "digits", "--gpu", "2"), "unknown option --gpu"),
        (("train", "digits", "--gpus"), "--gpus: needs a value"),
        (("train", "digits", "--time", "$(reboot)"), "--time: must be like 90"),
        (("train", "digits", "--time", "2"), "--time 2: is over before the run can be told to end"),
        (("train", "digits", "--time", "0:2:0"), "--time 0:2:0: is over before"),
        (("train", "digits", "--time", "1:2:3:4"), "--time 1:2:3:4: is over before"),
        (("train", "digits", "--device", "cpu"), "--device cpu: needs no GPU; give --gpus 0"),
        (("ablate", "4", "--devices", "cuda:0", "cuda:1"), "--devices: names 2 GPUs, and the job has 1"),
        (("train", "digits", "--at-once", "2"), "--at-once: is for the jobs of a table"),
        (("ablate", "4", "--nodes", "2"), "--nodes: a table is an array"),
        (("ablate", "99"), "99"),
        (("train", "nothere"), "DATASET nothere: unknown; use digits"),
        (("train", "digits", "--method", "pixmx"), "--method pixmx: unknown 'pixmx'; perhaps you meant pixmix"),
        (("ablate", "4", "--part", "1/2"), "--part: the array shares out the cells"),
        (("ablate", "4", "--part=1/2"), "--part: the array shares out the cells"),
        (("ablate", "4", "--plan"), "--plan: the array shares out the cells"),
    ],
)
def test_what_the_program_would_not_take_is_told_now(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        job_script(slurm_config(words))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("time", ["3", "2:30", "0:2:1", "1-0", "0-1", "0-0:3", "2-12:00:00", "24:00:00"])
def test_times_are_those_of_sbatch(time: str) -> None:
    assert f"#SBATCH --time={time}\n" in job_script(slurm_config(("train", "digits", "--time", time)))
    words = ("ablate", "4", "--gpus", "2", "--devices", "cuda:0", "cuda:1", "--time", time)
    assert f"#SBATCH --time={time}\n" in job_script(slurm_config(words))


def test_words_of_the_user_are_no_code_of_the_script(slurm: Slurm, tmp_path: Path) -> None:
    odd = "a b'; touch gone; echo '$(touch gone)"
    submit(
        slurm,
        script(
            tmp_path,
            "train",
            f"folder:{tmp_path}",
            "--method",
            "pixmix",
            "--mixing-set",
            odd,
            "--out",
            f"{tmp_path}/{odd}",
        ),
    )
    assert slurm.kept("started")[0].endswith(f"--mixing-set {odd} --out {tmp_path}/{odd} --resume")
    assert not list(Path.cwd().glob("gone"))


def preempted(slurm: Slurm, run: Path, after: list[int]) -> Callable[[subprocess.Popen[bytes]], None]:
    """Signals the job's shell whenever the run is so many steps further."""

    def watch(job: subprocess.Popen[bytes]) -> None:
        for steps in after:
            wait_for(lambda steps=steps: job.poll() is not None or steps_done(run) >= steps, 200)
            codes = len(slurm.kept("codes"))
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(slurm.kept("shell")[0]), signal.SIGUSR1)
            wait_for(lambda codes=codes: job.poll() is not None or len(slurm.kept("codes")) > codes, 100)
        job.wait(200)

    return watch


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_a_run_pre_empted_three_times_ends_with_the_weights_of_one_that_was_not(
    colours: Path, tmp_path: Path, one_thread: None, nodes: int
) -> None:
    """On two nodes, which are two launchers here, with a process each; without batch statistics and dropout."""
    (tmp_path / "slurm").mkdir()
    slurm, run = Slurm(tmp_path / "slurm"), tmp_path / "run"
    (tmp_path / "plain_network.py").write_text(
        "from torch import nn\n\n\ndef make(num_classes):\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(392, num_classes))\n"
    )
    network = f"{tmp_path / 'plain_network.py'}:make"
    same = ("--epochs", "24", "--checkpoint-every", "1", "--network", network, "--lr", "0.02", "--workers", "0")
    words = (f"folder:{colours}", *QUICK, *same, "--suite", "clean", "--out", str(run), "--device", "cpu")
    path = script(tmp_path, "train", *words, "--nodes", str(nodes), "--gpus", "0")
    with subprocess.Popen(["sbatch", path], env=slurm.environment(Path(sys.executable).parent)) as job:
        preempted(slurm, run, [5, 30, 60])(job)
    assert (run / "metrics.json").exists()
    assert len(slurm.kept("codes")) == 4 and slurm.kept("codes")[-1] == "0"
    train(quick(colours, tmp_path / "whole", epochs=24, network=network, lr=0.02))
    one, other = weights(run), weights(tmp_path / "whole")
    assert nodes == 2 or equal(one, other)
    assert all(abs(one[name] - value).max() < 1e-2 for name, value in other.items())
