"""The command `pixmix corrupt`: data sets by name, its figure, and what it says to bad input."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from mixset._common.errors import InputError
from mixset._common.parsing import parse
from pixmix.corruptions._c.suite import C
from pixmix.corruptions._p.suite import P
from pixmix.train._command.corrupt import CorruptConfig, corrupt, load_source
from pixmix.train._data.datasets import load_data, load_test


def configure(*arguments: object) -> CorruptConfig:
    return parse(CorruptConfig, "pixmix corrupt", [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders alone, with an image each that is not square."""
    root = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(3)
    for name, size in {"lake": (300, 200), "mountain": (180, 240)}.items():
        (root / name).mkdir()
        coarse = Image.fromarray(random.integers(0, 256, (9, 9, 3)).astype(np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(root / name / f"{name}.jpg", quality=95)
    return root


def test_a_folders_test_images_are_corrupted(colours: Path, tmp_path: Path) -> None:
    config = configure(f"folder:{colours}", tmp_path / "out", "--corruptions", "contrast", "--workers", 1)
    assert corrupt(config) == tmp_path / "out"
    test = load_data(f"folder:{colours}").test
    array = np.load(tmp_path / "out" / "contrast.npy")
    assert array.shape == (150, 16, 16, 3)
    assert (array[60 + 7] == C["contrast"](test.array[7], severity=3, seed=0, index=7)).all()
    assert (np.load(tmp_path / "out" / "labels.npy") == np.tile(test.labels, 5)).all()


def test_folders_are_read_with_and_without_training_images(colours: Path, tmp_path: Path) -> None:
    whole = load_data(f"folder:{colours}").test
    for remove, name in ((None, ""), ("train", ""), (None, "/test")):
        root = tmp_path / f"{remove}{name.strip('/')}"
        shutil.copytree(colours, root)
        if remove:
            shutil.rmtree(root / remove)
        classes, test = load_test(f"folder:{root}{name}")
        assert classes == ("blue", "green", "red")
        assert (test.array == whole.array).all()
        assert test.labels.tolist() == whole.labels.tolist()


def test_labels_are_those_of_the_training_classes(colours: Path, tmp_path: Path) -> None:
    shutil.copytree(colours, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "test" / "blue")
    classes, test = load_test(f"folder:{tmp_path / 'data'}")
    assert classes == ("blue", "green", "red")
    assert set(test.labels.tolist()) == {1, 2}


def test_large_images_come_as_the_benchmarks_have_them(photographs: Path, tmp_path: Path) -> None:
    source = load_source(configure(f"folder:{photographs}", tmp_path / "out", "--size", 112))
    assert (source.size, source.names) == (112, ("lake/lake", "mountain/mountain"))
    resize, crop = transforms.Resize(128), transforms.CenterCrop(112)
    for index, file in enumerate(source.files):
        resized = resize(Image.open(file).convert("RGB"))
        assert (source.uncropped(index) == np.asarray(resized)).all()
        assert (source.cropped(index) == np.asarray(crop(resized))).all()
    assert load_source(configure(f"folder:{photographs}", tmp_path / "out")).size == 224


def test_large_images_of_a_set_in_memory_are_named_by_number(tmp_path: Path) -> None:
    source = load_source(configure("digits", tmp_path / "out", "--size", 72))
    assert source.names[:2] == (f"{source.labels[0]}/00000", f"{source.labels[1]}/00001")
    assert source.cropped(5).shape == (72, 72, 3)


@pytest.mark.parametrize(
    ("options", "rows", "columns"),
    [
        (["--corruptions", "fog", "pixelate"], 2, 6),
        (["--suite", "cbar", "--corruptions", "sparkles", "--severities", "5", "--size", "32"], 1, 2),
        (["--suite", "p", "--corruptions", "tilt", "translate", "--size", "160"], 2, 7),
    ],
)
def test_the_figure_has_a_row_for_each_corruption(
    photographs: Path, tmp_path: Path, options: list[str], rows: int, columns: int
) -> None:
    file, out = photographs / "lake" / "lake.jpg", tmp_path / "deep" / "figure.png"
    assert corrupt(configure("--show", file, out, *options)) == out
    page = Image.open(out)
    assert page.width == 10 + columns * 170
    assert rows * 160 < page.height < rows * 160 + 40 * (rows + 1) + 40
    again = tmp_path / "again.png"
    corrupt(configure("--show", file, again, *options))
    assert again.read_bytes() == out.read_bytes()


def test_the_figure_shows_what_is_made(photographs: Path, tmp_path: Path) -> None:
    file, out = photographs / "lake" / "lake.jpg", tmp_path / "figure.png"
    corrupt(configure("--show", file, out, "--suite", "p", "--corruptions", "brightness", "--size", 160, "--seed", 3))
    source = load_source(configure(f"folder:{photographs}", tmp_path, "--size", 160))
    frames = P["brightness"](source.uncropped(0), size=160, seed=3, index=0)
    page = np.asarray(Image.open(out))
    top = next(y for y in range(100) if (page[y, 20:150] == frames[0][0, 10:140]).all())
    for column, number in enumerate((0, 5, 10, 15, 20, 25, 30)):
        left = 10 + column * 170
        assert (page[top : top + 160, left : left + 160] == frames[number]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits"], "OUT"),
        (["birds", "out", "--suite", "p"], "dataset birds: unknown; use digits"),
        (["folder:nowhere", "out", "--suite", "p"], "folder:nowhere"),
        (["digits", "out", "--suite", "d"], "--suite"),
        (["digits", "out", "--corruptions", "mist"], "mist: not in suite c, which has gaussian_noise"),
        (["digits", "out", "--corruptions", "fog", "--severities", "6"], "--severities: some of 1 to 5"),
        (["digits", "out", "--size", "4"], "--size: a whole number from 8"),
        (["digits", "out", "--seed", "-1"], "--seed: a whole number"),
        (["digits", "out", "--workers", "0"], "--workers: a whole number"),
        (["digits", "out", "--frost", "nowhere"], "frost: nowhere lacks frost1.png"),
        (["--show", "dog.jpg", "out"], "must end in .png"),
        (["--show", "dog.jpg", "out.png", "--corruptions", "fog"], "dog.jpg"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        corrupt(configure(*arguments))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_suite_and_names_what_it_cannot(colours: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        code = "from pixmix.train._command.cli import main; main()"
        line = [sys.executable, "-c", code, "corrupt", *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    done = run(f"folder:{colours}", tmp_path / "out", "--suite", "p", "--corruptions", "rotate", "shear")
    assert (done.returncode, done.stdout) == (0, f"wrote {tmp_path / 'out'}\n"), done.stderr
    assert "60/60 sequences" in done.stderr
    assert np.load(tmp_path / "out" / "shear.npy").shape == (30, 31, 16, 16, 3)
    done = run(f"folder:{colours}", tmp_path / "out", "--suite", "p", "--seed", 1)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds other corruptions (seed 0 there, 1 asked)" in done.stderr


def test_folders_without_classes_are_named(tmp_path: Path) -> None:
    (tmp_path / "train" / "ant").mkdir(parents=True)
    with pytest.raises(InputError, match="has no test/ with a folder a class"):
        load_test(f"folder:{tmp_path}")
    (tmp_path / "test" / "ant").mkdir(parents=True)
    with pytest.raises(InputError, match="no image in its class folders"):
        load_test(f"folder:{tmp_path}")
