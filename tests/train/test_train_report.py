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

import numpy as np
import pytest
from PIL import Image

from mixset.errors import InputError
from pixmix.train.config import recipe
from pixmix.train.figures import show
from pixmix.train.report import ReportConfig, report
from pixmix.train.run_folder import RunFolder
from pixmix.train.show import ShowConfig
from pixmix.train.table import COLUMNS, cells, markdown, values


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
    Image.new("RGB", (30, 20), (200, 30, 30)).save(folder / "pictures.png")
    return folder


class Page(HTMLParser):
    """What a page shows: its text and its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.sources, self.tags = "", [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


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
    assert len(page.sources) == 4  # learning, calibration, and each run's pictures
    for source in page.sources:
        kind, content = re.fullmatch(r"data:(image/[a-z+]+);base64,(.+)", source).groups()  # type: ignore[union-attr]
        data = base64.b64decode(content)
        if kind == "image/png":
            assert Image.open(io.BytesIO(data)).size == (30, 20)
        else:
            assert b"<svg" in data


def test_the_table_marks_the_best_and_leaves_gaps(tmp_path: Path) -> None:
    runs = [made_up_run(tmp_path / "one", 0.25), made_up_run(tmp_path / "two", 0.125)]
    lines = markdown(runs).splitlines()
    assert lines[0].startswith("| run | Clean error ↓ | RMS ↓ |")
    assert lines[2] == "| one | 25.0 | 12.5 | 6.2 | – | – | 75.0 | 50.0 |"
    assert lines[3] == "| two | **12.5** | **6.2** | **3.1** | – | – | **87.5** | 50.0 |"


def test_equal_values_mark_none() -> None:
    row = [20.0] * len(COLUMNS)
    assert not any(mark for cell in cells([row, row]) for _, mark in cell)
    assert values({}) == [None] * len(COLUMNS)


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
    pngs = [source for source in page.sources if source.startswith("data:image/png")]
    sizes = [Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).width for source in pngs]
    assert sizes == [30, 2, 10, 1000]
    assert "mixes in after epoch 1000" in page.text


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Two pictures of 70 x 50 in a file each."""
    files = [tmp_path / "a.png", tmp_path / "b ü.jpg"]
    for seed, file in enumerate(files):
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((70, 50)).save(file)
    return files


@pytest.mark.parametrize("steps", [False, True])
def test_show_draws_every_picture(tmp_path: Path, photographs: list[Path], mixing_folder: Path, steps: bool) -> None:
    sizes = []
    for number in (1, 2):
        paths = (*photographs[:number], tmp_path / "new" / f"out{number}.png")
        config = ShowConfig(paths=paths, mixing_set=(str(mixing_folder),), size=32, steps=steps)
        first = show(config).read_bytes()
        assert show(config).read_bytes() == first
        sizes.append(Image.open(paths[-1]).size)
    # The steps of a second picture, or its grid of k and beta; the methods have one page for all.
    assert sizes[1][1] - sizes[0][1] > (0.9 * sizes[0][1] if steps else 500)


def test_a_grid_of_a_larger_k_is_larger(tmp_path: Path, photographs: list[Path], mixing_folder: Path) -> None:
    from pixmix.settings import PixMixSettings

    heights = []
    for k in (1, 3):
        config = ShowConfig(
            paths=(photographs[0], tmp_path / "o.png"),
            mixing_set=(str(mixing_folder),),
            size=32,
            mix=PixMixSettings(k=k),
        )
        heights.append(Image.open(show(config)).height)
    assert heights[1] > heights[0] + 2 * 160


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png"], "at least one picture"),
        (["missing.png", "out.png"], "missing.png"),
        (["a.png", "out.txt"], "must end in"),
        (["a.png", "out.png", "--size", "4"], "--size 4"),
        (["a.png", "out.png", "--betas", "nan"], "--betas"),
        (["a.png", "out.png", "--mixing-set", "nowhere"], "nowhere"),
        (["a.png", "out.png", "--mix.k", "0"], "--mix.k"),
        (["a.png", "out.png", "--betas", "x"], "--betas"),
    ],
)
def test_bad_input_to_show_is_one_line(
    tmp_path: Path, photographs: list[Path], arguments: list[str], message: str
) -> None:
    from_cli = "from pixmix.train.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", from_cli, "show", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("command", [[], ["train"], ["show"], ["corrupt"], ["report"]])
def test_help_comes_at_once_without_torch(command: list[str]) -> None:
    code = (
        "import sys\nfrom pixmix.train.cli import main\nsys.argv[1:] = sys.argv[1:]\n"
        "try:\n    main()\nfinally:\n    assert 'torch' not in sys.modules and 'numba' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, *command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pixmix" in done.stdout
