"""The job: content and bytes are a function of the recipe, whatever happens on the way."""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from processes_alive import session, wait_for
from tiny_family import TINY, TinyRecipe, render

from mixset import InputError, MixingSet
from mixset._common.progress import Progress
from mixset._store import manifest
from mixset._store.output import begin
from mixset._store.shards import read_info
from mixset.generate import make
from mixset.generate._job import families, job


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(families.FAMILIES, "tiny", TINY)


def files(folder: Path) -> dict[str, str]:
    """The hash of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The set of 18 images, made by one worker in one go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families.FAMILIES, "tiny", TINY)
        return files(make(TinyRecipe(count=18), tmp_path_factory.mktemp("reference") / "set", workers=1, quiet=True))


def test_the_set_holds_what_render_makes(tmp_path: Path) -> None:
    folder = make(TinyRecipe(count=18), tmp_path / "set", workers=1, quiet=True)
    assert sorted(files(folder)) == ["mixset.json", *(f"tiny-{shard:05d}.h5" for shard in range(5))]
    images = MixingSet(folder)
    for index in range(18):
        np.testing.assert_array_equal(images[index], render(TinyRecipe(), index)[0])
    info = read_info(folder / "tiny-00004.h5")
    assert (info.family, info.recipe, info.start_index, info.count) == ("tiny", TinyRecipe().to_json(), 16, 2)


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_processes_gives_the_same_bytes(reference: dict[str, str], tmp_path: Path, workers: int) -> None:
    assert files(make(TinyRecipe(count=18), tmp_path / "set", workers=workers, quiet=True)) == reference


@pytest.mark.parametrize(
    "executor",
    [ThreadPoolExecutor, functools.partial(ProcessPoolExecutor, mp_context=multiprocessing.get_context("spawn"))],
)
def test_any_executor_will_do(
    reference: dict[str, str], tmp_path: Path, executor: Callable[[int], Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with executor(2) as others:
        if executor is not ThreadPoolExecutor:
            others.submit(os.chdir, "/").result()  # workers may have been started elsewhere
        make(TinyRecipe(count=18), "set", executor=others, quiet=True)
        assert others.submit(int, 1).result() == 1, "it is left running"
    assert files(tmp_path / "set") == reference


@pytest.mark.parametrize("workers", [1, 2, None])
def test_progress_goes_image_by_image_and_counts_what_was_made_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, workers: int | None
) -> None:
    monkeypatch.setenv("TINY_SECONDS", "0.01")
    monkeypatch.setattr(job, "Progress", functools.partial(Progress, every=0))
    folder = make(TinyRecipe(count=18), tmp_path / "set", workers=1, quiet=True)
    (folder / "tiny-00001.h5").unlink()
    (folder / "tiny-00003.h5").unlink()
    damaged = bytearray((folder / "tiny-00002.h5").read_bytes())
    damaged[damaged.index(render(TinyRecipe(), 9)[0].tobytes())] ^= 1
    (folder / "tiny-00002.h5").write_bytes(damaged)
    with ThreadPoolExecutor(1) as executor:
        make(TinyRecipe(count=18), folder, workers=workers, executor=None if workers else executor)
    lines = capsys.readouterr().err.splitlines()
    counts = [int(line.split("/")[0]) for line in lines if "images, " in line]
    assert counts == sorted(counts)
    if workers == 2:  # what is told may come with its shard's end
        assert counts[-1] == 18
        assert len({*counts}) > 3
    else:
        assert [*dict.fromkeys(counts)] == ([*range(11, 19)] if workers else [14, 18])
    assert sum("made again" in line for line in lines) == 1


@settings(max_examples=15, deadline=None)
@given(parts=st.integers(1, 5), random=st.randoms())
def test_parts_in_any_order(
    reference: dict[str, str], tmp_path_factory: pytest.TempPathFactory, parts: int, random: Random
) -> None:
    folder = tmp_path_factory.mktemp("parts") / "set"
    order = list(range(1, parts + 1))
    random.shuffle(order)
    for index in order:
        assert not (folder / manifest.NAME).exists()
        if folder.exists():
            with pytest.raises(InputError, match="unfinished"):
                MixingSet(folder)
        make(TinyRecipe(count=18), folder, workers=1, part=(index, parts), quiet=True)
    assert files(folder) == reference


@settings(max_examples=15, deadline=None)
@given(counts=st.lists(st.integers(1, 18), max_size=4))
def test_a_set_grows_and_never_shrinks(
    reference: dict[str, str], tmp_path_factory: pytest.TempPathFactory, counts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("grown") / "set"
    for step, count in enumerate(counts):
        make(TinyRecipe(count=count), folder, workers=1, quiet=True)
        assert len(MixingSet(folder)) == max(counts[: step + 1])
    make(TinyRecipe(count=18), folder, workers=1, quiet=True)
    assert files(folder) == reference


def test_what_is_there_is_kept_and_what_is_damaged_made_again(
    reference: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(TinyRecipe(count=18), tmp_path / "set", workers=1, quiet=True)
    kept = (folder / "tiny-00000.h5").stat().st_ino
    damaged = bytearray((folder / "tiny-00002.h5").read_bytes())
    damaged[damaged.index(render(TinyRecipe(), 9)[0].tobytes())] ^= 1
    (folder / "tiny-00002.h5").write_bytes(damaged)
    (folder / "tiny-00003.h5").write_bytes((folder / "tiny-00003.h5").read_bytes()[:1000])
    (folder / "tiny-00001.h5").unlink()
    make(TinyRecipe(count=18), folder, workers=1)
    assert files(folder) == reference
    assert (folder / "tiny-00000.h5").stat().st_ino == kept
    told = capsys.readouterr().err
    assert "made again: image 1 of shard" in told
    assert told.count("made again") == 2


def test_a_lost_manifest_is_written_again(reference: dict[str, str], tmp_path: Path) -> None:
    folder = make(TinyRecipe(count=18), tmp_path / "set", workers=1, quiet=True)
    (folder / manifest.NAME).unlink()
    make(TinyRecipe(count=18), folder, workers=1, quiet=True)
    assert files(folder) == reference


@pytest.mark.parametrize(("count", "finished"), [(17, 18), (18, 18), (19, 0)])
def test_a_finished_set_is_begun_anew_only_to_grow(tmp_path: Path, count: int, finished: int) -> None:
    folder = make(TinyRecipe(count=18), tmp_path / "set", workers=1, quiet=True)
    known = manifest.read(folder)
    assert known is not None
    assert begin(folder, known.recipe, count) == finished
    assert (folder / manifest.NAME).exists() == bool(finished)
    assert (folder / manifest.UNFINISHED).exists() == (not finished)


def test_other_folders_are_refused_and_left_alone(tmp_path: Path) -> None:
    made = make(TinyRecipe(count=4), tmp_path / "made", workers=1, quiet=True)
    begun = tmp_path / "begun"
    make(TinyRecipe(count=8), begun, part=(1, 2), workers=1, quiet=True)
    loose = make(TinyRecipe(count=4), tmp_path / "loose", workers=1, quiet=True)
    (loose / manifest.NAME).unlink()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("x")
    before = {folder.name: files(folder) for folder in (made, begun, loose, foreign)}
    for name, words in (
        ("made", r"set of another recipe \(seed 0 there, 1 asked\)"),
        ("begun", r"set of another recipe \(seed 0 there, 1 asked\)"),
        ("loose", r"set of another recipe \(seed 0 there, 1 asked\)"),
        ("foreign", r"is not empty and not a mixing set \(it holds thesis.tex\)"),
        ("file", "is a file"),
    ):
        with pytest.raises(InputError, match=words):
            make(TinyRecipe(count=4, seed=1), tmp_path / name, workers=1, quiet=True)
    with pytest.raises(InputError, match="is being made with 8 images, 4 are asked for"):
        make(TinyRecipe(count=4), begun, workers=1, quiet=True)
    assert {folder.name: files(folder) for folder in (made, begun, loose, foreign)} == before


def test_arguments_are_checked(tmp_path: Path) -> None:
    for part in ((0, 2), (3, 2), (1, 0)):
        with pytest.raises(InputError, match="part"):
            make(TinyRecipe(), tmp_path / "set", part=part)
    with pytest.raises(InputError, match="workers"):
        make(TinyRecipe(), tmp_path / "set", workers=0)
    assert not (tmp_path / "set").exists()


SCRIPT = """
import sys
from tiny_family import TINY, TinyRecipe
from mixset.generate._job import families, job
families.FAMILIES["tiny"] = TINY
job.make(TinyRecipe(count=18), sys.argv[1], workers=int(sys.argv[2]))
"""


def start(folder: Path, workers: int) -> subprocess.Popen[bytes]:
    """The job in a script of its own that does not guard against being run again by the workers."""
    (folder.parent / "script.py").write_text(SCRIPT)
    command = [sys.executable, folder.parent / "script.py", folder, str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "TINY_SECONDS": "0.05"}
    # Who runs the tests in the background of a shell has them ignore Ctrl-C, and their children, too.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heed)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_anywhere_it_goes_on_to_the_same_bytes(
    reference: dict[str, str], tmp_path: Path, workers: int, number: signal.Signals
) -> None:
    folder = tmp_path / "set"
    process = start(folder, workers)
    wait_for(lambda: list(folder.glob("*.h5")))
    wait_for(lambda: list(folder.glob("*.partial")))
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    told = process.communicate(timeout=20)[1].decode()
    assert told.count("Traceback") == (number == signal.SIGINT), f"not the script's own KeyboardInterrupt alone: {told}"
    assert process.returncode != 0
    wait_for(lambda: not session(process.pid), 10)
    kept = {path.name: path.stat().st_ino for path in folder.glob("*.h5")}
    assert 1 <= len(kept) < 5
    # A partial file may be left, also by an interrupt: one that comes between its opening and the care for its end.
    again = start(folder, workers)
    assert again.wait(timeout=60) == 0, again.stderr.read()
    assert files(folder) == reference
    assert all((folder / name).stat().st_ino == inode for name, inode in kept.items())


def test_a_worker_that_dies_is_one_line(tmp_path: Path) -> None:
    process = start(tmp_path / "set", 2)
    # A shard's, not that of the list the parent begins with.
    partial = wait_for(lambda: list((tmp_path / "set").glob("*.h5.*.partial")))[0]
    worker = int(partial.name.split(".")[-2].split("-")[0])
    os.kill(worker, signal.SIGKILL)
    told = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 1
    assert told.splitlines()[-1].endswith("a worker process died (out of memory?): run it again with fewer `workers`")
