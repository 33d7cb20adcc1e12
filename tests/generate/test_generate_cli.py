"""The `mixset` command, as a new user meets it: it teaches, and it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_samples import Run, digests, flip
from PIL import Image
from tiny_family import PlacedRecipe, TinyRecipe, render

from mixset import MixingSet
from mixset.generate._command import cli


def test_making_extending_and_saying_so(mixset: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    code, told, progress = mixset("make", "tiny", "--count", 6, "--workers", 1, out)
    assert (code, told) == (0, f"{out}: 6 images in 2 shards, all there\n")
    assert progress.startswith("6/6 images, ")
    assert mixset("make", "tiny", "--count", 10, "--workers", 1, out)[0] == 0
    assert digests(out) == digests(folder)
    code, told, _ = mixset("make", "tiny", "--count", 3, "--workers", 1, out)
    assert (code, told) == (0, f"{out}: 10 images in 3 shards, all there\n")


def test_parts(mixset: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    code, told, _ = mixset("make", "tiny", "--count", 10, "--part", "2/2", "--workers", 1, out)
    assert (code, told) == (0, f"part 2/2 of {out} is done; other parts are still to be made\n")
    code, told, _ = mixset("make", "tiny", "--count", 10, "--part", "1/2", "--workers", 1, out)
    assert told == f"{out}: 10 images in 3 shards, all there\n"
    assert digests(out) == digests(folder)


def test_devices_a_preview_and_layers(mixset: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_LOG", str(tmp_path / "log"))
    out, sheet = tmp_path / "new", tmp_path / "sheet.png"
    arguments = ("make", "placed", "--count", 6, "--devices", "cpu", "--workers", 1, "--preview", sheet, out)
    assert mixset(*arguments)[:2] == (0, f"{out}: 6 images in 2 shards, all there\n")
    assert [line.split()[1:] for line in (tmp_path / "log").read_text().splitlines()] == [["cpu", "1"]] * 2
    with Image.open(sheet) as page:
        assert page.width > 300
    asked: list[PlacedRecipe] = []
    monkeypatch.setattr("mixset.generate._fvis.listing.print_layers", asked.append)
    assert mixset("make", "placed", "--list-layers", "--seed", 5)[0] == 0
    assert asked == [PlacedRecipe(seed=5)]


def test_a_device_is_a_flag_of_families_that_work_on_one(mixset: Run) -> None:
    tiny, placed = mixset("make", "tiny", "--help")[1], mixset("make", "placed", "--help")[1]
    for flag in ("--devices", "--list-layers"):
        assert flag not in tiny
        assert flag in placed
    assert "--preview" in tiny
    assert "--engine" in tiny


def test_info_and_statistics(mixset: Run, folder: Path) -> None:
    code, told, _ = mixset("info", folder)
    assert code == 0
    assert told.startswith(
        f"{folder}: 10 tiny\n  8 x 8 pixels, compression none; family tiny, seed 0, size 8 (3 shards)"
    )
    _, told, _ = mixset("info", folder, "--stats")
    rows = [line.split() for line in told.splitlines()[-2:]]
    assert rows[0][0] == "set"
    assert rows[1] == ["(photographs)", "0.09", "53.8", "1.65", "4.46", "0.90", "0.86"]


def test_check_and_repair(mixset: Run, folder: Path) -> None:
    whole = digests(folder)
    assert mixset("check", folder)[:2] == (0, f"{folder}: 10 images, all as they were written\n")
    flip(folder / "tiny-00001.h5", 6)
    (folder / "tiny-00002.h5").unlink()
    code, told, error = mixset("check", folder)
    assert code == 2
    assert told.splitlines()[0].startswith(f"damaged: image 2 of shard {folder / 'tiny-00001.h5'} is damaged")
    assert told.splitlines()[1] == f"damaged: shard {folder / 'tiny-00002.h5'} is missing"
    assert error.splitlines()[-1].startswith(f"error: {folder}: 2 damaged; `mixset check {folder} --repair`")
    code, told, _ = mixset("check", folder, "--repair")
    assert code == 0
    assert told.count("repaired: ") == 2
    assert digests(folder) == whole


def test_sheet_and_export(mixset: Run, folder: Path, tmp_path: Path) -> None:
    assert mixset("sheet", folder, tmp_path / "sheet.png", "--count", 5)[:2] == (0, f"wrote {tmp_path / 'sheet.png'}\n")
    with Image.open(tmp_path / "sheet.png") as page:
        assert page.width > 300
    assert mixset("export", folder, tmp_path / "png")[0] == 0
    with Image.open(tmp_path / "png" / "tiny" / "0000007.png") as image:
        np.testing.assert_array_equal(np.asarray(image), render(TinyRecipe(), 7)[0])


def test_import_names_what_it_leaves_out(mixset: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(render(TinyRecipe(), 0)[0]).save(tmp_path / "in" / "ä.png")
    (tmp_path / "in" / "no image.jpg").write_text("x")
    (tmp_path / "in" / "notes.txt").write_text("x")
    code, told, error = mixset("import", tmp_path / "in", tmp_path / "out")
    assert (code, told) == (0, f"{tmp_path / 'out'}: 1 image, 1 broken left out, 1 other file ignored\n")
    assert "left out no image.jpg: not an image of a known format\n" in error
    np.testing.assert_array_equal(MixingSet(tmp_path / "out")[0], render(TinyRecipe(), 0)[0])


def test_help_teaches_at_once() -> None:
    """Nothing heavy is imported before the arguments, of any page: that keeps help under half a second."""
    code = (
        "import sys; from mixset.generate._command.cli import COMMANDS, main\n"
        "pages = [[], ['--help'], *([name, '--help'] for name in COMMANDS)]\n"
        "for page in [*pages, ['make', 'fractals', '--help'], ['make', 'fvis', '--help']]:\n"
        "    sys.argv[1:] = page\n"
        "    try: main()\n"
        "    except SystemExit as ended: assert not ended.code, page\n"
        "    assert not {'torch', 'numba', 'h5py', 'numpy', 'PIL'} & set(sys.modules), page\n"
        "    print('end of a page')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = done.stdout.split("end of a page\n")[:-1]
    assert len(pages) == len(cli.COMMANDS) + 4 and all("usage: mixset" in page for page in pages)


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "mixset.generate"], capture_output=True, text=True, check=True)
    assert (
        done.stdout
        == cli.HELP.format(commands="\n".join(f"  {name:8} {one.summary}" for name, one in cli.COMMANDS.items())) + "\n"
    )
