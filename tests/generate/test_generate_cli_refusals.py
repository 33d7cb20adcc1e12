"""The `mixset` command says in one line what is wrong."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from cli_samples import Run, digests, flip

from mixset import MixingSet
from mixset._common.jsons import write_sealed_json
from mixset._store import manifest


def later(folder: Path) -> None:
    with h5py.File(folder / "tiny-00000.h5", "r+") as file:
        file.attrs["format_version"] = 9


def written(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "mixset.json").write_text(text)


def renamed(name: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        values = manifest.read_json(folder / manifest.NAME)
        values["shards"][0]["name"] = name
        write_sealed_json(folder / manifest.NAME, values)

    return damage


def cut(folder: Path) -> None:
    path = folder / "tiny-00000.h5"
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("damage", "arguments", "words"),
    [
        (None, ["paint"], "no such command; the commands are make, import"),
        (None, ["make", "--count", "3"], "the family comes first"),
        (None, ["make", "sponges", "OUT"], "family 'sponges' is unknown; known ones are "),
        (
            None,
            ["make", "tiny"],
            "OUT is missing: Where the result goes: the folder of the set, made when missing;",
        ),
        (None, ["make", "tiny", "--count", "many", "OUT"], "--count"),
        (None, ["make", "tiny", "--counts", "3", "OUT"], "unknown option --counts"),
        (None, ["make", "tiny", "--part", "3/2", "OUT"], "part: 3/2 is out of range"),
        (None, ["make", "tiny", "--part", "half", "OUT"], "part: 'half' is not of the form i/n"),
        (None, ["make", "tiny", "--workers", "0", "OUT"], "workers: a whole number from 1 to 1,024 is needed, got 0"),
        (None, ["make", "tiny", "--devices", "cpu", "OUT"], "unknown option --devices"),
        (None, ["make", "tiny", "--engine", "ray", "OUT"], "engine: 'ray' is unknown; give processes, dask or dask://"),
        (None, ["make", "tiny", "--preview", "OUT.xyz", "OUT"], "no image format has this suffix"),
        (None, ["make", "tiny", "--preview", "FILE/sheet.png", "OUT"], "sheet.png cannot be written (Not a directory)"),
        (None, ["make", "tiny", ""], "an argument: the value is empty"),
        (None, ["make", "tiny", "--preview", "", "OUT"], "--preview: the value is empty"),
        (None, ["make", "tiny", "--preview=", "OUT"], "--preview: the value is empty"),
        (None, ["make", "tiny", "--workers", "many", "OUT"], "error: --workers: INT is needed, got 'many'; see mixset"),
        (None, ["make", "tiny", "--seed", "1.5", "OUT"], "error: --seed: INT is needed, got '1.5'; see mixset"),
        (None, ["make", "plasma", "--size", "many", "OUT"], "--size: INT or INT INT is needed, got 'many'; see mixset"),
        (None, ["make", "plasma", "OUT", "--size", "1", "2", "3"], "INT or INT INT is needed, got '1', '2', '3'; see"),
        (None, ["show", "SET", "0", "--size", "big"], "error: --size: INT or INT INT is needed, got 'big'; see mixset"),
        (None, ["check", ""], "an argument: the value is empty"),
        (None, ["make", "placed"], "OUT is missing: the folder of the set; it stands before a flag"),
        (None, ["make", "placed", "--devices", "gpu", "OUT"], "--devices: 'gpu' is unknown; give auto, cpu, cuda:N"),
        (None, ["make", "placed", "--devices", "cpu,cuda:0", "OUT"], "--devices: cpu,cuda:0 do not go together"),
        (None, ["make", "tiny", "--seed", "1", "SET"], "a set of another recipe (seed 0 there, 1 asked)"),
        (None, ["show", "SET", "many"], "error: INDEX: INT is needed, got 'many'; see mixset show"),
        (None, ["make", "fractals", "--size", "7", "OUT"], "size: 7 is out of range"),
        (None, ["make", "tiny", "FILE"], "is a file"),
        (None, ["make", "tiny", "PLACE"], "is not empty and not a mixing set"),
        (None, ["info"], "name at least one set"),
        (None, ["info", "NONE"], "does not exist"),
        (None, ["info", "EMPTY"], "holds no shards"),
        (None, ["check", "NONE"], "is not a folder"),
        (None, ["check", "EMPTY"], "holds no shards"),
        (None, ["sheet", "SET", "OUT.xyz"], "no image format has this suffix"),
        (None, ["sheet", "SET", "FILE/sheet.png"], "sheet.png cannot be written (Not a directory)"),
        (None, ["sheet", "SET", "OUT.png", "--families", "fvis"], "holds no images of fvis; it has tiny (10)"),
        (None, ["sheet", "SET", "OUT.png", "--count", "0"], "--count: a whole number from 1 to"),
        (None, ["import", "NONE", "OUT"], "does not exist"),
        (None, ["import", "EMPTY", "OUT"], "holds no images"),
        (None, ["import", "FILE", "OUT"], "is not a folder, tar archive or .npy array"),
        (None, ["import", "BROKEN", "OUT"], "no image in"),
        (None, ["import", "BROKEN", "OUT", "--size", "1"], "size: 1 is out of range"),
        (None, ["import", "BROKEN", "SET"], "holds a set of another recipe"),
        (None, ["export", "SET", "PLACE"], "is not empty and not a mixing set (it holds thesis.tex)"),
        (
            None,
            ["import", "BROKEN", "OUT", "--workers", "0"],
            "workers: a whole number from 1 to 1,024 is needed, got 0",
        ),
        (
            None,
            ["import", "BROKEN", "OUT", "--workers", "-1"],
            "workers: a whole number from 1 to 1,024 is needed, got -1",
        ),
        (
            None,
            ["make", "tiny", "--workers", "1000000000", "OUT"],
            "workers: a whole number from 1 to 1,024 is needed, got 1000000000",
        ),
        (None, ["import", "/dev/zero", "OUT"], "/dev/zero is not a regular file but a device"),
        (None, ["make", "tiny", "x" * 300], "File name too long; give a shorter one"),
        (None, ["info", "x" * 300], "File name too long; give a shorter one"),
        (None, ["export", "SET", "SET"], "is a mixing set; choose another folder to export into"),
        (None, ["sheet", "SET", "OUT.png", "--tile", "5000"], "--tile: a whole number from 16 to 1,024 is needed"),
        (written("[" * 100_000), ["info", "SET"], "mixset.json is damaged"),
        (written('{"a": 5'), ["check", "SET", "--repair"], "mixset.json is damaged"),
        (written("{}"), ["make", "tiny", "--count", "10", "SET"], "mixset.json is damaged"),
        (renamed(5), ["info", "SET"], "mixset.json is damaged (5 is not a name)"),
        (renamed("../FILE"), ["check", "SET", "--repair"], "mixset.json is damaged ('../FILE' is not a plain name)"),
        (later, ["info", "SET"], "has format version 9, this mixset reads up to 1: update mixset"),
        (cut, ["info", "SET"], "tiny-00000.h5 is damaged (truncated file"),
        (cut, ["export", "SET", "OUT"], "tiny-00000.h5 is damaged"),
        (lambda folder: flip(folder / "tiny-00001.h5", 5), ["export", "SET", "OUT"], "image 1 of shard"),
        (lambda folder: flip(folder / "tiny-00000.h5", 0), ["sheet", "SET", "OUT.png"], "image 0 of shard"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    mixset: Run, folder: Path, tmp_path: Path, damage: Callable[[Path], None] | None, arguments: list[str], words: str
) -> None:
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "FILE").write_text("x")
    (tmp_path / "PLACE").mkdir()
    (tmp_path / "PLACE" / "thesis.tex").write_text("x")
    (tmp_path / "BROKEN").mkdir()
    (tmp_path / "BROKEN" / "a.jpg").write_text("x")
    if damage is not None:
        damage(folder)
    before = digests(folder)
    indices = {"SET": folder, **{name: tmp_path / name for name in ("EMPTY", "FILE", "PLACE", "BROKEN", "NONE", "OUT")}}
    indices |= {"OUT.png": tmp_path / "OUT.png", "OUT.xyz": tmp_path / "OUT.xyz"}
    indices["FILE/sheet.png"] = tmp_path / "FILE" / "sheet.png"
    code, _, error = mixset(*[indices.get(argument, argument) for argument in arguments])
    assert code == 2, error
    assert error.startswith("error: ")
    assert error.count("\n") == 1, error
    assert words in error
    assert digests(folder) == before, "nothing is lost"


def test_a_sheets_folder_is_made_and_a_line_break_in_its_name_makes_no_second_line(
    mixset: Run, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new\nfolder" / "sheet.png"
    assert mixset("sheet", folder, out) == (0, f"wrote {tmp_path}/new\\nfolder/sheet.png\n", "")
    assert out.is_file()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_line_and_the_command_goes_on(folder: Path, tmp_path: Path, workers: int) -> None:
    """A limit on file size, set before the second shard, stands in for the disk."""
    code = """
        import resource, sys
        from tiny_family import TINY
        from mixset.generate._command import cli
        from mixset.generate._job import families, job
        families.FAMILIES["tiny"] = TINY
        cli.main()
    """
    out = tmp_path / "out"
    arguments = ["make", "tiny", "--count", "10", "--size", "64", "--workers", str(workers), str(out)]

    def run(limit: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), *arguments],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)),
            capture_output=True,
            text=True,
            check=False,
        )

    full = run(40_000)  # the last shard of two images fits, those of four do not
    assert full.returncode == 2
    assert full.stderr.startswith(f"error: cannot write {out}/tiny-0000")
    assert full.stderr.count("\n") == 1, full.stderr
    assert not list(out.glob("*.partial"))
    assert run(10_000_000).returncode == 0
    assert len(MixingSet(out)) == 10
