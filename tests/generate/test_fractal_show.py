"""`mixset show` and `render`: an image of a set again, at any size, and one clear line where that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_family
from PIL import Image

from mixset import InputError, MixingSet, export_images, import_images
from mixset._store.set_parts import Origin
from mixset.generate import FractalRecipe, PlasmaRecipe, make, render
from mixset.generate._command.cli import _make_config, main
from mixset.generate._job.families import FAMILIES


def mixset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command, run in this process."""
    monkeypatch.setattr("sys.argv", ["mixset", *map(str, arguments)])
    try:
        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0) if isinstance(end.code, int | None) else 1
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def plasma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(PlasmaRecipe(count=5, size=48), tmp_path_factory.mktemp("show") / "plasma", workers=1, quiet=True)


def test_show_draws_an_image_again_at_any_size(
    plasma: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = mixset(monkeypatch, capsys, "show", plasma, 3)
    assert code == 0 and "wrote plasma-3.png" in out
    np.testing.assert_array_equal(np.asarray(Image.open("plasma-3.png")), MixingSet(plasma)[3])
    code, _, err = mixset(monkeypatch, capsys, "show", plasma, 3)
    assert code != 0 and "plasma-3.png is there already" in err
    assert mixset(monkeypatch, capsys, "show", plasma, 3, "--size", 80, 120, "--out", "wide.png")[0] == 0
    assert Image.open("wide.png").size == (120, 80)
    assert mixset(monkeypatch, capsys, "show", "--size", 96, "--out", "large.png", plasma, 3)[0] == 0
    large = np.asarray(Image.open("large.png").resize((48, 48), Image.Resampling.BOX))
    assert np.corrcoef(large.ravel(), MixingSet(plasma)[3].ravel())[0, 1] > 0.95
    for arguments, line in (
        ((plasma, 5), "INDEX: a whole number from 0 to 4 is needed, got 5"),
        ((plasma, 0, "--size", 8), "size: 8 is out of range"),
        ((tmp_path / "nowhere", 0), "nowhere does not exist"),
    ):
        code, _, err = mixset(monkeypatch, capsys, "show", *arguments, "--out", "no.png")
        assert code != 0 and line in err and "Traceback" not in err


def test_the_draw_that_was_kept_is_drawn_whatever_the_filters_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mixset.generate._fractals import rendering

    monkeypatch.setitem(rendering.FILTERS, "grey", rendering.FILTERS["grey"]._replace(contrast=999.0))
    images = MixingSet(make(FractalRecipe(count=2, size=40, style="grey"), tmp_path / "grey", workers=1, quiet=True))
    monkeypatch.undo()
    assert images.origin(1).params["attempt"] == 7
    np.testing.assert_array_equal(render(images, 1), images[1])


def test_several_sources_and_later_shards(plasma: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "fractals", FAMILIES["fractals"]._replace(shard=2))
    recipe = FractalRecipe(count=5, size=32, style="grey", seed=4)
    images = MixingSet(plasma, make(recipe, tmp_path / "grey", workers=1, quiet=True))
    for index in (4, 5, 9):
        np.testing.assert_array_equal(render(images, index), images[index])


def test_imported_images_and_files_get_a_clear_line(plasma: Path, tmp_path: Path) -> None:
    export_images(MixingSet(plasma), tmp_path / "files")
    import_images(tmp_path / "files", tmp_path / "imported", quiet=True)
    for source in (tmp_path / "files", tmp_path / "imported"):
        with pytest.raises(InputError, match=r"image 1 of .* was imported, so nothing can draw it again") as error:
            render(source, 1)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("attempt", [8, -1, "0", None, 1.5])
def test_params_are_checked_before_use(plasma: Path, attempt: str | float | None) -> None:
    origin = MixingSet(plasma).origin(0)

    class Forged(MixingSet):
        def origin(self, index: int) -> Origin:
            assert origin is not None
            return replace(origin, params=origin.params | {"attempt": attempt})

    with pytest.raises(InputError, match="attempt"):
        render(Forged(plasma), 0)


def test_a_recipe_that_names_code_needs_trust(plasma: Path) -> None:
    names = {
        "family": "fvis",
        "content_version": 2,
        "network": "os:abort",
        "layers": ["early"],
        "objective": "channel",
        "weights": "",
        "channels": [],
        "mean": None,
        "std": None,
        "size": 32,
        "seed": 0,
        "diversity": 0.0,
        "steps": 1,
        "lr": 0.1,
        "batch": 1,
    }

    class Forged(MixingSet):
        def origin(self, index: int) -> Origin:
            origin = super().origin(index)
            assert origin is not None
            return replace(origin, family="fvis", recipe=names)

    with pytest.raises(InputError, match=r"names the network os:abort, and what files name is not used"):
        render(Forged(plasma), 0)


def test_families_without_a_formula_are_rendered_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "tiny", tiny_family.TINY)
    images = MixingSet(make(tiny_family.TinyRecipe(count=6), tmp_path / "tiny", workers=1, quiet=True))
    np.testing.assert_array_equal(render(images, 5), images[5])
    assert render(images, 5, size=12).shape == (12, 12, 3)


@pytest.mark.parametrize("order", ["--size {} OUT --count 2", "OUT --size {} --count 2", "--count 2 --size {} OUT"])
@pytest.mark.parametrize(("sides", "size"), [("64", 64), ("48 64", (48, 64))])
def test_a_size_takes_one_or_two_numbers_wherever_it_stands(order: str, sides: str, size: object) -> None:
    command = _make_config(["fractals", *order.format(sides).split()])
    assert (command.recipe.size, command.recipe.count, str(command.out)) == (size, 2, "OUT")
