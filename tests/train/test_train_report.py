"""Tables, the report page, and the figures of `pixmix show`."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

from mixset._common.errors import InputError
from pixmix.train._command.cli import main
from pixmix.train._command.show import ShowConfig
from pixmix.train._figures.figures import show
from pixmix.train._reports.grids import markdown
from pixmix.train._reports.measured import SHOWN
from pixmix.train._reports.report import ReportConfig, report
from pixmix.train._reports.table import as_grid, make_table, print_table
from pixmix.train._runs.config import recipe
from pixmix.train._runs.run_folder import RunFolder


def made_up_run(folder: Path, error: float) -> Path:
    """The files of a run that ended, its numbers made from `error`."""
    folder.mkdir()
    bins = {"confidence": [0.5, 0.7, 0.9], "accuracy": [0.4, 0.8, 1.0 - error], "count": [100, 100, 150]}
    metrics = {
        "dataset": "a <b>bold</b> set",
        "method": "baseline",
        "clean": {"error": {"value": error, "n": 350}},
        "calibration": {
            "rms_all_bins": {"value": error / 2, "n": 350},
            "rms_reference": {"value": error / 4, "n": 350},
            "reliability": {**bins, "n": 350},
        },
        "anomalies": {"mean": {"auroc": {"value": 1 - error, "n": 350}, "aupr": {"value": 0.5, "n": 350}}},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    described = {"config": recipe("quick").to_json(), "versions": {"pixmix": "1", "torch": "2"}}
    (folder / "config.json").write_text(json.dumps(described))
    run = RunFolder(folder)
    for epoch in (1, 2):
        run.append({"epoch": epoch, "loss": 1 / epoch, "test_error": error, "lr": 0.1, "seconds": 1})
    Image.new("RGB", (30, 20), (200, 30, 30)).save(folder / "images.png")
    return folder


class Page(HTMLParser):
    """What a page shows: its text and its images."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.sources: list[Any] = []
        self.tags: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(source: str) -> Image.Image:
    """The image that a page holds as a data URI."""
    match = re.fullmatch(r"data:image/[a-z+]+;base64,(.+)", source)
    assert match is not None
    return Image.open(io.BytesIO(base64.b64decode(match[1])))


def test_what_so_few_images_do_not_have_is_a_dash_with_its_reason(tmp_path: Path) -> None:
    few, many = made_up_run(tmp_path / "few", 0.1), made_up_run(tmp_path / "many", 0.2)
    metrics = json.loads((few / "metrics.json").read_text())
    why = "the paper's code leaves the last bin out, and 150 images are one bin: two are needed"
    metrics["calibration"]["rms_reference"] = {"undefined": why, "n": 150}
    (few / "metrics.json").write_text(json.dumps(metrics))
    told = as_grid([few, many])
    assert f"RMS (ref.) –: {why}" in told.notes
    index = list(told.headings).index("RMS (ref.) ↓")
    assert [(cells[index].text, cells[index].best) for _, cells in told.rows] == [("–", False), ("5.0", False)]
    alone = as_grid([few])
    assert alone.rows[0][1][list(alone.headings).index("RMS (ref.) ↓")].text == "–"
    page = report(ReportConfig(runs=(few, many), out=tmp_path / "page.html")).read_text()
    assert (
        'title="the paper&#39;s code leaves the last bin out, and 150 images are one bin: two are needed">–</td>'
        in page
    )


def test_the_page_holds_all_it_shows(tmp_path: Path) -> None:
    runs = (made_up_run(tmp_path / "one", 0.25), made_up_run(tmp_path / "two <i>", 0.125))
    out = report(ReportConfig(runs=runs, out=tmp_path / "deep" / "report.html"))
    page = Page()
    page.feed(out.read_text())
    assert "25.0" in page.text
    assert "12.5" in page.text
    assert "two <i>" in page.text  # escaped, so shown as it is written
    assert "i" not in page.tags
    assert "pixmix train digits --recipe quick" in page.text
    images = [source for source in page.sources if not source.startswith("#")]
    assert [source for source in images if "base64" not in source] == ["data:,"]  # an icon, or a browser asks for one
    assert len(images) == 3
    for source in images[1:]:
        assert shown(source).size == (30, 20)


