"""The evidence's cells: each run once, in order, within the minutes, kept and resumed whatever fails or is stopped."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import evidence_work
import pytest
from evidence_cells import CELLS, VISUALISED, Cell, Scale
from evidence_results import read_results, write_result
from evidence_samples import BY_NAME, SMALL, measures, result, site, write_images
from evidence_work import Work

from mixset._common.errors import InputError
from mixset._store.importing import import_images
from pixmix.train._ablations import runner

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "PROGRAMS", dict.fromkeys(("pixmix", "mixset"), "evidence_program"))
    monkeypatch.setattr(runner, "EVERY", 0.02)
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    (tmp_path / "measures.json").write_text(json.dumps(measures(0.25)))
    monkeypatch.setenv("MEASURES", str(tmp_path / "measures.json"))
    write_images(tmp_path / "mixing", 4, 7)
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EVIDENCE", raising=False)


def cells(*names: str) -> list[Cell]:
    return [BY_NAME[name] for name in names]


def work(root: Path, names: Sequence[str], minutes: float | None = None, **changes: Any) -> Work:
    return Work(site(root, **changes), root / "results", cells(*names), minutes)


def names(found: Sequence[Cell]) -> list[str]:
    return [cell.name for cell in found]


def test_a_cell_is_run_whole_once_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = work(tmp_path, ["pixmix-s0", "mix-input-s0"])
    assert mine.run()
    one, two = read_results(tmp_path / "results")
    assert (one.cell, two.cell) == ("mix-input-s0", "pixmix-s0")
    assert one.key["sets"] == {} and two.key["sets"]["fractals"]["count"] == 4
    assert len(two.key["sets"]["fractals"]["content"]) == 64
    assert two.key["recipe"]["mix"]["k"] == 4 and two.key["recipe"]["network"] == "wrn-10-1"
    # The commands tell nothing of where this was.
    assert two.commands[0] == "mixset make fractals --count 4 --size 64 OUT/sets/fractals"
    assert [line.split()[1] for line in two.commands] == ["make", "train", "corrupt", "corrupt", "corrupt", "evaluate"]
    assert not any(str(tmp_path) in line for line in two.commands)
    assert two.seconds.keys() == {"fractals", "training", "c", "cbar", "p", "measures"}
    assert two.metrics["clean"]["error"]["value"] == 0.25
    capsys.readouterr()
    # Elsewhere and from nothing: they are not run again, though the content of the set is not known there.
    other = work(tmp_path, ["pixmix-s0", "mix-input-s0"], out=tmp_path / "elsewhere")
    assert other.run()
    assert capsys.readouterr().out == "2 of 2 cells are there\n"
    assert not (tmp_path / "elsewhere" / SMALL.name / "runs").exists()


def test_another_key_makes_another_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = work(tmp_path, ["mix-input-s0"])
    assert mine.run()
    (cell,) = mine.wanted
    assert mine.there(cell)
    assert not work(tmp_path, ["mix-input-s0"], scale=dataclasses.replace(SMALL, epochs=2)).there(cell)
    write_images(tmp_path / "ood" / "textures", 2, 3)
    assert not work(tmp_path, ["mix-input-s0"], ood=tmp_path / "ood").there(cell)
    monkeypatch.setattr("evidence_cells.PROTOCOL", 2)
    assert not mine.there(cell)


def test_a_cell_that_fails_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE", "fail baseline-s0")
    mine = work(tmp_path, ["baseline-s0", "mix-input-s0"])
    assert not mine.run()
    assert [one.cell for one in read_results(tmp_path / "results")] == ["mix-input-s0"]
    monkeypatch.delenv("EVIDENCE")
    monkeypatch.setattr(evidence_work, "make", lambda *_, **__: None)
    assert work(tmp_path, ["baseline-s0", "mix-input-s0"]).run()


def test_when_the_minutes_are_over_what_has_ended_is_kept_and_the_rest_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVIDENCE", "stop cutout-s0")
    assert work(tmp_path, ["mix-input-s0", "cutout-s0", "mixup-s0"], minutes=100).run()
    assert [one.cell for one in read_results(tmp_path / "results")] == ["mix-input-s0"]
    assert "the minutes are over" in capsys.readouterr().out
    monkeypatch.delenv("EVIDENCE")
    again = work(tmp_path, ["mix-input-s0", "mixup-s0", "cutout-s0"], minutes=100)
    assert again.state(BY_NAME["cutout-s0"]).startswith("1 epochs trained, about ")
    assert names(again.batch()) == ["cutout-s0"]  # what is begun comes first
    assert again.run()
    assert len(read_results(tmp_path / "results")) == 3


def test_a_cell_that_ended_before_a_kill_is_kept_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = work(tmp_path, ["mix-input-s0"])
    assert mine.run()
    (path,) = (tmp_path / "results").iterdir()
    path.unlink()
    monkeypatch.setattr(evidence_work, "ablate", lambda config: pytest.fail("it has run"))
    assert work(tmp_path, ["mix-input-s0"]).run()
    assert path.exists()


def test_the_baselines_cell_makes_visualisations_for_other_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def make(recipe: Any, out: Path, *, devices: Sequence[str], compression: str) -> None:
        made.append((recipe.network, recipe.count, recipe.size, list(devices), compression))
        write_images(tmp_path / "units", 4, 9)
        import_images(tmp_path / "units", out, size=36, quiet=True)

    monkeypatch.setattr(evidence_work, "make", make)
    monkeypatch.setattr(evidence_work, "need_lucent", lambda: None)
    mine = work(tmp_path, [VISUALISED, "fvis-s0", "fractals+fvis-s0"], devices=("cpu", "cpu"))
    assert mine.state(BY_NAME["fvis-s0"]).startswith("waits for the visualisations that baseline-s0 makes")
    assert mine.run()
    network = f"run:{tmp_path / 'out' / SMALL.name / 'runs' / 'baseline-s0'}"
    assert made == [(network, 4, 36, ["cpu"], "gzip")]
    found = {one.cell: one for one in read_results(tmp_path / "results")}
    assert found.keys() == {VISUALISED, "fvis-s0", "fractals+fvis-s0"}
    assert found[VISUALISED].seconds["visualisations"] >= 0
    assert found["fractals+fvis-s0"].key["sets"].keys() == {"fractals", "fvis"}
    assert "--mixing-set fvis " in found["fvis-s0"].commands[0]


def test_without_lucent_the_cells_that_need_it_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking() -> None:
        raise InputError("lucent is not installed")

    monkeypatch.setattr(evidence_work, "need_lucent", lacking)
    mine = work(tmp_path, [VISUALISED, "iterative-s0", "oe-s0"])
    assert mine.run()
    assert [one.cell for one in read_results(tmp_path / "results")] == [VISUALISED]
    assert [mine.state(cell) for cell in mine.wanted[1:]] == [
        'waits for lucent: pip install "pixmix[fvis]"',
        "waits for --outliers",
    ]


WHOLE = tuple(cell.name for cell in CELLS if cell.row not in ("iterative", "fvis", "fractals+fvis", "oe"))


@pytest.mark.parametrize(
    ("minutes", "spent", "devices", "expected"),
    [
        (None, 0, 1, ["pixmix-s0"]),
        (None, 0, 3, ["pixmix-s0", "baseline-s0", "mix-input-s0"]),
        (None, 0, 9, [name for name in WHOLE if name.endswith("s0")]),
        (10, 0, 2, ["pixmix-s0", "baseline-s0"]),
        (10, 300, 2, ["augmix-s0"]),  # of these none ends in five minutes, and AugMix in no call
        (10, 545, 2, []),
        (5, 0, 2, ["pixmix-s0"]),  # none ends in a call, so calls share one
        (5, 280, 2, []),
    ],
)
def test_cells_that_end_within_the_minutes_are_begun(
    tmp_path: Path, minutes: float | None, spent: float, devices: int, expected: list[str]
) -> None:
    mine = work(tmp_path, WHOLE, minutes, scale=Scale(), devices=("cpu",) * devices)
    mine.start = time.monotonic() - spent
    assert names(mine.batch()) == expected[:devices]


def test_results_of_the_same_card_and_size_say_how_long_a_cell_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_work, "card", lambda device: "A card")
    mine = work(tmp_path, WHOLE, scale=Scale())
    assert mine.seconds(BY_NAME["cutmix-s0"]) == 240 + 240 + 60
    write_result(result("augmix-s0"), tmp_path / "results")  # three times as long as the baseline
    for other in (result("baseline-s1", epochs=1), dataclasses.replace(result("baseline-s0"), card="Another")):
        write_result(dataclasses.replace(other, seconds={"training": 1.0, "measures": 1.0}), tmp_path / "results")
    assert mine.seconds(BY_NAME["cutmix-s0"]) == 200 + 150 + 60
    assert mine.seconds(BY_NAME["augmix-s0"]) == 600 + 150 + 60
