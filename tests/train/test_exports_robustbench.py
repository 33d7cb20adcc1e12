"""`pixmix export robustbench`: entries and rows as RobustBench's model_info has them, and what it takes no entry of."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from board_samples import ORDER, attacked, corrupted, write

from mixset._common.errors import InputError
from pixmix.train._command.cli import main
from pixmix.train._exports.robustbench import export


def test_an_entry_of_cifar_and_its_row(tmp_path: Path) -> None:
    run = write(tmp_path / "PixMix WRN", c=corrupted(10_000))
    out = tmp_path / "out"
    written = export([run], out)
    folder = out / "cifar10" / "corruptions"
    assert written == [folder / "PixMix_WRN.json", folder / "unaggregated_results.csv"]
    entry = json.loads(written[0].read_text())
    assert list(entry) == [
        *("link", "name", "authors", "additional_data", "number_forward_passes", "dataset", "venue", "architecture"),
        *("eps", "clean_acc", "reported", "corruptions_acc"),
    ]
    assert entry["dataset"] == "cifar10" and entry["clean_acc"] == "95.79" and entry["reported"] == ""
    assert entry["corruptions_acc"] == "63.0"  # 100 − the mean of 10 s, 30, − the mean of 0 to 14, 7
    assert entry["number_forward_passes"] == 1 and entry["architecture"] == "wrn-40-4"
    assert [entry[name] for name in ("link", "name", "authors", "additional_data", "venue", "eps")] == [None] * 6
    corruptions, severities, row = csv.reader(written[1].read_text().splitlines())
    assert corruptions == ["", *(name for name in ORDER for _ in range(5))]
    assert severities == ["", *"12345" * 15]
    assert row[0] == "PixMix_WRN" and len(row) == 76
    assert [float(value) for value in row[1:8]] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.89, 0.79])


def test_entries_of_adversaries_are_of_the_boards_radius(tmp_path: Path) -> None:
    suite = {
        "clean_error": {"value": 0.04, "n": 10_000},
        "error_linf_2/255": attacked(0.5),
        "error_linf_8/255": attacked(0.56789, warnings=["Square"]),
        "error_l2_0.50": attacked(0.25),
    }
    written = export([write(tmp_path / "run", autoattack=suite)], tmp_path / "out")
    entries = {path.parent.name: json.loads(path.read_text()) for path in written}
    assert entries.keys() == {"Linf", "L2"}
    assert entries["Linf"]["eps"] == "8/255" and entries["Linf"]["autoattack_acc"] == "43.21"
    assert entries["Linf"]["unreliable"] is True and entries["L2"]["unreliable"] is False
    assert entries["L2"]["eps"] == "0.5" and entries["L2"]["autoattack_acc"] == "75.0"
    assert entries["Linf"]["clean_acc"] == "95.79"


def test_an_entry_of_imagenet_has_the_boards_mce(tmp_path: Path) -> None:
    suite = {**corrupted(5_000), "mce_robustbench": {"value": 0.60044, "n": 5_000}}
    more = {"robustbench": True, "autoattack": {"error_linf_4/255": attacked(1.0, 5_000)}}
    run = write(tmp_path / "run", count=5_000, dataset="folder:val", c=suite, **more)
    written = export([run], tmp_path / "out")
    assert [str(path.relative_to(tmp_path / "out")) for path in written] == [
        "imagenet/corruptions/run.json",
        "imagenet/Linf/run.json",
        "imagenet/corruptions/unaggregated_results.csv",
    ]
    entry = json.loads(written[0].read_text())
    assert entry["corruptions_mce"] == "60.04" and entry["dataset"] == "imagenet"
    assert entry["corruptions_acc_3d"] is None and entry["corruptions_mce_3d"] is None
    assert json.loads(written[1].read_text())["autoattack_acc"] == "0.0"


def test_what_was_filled_in_by_hand_stays_and_so_do_other_rows(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, c=corrupted(10_000)) for name in ("first", "second"))
    path, table = export([first], tmp_path / "out")
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "authors": "A. B.", "clean_acc": "1.0", "footnote": "x"})
    )
    export([second], tmp_path / "out")
    export([first], tmp_path / "out")
    entry = json.loads(path.read_text())
    assert entry["authors"] == "A. B." and entry["footnote"] == "x" and entry["clean_acc"] == "95.79"
    assert [line.partition(",")[0] for line in table.read_text().splitlines()] == ["", "", "first", "second"]
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"unaggregated_results\.csv.*other columns"):
        export([first], tmp_path / "out")


@pytest.mark.parametrize(
    ("count", "dataset", "suites", "line"),
    [
        (10_000, "digits", {}, "is of digits; RobustBench's boards are of cifar10, cifar100, and ImageNet's"),
        (10_000, "cifar10", {}, r"errors under corruptions \(suite c\)"),
        (10_000, "cifar10", {}, r"suite autoattack, --autoattack\.linf 8/255 --autoattack\.count 10000"),
        (500, "cifar10", {"c": corrupted(10_000)}, r"clean error of all 10,000 images \(suite clean\)"),
        (10_000, "cifar10", {"c": corrupted(500)}, "suite c is not of all 10,000 images"),
        (10_000, "cifar10", {"c": corrupted(10_000, source="generated")}, "suite c is of a generated set"),
        (10_000, "cifar10", {"c": corrupted(10_000, without=("fog", "3"))}, "suite c lacks severities of fog"),
        (5_000, "folder:val", {"c": corrupted(5_000), "robustbench": True}, "suite c has no mce_robustbench"),
        (10_000, "cifar10", {"autoattack": {"error_linf_8/255": attacked(0.9, 1_000)}}, "on all 10,000 images"),
        (10_000, "cifar10", {"autoattack": {"error_linf_2/255": attacked(0.9)}}, "AutoAttack at 8/255"),
        (10_000, "cifar100", {"autoattack": {"error_l2_0.5": attacked(0.9)}}, "AutoAttack at 8/255"),
    ],
)
def test_what_no_board_takes_is_refused_with_the_reason(
    count: int, dataset: str, suites: dict[str, Any], line: str, tmp_path: Path
) -> None:
    run = write(tmp_path / "run", count=count, dataset=dataset, **suites)
    with pytest.raises(InputError, match=line):
        export([run], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    runs = [write(tmp_path / parent / "run", c=corrupted(10_000)) for parent in "ab"]
    with pytest.raises(InputError, match="two runs are called run; rename one"):
        export(runs, tmp_path / "out")


def test_the_command_says_what_it_wrote_and_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write(tmp_path / "run", c=corrupted(10_000))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pixmix", "export", "robustbench", str(run)])
    main()
    said = capsys.readouterr()
    assert "wrote export/cifar10/corruptions/run.json" in said.out
    assert "left out: AutoAttack at 8/255 on all 10,000 images" in said.err
    for words, line in (
        (["robustbnch", "run"], "no such board; perhaps you meant robustbench"),
        (["robustbench"], "name at least one run"),
        (["robustbench", "nowhere"], "nowhere/metrics.json: no such file"),
    ):
        monkeypatch.setattr(sys, "argv", ["pixmix", "export", *words])
        with pytest.raises(SystemExit):
            main()
        assert line in capsys.readouterr().err