def test_the_table_marks_the_best_and_leaves_gaps(tmp_path: Path) -> None:
    runs = [made_up_run(tmp_path / "one", 0.25), made_up_run(tmp_path / "two", 0.125)]
    metrics = json.loads((runs[1] / "metrics.json").read_text())
    (runs[1] / "metrics.json").write_text(json.dumps({**metrics, "p": {"mt5d": {"value": 2.3456}}}))
    lines = markdown(as_grid(runs)).splitlines()
    assert lines[0] == "| run | Clean error ↓ | mT5D ↓ | RMS ↓ | RMS (ref.) ↓ | AUROC ↑ | AUPR ↑ |"
    assert lines[2] == "| one | 25.0 | – | 12.5 | 6.2 | 75.0 | 50.0 |"
    assert lines[3] == "| two | **12.5** | 2.35 | **6.2** | **3.1** | **87.5** | 50.0 |"


def all_measures(value: float) -> dict[str, dict]:
    metrics: dict[str, dict] = {}
    for column in SHOWN:
        part: dict[str, Any] = metrics
        for name in column.path:
            part = part.setdefault(name, {})
        part["value"] = value / 10 if column.percent and column.decimals == 2 else value  # risks are small
    return metrics


def test_equal_values_mark_none_and_a_measure_that_no_run_has_is_left_out() -> None:
    table = make_table([("a", all_measures(0.2)), ("b", all_measures(0.20001))])
    assert table.measures == list(SHOWN)
    assert not any(mark for row in table.cells() for _, mark in row)
    assert make_table([("a", {}), ("b", {"clean": {}})]).measures == []
    table = make_table([("a", all_measures(0.2)), ("b", all_measures(0.3))])
    columns = zip(SHOWN, zip(*table.cells(), strict=True), strict=True)
    best = {column.name: [mark for _, mark in cells] for column, cells in columns}
    higher = {column.name for column in SHOWN if column.higher_is_better}
    assert higher == {"AUROC", "AUPR", "O AUROC", "O AUPR", "W gap", "Coverage at 5 %", "OpenOOD near", "OpenOOD far"}
    assert all(marks == [title not in higher, title in higher] for title, marks in best.items())


def test_a_table_without_a_measure_says_where_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As after AutoAttack at a radius that no table has."""
    (tmp_path / "metrics.json").write_text(json.dumps({"autoattack": {"error_linf_1/255": {"value": 0.5, "n": 8}}}))
    print_table([tmp_path])
    assert "none of a table's measures" in capsys.readouterr().out


@pytest.mark.parametrize("runs", [1, 8])
def test_the_printed_table_holds_every_number_in_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, runs: int
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folders = []
    for number in range(runs):
        folders.append(tmp_path / f"cifar10-pixmix[b]-{number}")
        folders[-1].mkdir()
        (folders[-1] / "metrics.json").write_text(json.dumps(all_measures(0.111 * (number + 1))))
    print_table(folders)
    printed = capsys.readouterr().out
    assert max(map(cell_len, printed.splitlines())) <= 80
    assert all(column.heading in printed for column in SHOWN)
    for number in range(runs):
        others = [column.name for column in SHOWN if column.decimals == 2]
        assert others == ["mT5D", "NLL", "NLL (T)", "AURC", "AUGRC"]
        assert printed.count(f" {11.1 * (number + 1):.1f} ") == len(SHOWN) - len(others)
    assert "[b]" in printed.replace("\n", "") or runs > 1


def test_what_was_measured_alone_is_in_the_report(tmp_path: Path) -> None:
    """The folder of `pixmix evaluate`, which has no config and no log, beside a run and by itself."""
    run, alone = made_up_run(tmp_path / "run", 0.25), made_up_run(tmp_path / "resnet50", 0.125)
    for name in ("config.json", "log.jsonl", "images.png"):
        (alone / name).unlink()
    metrics = json.loads((alone / "metrics.json").read_text())
    del metrics["dataset"]
    (alone / "metrics.json").write_text(json.dumps({**metrics, "model": "resnet50"}))
    texts = []
    for folders in ((run, alone), (alone,)):
        page = Page()
        page.feed(report(ReportConfig(runs=folders, out=tmp_path / "r.html")).read_text())
        assert "resnet50" in page.text and "12.5" in page.text
        texts.append(page.text)
    assert texts[0].count("pixmix train") == 1
    assert "Learning" in texts[0]
    assert "pixmix train" not in texts[1] and "Learning" not in texts[1]


def test_an_unfinished_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match="run"):
        report(ReportConfig(runs=(tmp_path / "run",), out=tmp_path / "r.html"))
    with pytest.raises(InputError, match="at least one"):
        report(ReportConfig(runs=(), out=tmp_path / "r.html"))


def test_a_run_of_iterative_shows_its_first_middle_and_last_sheet(tmp_path: Path) -> None:
    folder = made_up_run(tmp_path / "run", 0.25)
    run = RunFolder(folder)
    run.fvis.mkdir()
    for epoch in (2, 3, 10, 999, 1000):  # before epoch 2 the pool was empty
        Image.new("RGB", (epoch, 20)).save(run.sheet(epoch))
    page = Page()
    page.feed(report(ReportConfig(runs=(folder,), out=tmp_path / "r.html")).read_text())
    sizes = [shown(source).width for source in page.sources if source.startswith("data:image/")]
    assert sizes == [30, 2, 10, 1000]
    assert "mixed in after epoch 1000" in page.text


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Two images of 70 x 50 in a file each."""
    files = [tmp_path / "a.png", tmp_path / "b ü.jpg"]
    for seed, file in enumerate(files):
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((70, 50)).save(file)
    return files


