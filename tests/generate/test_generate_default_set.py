"""The default set: made once into the cache, announced, complete, the right one for a size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mixset import InputError, MixingSet
from mixset._common.jsons import write_sealed_json
from mixset._store import manifest
from mixset.generate import default_set
from mixset.generate._job import defaults


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))


def test_small_images_get_64_pixels_and_large_ones_256() -> None:
    for size, expected in ((28, 64), (32, 64), (64, 64), (65, 256), (224, 256), ((32, 32), 64), ((32, 96), 256)):
        recipe = defaults.default_recipe(size)
        assert (recipe.size, recipe.count, recipe.family) == (expected, 4096, "fractals")
    with pytest.raises(InputError, match="size"):
        default_set(0)


def test_it_is_announced_made_and_then_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(defaults, "COUNT", 6)
    folder = default_set(32, workers=1)
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(
        f"making the default mixing set once: 6 fractals of 64 pixels in {tmp_path / 'cache'}/fractals-64-v"
    )
    assert told[0].endswith(" on 1 core")
    assert len(MixingSet(folder)) == 6
    assert {image.shape for image in MixingSet(folder)} == {(64, 64, 3)}
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert default_set(48) == folder
    assert capsys.readouterr().err == ""
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    next(folder.glob("*.h5")).unlink()
    assert len(MixingSet(default_set(32, workers=1, quiet=True))) == 6, "a shard that was lost is made again"
    assert capsys.readouterr().err == ""


SCRIPT = """
from mixset.generate import default_set
from mixset.generate._job import defaults
defaults.COUNT = 6
print(default_set(32, workers=1))
"""


def test_ranks_make_it_once() -> None:
    ranks = [
        subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [rank.communicate(timeout=120) for rank in ranks]
    assert len({out for out, _ in said}) == 1
    assert sum("making the default mixing set once" in error for _, error in said) == 1


def test_an_interrupted_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "COUNT", 6)
    recipe = defaults.default_recipe(32)
    folder = default_set(32, workers=1, quiet=True)
    (folder / manifest.NAME).unlink()
    write_sealed_json(folder / manifest.UNFINISHED, {"recipe": recipe.to_json(), "count": 6})
    assert manifest.read(default_set(32, workers=1, quiet=True)).count == 6
