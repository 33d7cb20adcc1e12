"""Run folders that are readable and not what they should be: one line names file and fault, whatever they hold."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_samples import write_run
from run_samples import quick

from mixset._common.errors import InputError
from mixset.generate._networks.runs import Trust, open_run
from pixmix.train._reports.report import ReportConfig, report
from pixmix.train._reports.table import as_grid
from pixmix.train._runs.records import read_config, read_json, read_log, read_metrics
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training.run import train

WORDS = ["x", "", -1, 2**80, 1e300, float("nan"), None, True, [], [1], ["a", 1], {}, {"value": "x"}, {"a": {"b": []}}]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("sample") / "run", 0.1)


def shown(run: Path) -> None:
    """All that reads a run folder without its network."""
    as_grid([run])
    report(ReportConfig(runs=(run, run), out=run.parent / "report.html"))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.json", "[]", "metrics.json is damaged (it is not an object); take it away, and measure again"),
        ("metrics.json", "{", "metrics.json is damaged (Expecting property name"),
        ("metrics.json", b"\xff\xfe{", "metrics.json is damaged ("),
        ("metrics.json", "[" * 100_000, "metrics.json is damaged ("),
        ("metrics.json", '{"clean": []}', "metrics.json is damaged (clean is not an object)"),
        ("metrics.json", '{"clean": {"error": {"value": "x"}}}', "(clean.error.value is not a number)"),
        ("metrics.json", '{"clean": {"error": {"value": 1, "n": 1.5}}}', "(clean.error.n is not a whole number from 0"),
        ("metrics.json", '{"clean": {"error": {"interval": [1]}}}', "(clean.error.interval is not two numbers)"),
        ("metrics.json", '{"calibration": {"reliability": 5}}', "(calibration.reliability is not an object)"),
        (
            "metrics.json",
            '{"calibration": {"reliability": {"confidence": [1], "accuracy": [], "count": [1]}}}',
            "(calibration.reliability is not bins of equal number)",
        ),
        (
            "metrics.json",
            '{"c": {"fog": {"value": 1, "severities": {"x": 1}}}}',
            "c.fog.severities is not errors by se",
        ),
        (
            "config.json",
            "[]",
            "config.json is damaged (it is not an object); name the folder of a run of `pixmix train`",
        ),
        ("config.json", "{}", "config.json is damaged (config is not an object)"),
        ("config.json", '{"config": {"dataset": 5}}', "config.json is damaged (config.dataset is not text)"),
        (
            "config.json",
            None,
            "config.json is damaged (config.recipe is not one of cifar, imagenet, places365, vit-s, quick)",
        ),
        ("log.jsonl", "5\n6\n", "log.jsonl is damaged (line 1 is not an object)"),
        ("log.jsonl", '{"epoch": 1, "lo\n{}\n', "log.jsonl is damaged ("),
        ("log.jsonl", '{"epoch": 1, "loss": 1}\n', "log.jsonl is damaged (line 1: test_error is not a number)"),
        ("images.png", "x", "images.png is damaged (cannot identify image file"),
        ("mixing_set.png", "", "mixing_set.png is damaged ("),
        ("metrics.json", Path.mkdir, "metrics.json is not a regular file but a folder"),
    ],
)
def test_what_is_damaged_is_named(sample: Path, tmp_path: Path, file: str, content: Any, message: str) -> None:
    run = shutil.copytree(sample, tmp_path / "run")
    if content is None:
        described = json.loads((run / file).read_text())
        described["config"]["recipe"] = "../../x"
        content = json.dumps(described)
    if callable(content):
        (run / file).unlink()
        content(run / file)
    else:
        (run / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        shown(run)
    assert message in str(caught.value) and str(run) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_whole_is_read(sample: Path, tmp_path: Path) -> None:
    """The control."""
    shown(shutil.copytree(sample, tmp_path / "run"))
    assert read_metrics(sample / "metrics.json")["clean"]["error"]["value"] == 0.1
    assert [entry["epoch"] for entry in read_log(sample / "log.jsonl")] == [1, 2, 3]


def test_a_line_that_a_kill_cut_short_is_none(sample: Path, tmp_path: Path) -> None:
    run = shutil.copytree(sample, tmp_path / "run")
    with open(run / "log.jsonl", "a") as log:
        log.write('{"epoch": 4, "lo')
    assert [entry["epoch"] for entry in read_log(run / "log.jsonl")] == [1, 2, 3]
    (run / "log.jsonl").write_text('{"epoch": 1, "lo')
    shown(run)


def test_a_value_that_is_no_number_is_a_gap(sample: Path, tmp_path: Path) -> None:
    run = shutil.copytree(sample, tmp_path / "run")
    metrics = json.loads((run / "metrics.json").read_text())
    for suite, name in (("clean", "error"), ("c", "fog"), ("p", "mfr")):
        metrics[suite][name]["value"] = float("nan")
    metrics["anomalies"]["gaussian"]["auroc"]["value"] = float("inf")
    (run / "metrics.json").write_text(json.dumps(metrics))
    shown(run)
    assert "Clean error ↓" not in as_grid([run]).headings


def indices(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a JSON value."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(index for key, value in inside for index in indices(value, (*path, key)))]


def spoil(content: Any, chance: random.Random) -> Any:
    """The value with something else in one place, or without it."""
    *path, last = chance.choice(indices(content)[1:])
    parent = content
    for key in path:
        parent = parent[key]
    if chance.random() < 0.2 and isinstance(parent, dict):
        del parent[last]
    else:
        parent[last] = chance.choice(WORDS)
    return content


def spoiled(sample: Path, run: Path, count: int, seed: int) -> dict[str, int]:
    """Spoil so many run folders, each in one place; each is shown, or refused in one line."""
    ends = {"shown": 0, "refused": 0}
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")
        file = chance.choice(("metrics.json", "metrics.json", "config.json", "log.jsonl"))
        lines = (sample / file).read_text().splitlines() if file == "log.jsonl" else [(sample / file).read_text()]
        values = [json.loads(line) for line in lines]
        index = chance.randrange(len(values))
        values[index] = spoil(values[index], chance)
        shutil.copyfile(sample / "metrics.json", run / "metrics.json")
        shutil.copyfile(sample / "config.json", run / "config.json")
        shutil.copyfile(sample / "log.jsonl", run / "log.jsonl")
        (run / file).write_text("".join(json.dumps(value) + "\n" for value in values))
        try:
            shown(run)
            ends["shown"] += 1
        except InputError as error:
            assert "\n" not in str(error)
            ends["refused"] += 1
    return ends


def test_run_folders_spoiled_in_one_index_are_shown_or_refused(sample: Path, tmp_path: Path) -> None:
    ends = spoiled(sample, shutil.copytree(sample, tmp_path / "run"), 20, 0)
    assert min(ends.values()) > 2


@pytest.mark.slow
def test_many_run_folders_spoiled_in_one_index(sample: Path, tmp_path: Path) -> None:
    ends = spoiled(sample, shutil.copytree(sample, tmp_path / "run"), 1000, 1)
    assert min(ends.values()) > 100


@pytest.mark.parametrize("file", ["config.json", "metrics.json", "log.jsonl", "mixing_set.png", "images.png"])
def test_what_is_no_regular_file_is_not_opened(sample: Path, tmp_path: Path, file: str) -> None:
    """A pipe would block its reader, a device never end."""
    shutil.copytree(sample, tmp_path / "run")
    path = tmp_path / "run" / file
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(InputError, match=f"{file} is not a regular file but a pipe"):
        report(ReportConfig(runs=(tmp_path / "run",), out=tmp_path / "report.html"))
    if file == "config.json":
        with pytest.raises(InputError, match=f"{file} is not a regular file but a pipe"):
            open_run(tmp_path / "run", Trust())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("images.size", 20_000, "images.size is not a side from 1 to 1,024 pixels"),
        ("config.size", 0, "config.size is not a side from 1 to 1,024 pixels, or null"),
        ("config.test_subset", 0, "config.test_subset is not a whole number from 1 on, or null"),
    ],
)
def test_numbers_of_a_config_are_within_their_ranges(
    sample: Path, tmp_path: Path, name: str, value: int, message: str
) -> None:
    """A size decides how much memory is taken."""
    content = json.loads((sample / "config.json").read_text())
    part, _, field = name.partition(".")
    content.setdefault(part, {})[field] = value
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=re.escape(message)):
        read_config(tmp_path / "config.json")


def test_a_log_that_is_a_link_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    folder = RunFolder(tmp_path)
    folder.log.symlink_to(tmp_path / "kept")
    for write in (lambda: folder.append({"epoch": 1}), lambda: folder.log_lines.cut(0)):
        with pytest.raises(InputError, match=r"cannot write .*log\.jsonl: .*symbolic links"):
            write()
    assert (tmp_path / "kept").read_text() == "kept"


@pytest.mark.parametrize("reader", [read_config, read_metrics, lambda path: read_json(path, "")])
def test_a_file_that_is_not_there_asks_for_the_folder(tmp_path: Path, reader: Callable[[Path], object]) -> None:
    with pytest.raises(InputError, match=r"x.json: no such file; is .* a run folder of a run that ended\?"):
        reader(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", "[]", r"config\.json is damaged \(it is not an object\)"),
        ("config.json", "{}", r"config\.json is damaged \(config is not an object\)"),
        ("metrics.json", "[]", r"metrics\.json is damaged \(it is not an object\); take it away, and measure again"),
    ],
)
def test_a_damaged_run_is_not_resumed(colours: Path, tmp_path: Path, file: str, content: str, message: str) -> None:
    config = quick(colours, tmp_path / "run", resume=True)
    run = write_run(config.folder, 0.1)
    (run / "config.json").write_text(json.dumps({"config": config.to_json()}))
    assert train(config) == read_metrics(run / "metrics.json")  # the control: it has ended
    (run / file).write_text(content)
    with pytest.raises(InputError, match=message):
        train(config)