@pytest.mark.parametrize("steps", [False, True])
def test_show_draws_every_image(
    tmp_path: Path, photographs: list[Path], mixing_folder: Path, steps: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = []
    for number in (1, 2):
        paths = (*photographs[:number], tmp_path / "new" / f"out{number}.png")
        config = ShowConfig(paths=paths, mixing_set=(str(mixing_folder),), size=32, rounds=steps)
        first = show(config).read_bytes()
        sizes.append(Image.open(paths[-1]).size)
        # One drawing an image, or 4 x 5 of the grid for each and a row of 6 for each method: all are counted.
        lines = re.findall(r"^(\d+)/(\d+) images", capsys.readouterr().err, re.MULTILINE)
        count = int(lines[-1][0])
        assert lines[-1] == (str(count), str(count))
        assert count == number if steps else count > 20 * number and (count - 20 * number) % 6 == 0
        assert number == 2 or show(config).read_bytes() == first
        capsys.readouterr()
    # The steps of a second image, or its grid of k and beta; the methods have one page for all.
    assert sizes[1][1] - sizes[0][1] > (0.9 * sizes[0][1] if steps else 500)


def test_a_grid_of_a_larger_k_is_larger(tmp_path: Path, photographs: list[Path], mixing_folder: Path) -> None:
    from pixmix._augment.settings import PixMixSettings

    heights = []
    for k in (1, 3):
        config = ShowConfig(
            paths=(photographs[0], tmp_path / "o.png"),
            mixing_set=(str(mixing_folder),),
            size=32,
            methods=("pixmix",),
            mix=PixMixSettings(k=k),
        )
        heights.append(Image.open(show(config)).height)
    assert heights[1] > heights[0] + 2 * 160


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png"], "at least one image"),
        (["missing.png", "out.png"], "missing.png"),
        (["a.png", "out.txt"], "must end in"),
        (["a.png", "out.png", "--size", "4"], "--size: a whole number from 8"),
        (["a.png", "out.png", "--betas", "nan"], "--betas"),
        (["a.png", "out.png", "--mixing-set", "nowhere"], "nowhere"),
        (["a.png", "out.png", "--mix.k", "0"], "--mix.k"),
        (["a.png", "out.png", "--betas", "x"], "--betas"),
        (["a.png", "out.png", "--methods", "NONSENSE"], "method NONSENSE: unknown"),
        (["a.png", "out.png", "--rounds", "--methods", "pixmix"], "--methods: not part of the figure"),
        (["a.png", "out.png", "--rounds", "--betas", "2"], "--betas: not part of the figure"),
    ],
)
def test_bad_input_to_show_is_one_line(
    photographs: list[Path],
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pixmix", "show", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_help_comes_at_once_without_torch() -> None:
    """Of every command, one after the other in one process."""
    code = (
        "import sys\nfrom pixmix.train._command.cli import main\n"
        "for command in ([], ['train'], ['evaluate'], ['show'], ['corrupt'], ['report']):\n"
        "    sys.argv[1:] = [*command, '--help']\n"
        "    try:\n        main()\n"
        "    except SystemExit as ended:\n        assert not ended.code, command\n"
        "    assert 'torch' not in sys.modules and 'numba' not in sys.modules, command\n"
        "    print('end of a page')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = done.stdout.split("end of a page\n")
    assert len(pages) == 7 and all("pixmix" in page for page in pages[:-1])
