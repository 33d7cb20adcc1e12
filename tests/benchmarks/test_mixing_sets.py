"""`python benchmarks/mixing_sets.py`: what it takes and refuses, and cells that are run once, kept and resumed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import mixing_sets
import mixing_sets_made
import mixing_sets_work
import pytest
from evidence_samples import measures, write_data, write_frost, write_images
from mixing_sets_results import read_results

from mixset._common.errors import InputError
from mixset._store.importing import import_images
from pixmix.train._ablations import runner

HERE = Path(__file__).parent
Ends = Callable[..., str]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ends:
    """What the script prints; `pixmix` is stood in for, and rows are images from elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "PROGRAMS", dict.fromkeys(("pixmix", "mixset"), "evidence_program"))
    monkeypatch.setattr(runner, "EVERY", 0.02)
    for name, value in {"PYTHONPATH": HERE, "MEASURES": "measures.json", "PIXMIX_CACHE": "cache"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.delenv("EVIDENCE", raising=False)
    (tmp_path / "measures.json").write_text(json.dumps(measures(0.25)))
    write_data(tmp_path / "data")
    write_frost(tmp_path / "frost")
    for seed, name in enumerate(("one", "two")):
        write_images(tmp_path / name, 4, seed)

    def call(*arguments: object, places: int = 1) -> str:
        small = ("--results", "r.json", "--count", "4", "--test-subset", "6", "--devices")
        monkeypatch.setattr(
            sys, "argv", ["mixing_sets.py", "--fvis", "0", *map(str, (*arguments, *small)), *["cpu"] * places]
        )
        mixing_sets.main()
        return capsys.readouterr().out

    return call


MINE = ("--frost", "frost", "--given", "one=one", "two=two", "--rows", "one", "two", "--seeds", 0, "--epochs", 1)


def test_cells_are_run_once_and_kept(told: Ends, tmp_path: Path) -> None:
    mine = (*MINE, "--rows", "one", "--seeds", 0, 1)
    text = told("data", *mine)
    assert "4 of 4 cells are there\n" in text and "25.0 ± 0.0" in text.replace("\xa0", " ")
    found = read_results(tmp_path / "r.json")
    assert [(cell.row, cell.seed) for cell in found.cells] == [
        *(("baseline", 0), ("one", 0), ("baseline", 1), ("one", 1)),
    ]
    assert found.cells[0].content == "" and found.cells[1].content == found.sets["one"]["content"]
    assert found.cells[1].values["clean.error"] == 25.0 and found.protocol["epochs"] == 1
    assert str(tmp_path) not in (tmp_path / "r.json").read_text()
    assert (tmp_path / "r.json").stat().st_size < 10_000
    run = tmp_path / "mixing-sets" / "ablation" / "runs" / "pixmix-one-s1" / "config.json"
    trained = run.stat().st_mtime_ns
    elsewhere = told("data", *mine, "--out", "elsewhere")  # where the file alone lies
    assert "now " not in elsewhere and "4 of 4 cells are there" in elsewhere
    (tmp_path / "r.json").unlink()
    resumed = told("data", *mine)  # killed between the end of a cell and its result
    assert "now one of seed 1" in resumed and "4 of 4 cells are there" in resumed
    assert run.stat().st_mtime_ns == trained


def test_cells_run_side_by_side(told: Ends) -> None:
    text = told("data", *MINE, places=2)
    assert "now baseline, one of seed 0" in text and "now two of seed 0" in text


def test_visualisations_wait_for_the_baseline(told: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its run is made again where the file has its cell and the folder lacks its network."""
    made = []

    def make(words: list[str]) -> None:
        made.append(words)
        import_images(tmp_path / "one", Path(words[-1]), size=36, workers=1, quiet=True)

    monkeypatch.setattr(mixing_sets_made, "command", make)
    mine = (*MINE[:2], "--seeds", 0, "--epochs", 1, "--rows", "fvis", "--fvis", 4)
    text = told("data", *mine, places=2)
    assert "now baseline of seed 0" in text and "now fvis of seed 0" in text and "2 of 2 cells are there" in text
    network = made[0][made[0].index("--network") + 1]
    assert network == f"run:{tmp_path / 'mixing-sets' / 'ablation' / 'runs' / 'baseline-s0'}"
    again = told("data", *mine, "--rows", "fvis", "fvis-maco", "--out", "elsewhere", places=2)
    assert "now baseline of seed 0" in again and "now fvis-maco of seed 0" in again and "now fvis of" not in again
    assert [cell.row for cell in read_results(tmp_path / "r.json").cells] == ["baseline", "fvis", "fvis-maco"]


def test_a_cell_that_fails_leaves_the_others(told: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE", "fail pixmix-one-s0")
    with pytest.raises(SystemExit, match="1"):
        told("data", *MINE)
    found = read_results(tmp_path / "r.json")
    assert [cell.row for cell in found.cells] == ["baseline", "two"]
    monkeypatch.delenv("EVIDENCE")
    assert "3 of 3 cells are there" in told("data", *MINE)


def test_a_set_that_cannot_be_made_says_so(told: Ends, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "two").rename(tmp_path / "gone")
    (tmp_path / "two").mkdir()
    with pytest.raises(SystemExit, match="1"):
        told("data", *MINE)
    text = capsys.readouterr().out
    assert "\ntwo: left out: " in text and "2 of 3 cells are there" in text
    assert "two" not in read_results(tmp_path / "r.json").sets


def test_after_the_minutes_no_cell_is_begun(told: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 25))
    monkeypatch.setattr(mixing_sets_work.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(mixing_sets.time, "monotonic", lambda: next(clock))
    text = told("data", *MINE, "--minutes", 2)
    assert 0 < text.count("now ") < 3
    assert len(read_results(tmp_path / "r.json").cells) == text.count("now ")


def test_rows_are_listed(told: Ends) -> None:
    lines = told("data", "--list", "--given", "photographs=one").splitlines()
    assert lines[0].split() == ["baseline", "–"] and len(lines) == 1 + 13 + 16 + 1
    assert lines[-1] == "0 of 90 cells are there"
    assert len(told("data", "--list", "--parts", "sizes").splitlines()) == 1 + 20 + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "DATA: name the data set"),
        (["nowhere.tar"], "archive nowhere.tar: no such file"),
        (["data", "--given", "one"], "--given one: NAME=PATH is needed"),
        (["data", "--given", "../x=one"], "--given ../x=one: NAME=PATH is needed"),
        (["data", "--given", "moire-36=one"], "--given moire-36=one: .* no other row's name"),
        (["data", "--given", "a=one", "a=two"], "--given a=two: .* no other row's name"),
        (["data", "--given", "mine=nowhere"], "--given mine=nowhere: there is no nowhere"),
        (["data", "--rows", "mire"], "--rows mire: unknown; there are fractals, attractors"),
        (["data", "--rows", "fvis"], "--rows fvis: unknown"),
        (["data", "--minutes", "0"], "--minutes 0: a number above 0"),
        (["data", "--minutes", "nan"], "--minutes nan: a number above 0"),
        (["data", "--epochs", "0"], "epochs: a whole number from 1"),
        (["data", "--seeds", "0", "0"], "--seeds: each once"),
        (["data", "--render"], "--render: writes the docs from the files of cells alone"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_made(
    told: Ends, tmp_path: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        told(*arguments)
    assert not (tmp_path / "mixing-sets").exists() and not (tmp_path / "r.json").exists()
