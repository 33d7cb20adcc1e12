"""Frost: its photographs, found or asked for, and how they are laid over an image."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mixset._common.errors import InputError
from pixmix.corruptions._c.frost import FILES, find_frost, fit, frost
from pixmix.corruptions._c.suite import C
from pixmix.corruptions._shared.base import Stream

SIZES = ((600, 900), (315, 560), (315, 560), (350, 527), (495, 660))
"""Of the originals."""

MD5 = (
    "6ead634ace1f366d77e87078b465863c",
    "98f0d2b1d74a048d3bc9c7ecfd886939",
    "b3ed8eb147824261888e730f916c0d8b",
    "d70b9d6aa0b1fe7bd8133b113787e078",
    "50984ae2c871b7df2c28f1d71ca460a0",
)


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory, photographs: Callable[..., np.ndarray]) -> Path:
    """Five images as large as the originals, some with transparency."""
    folder = tmp_path_factory.mktemp("frost")
    for number, (name, size) in enumerate(zip(FILES, SIZES, strict=True)):
        image = Image.fromarray(photographs(1, *size, seed=number)[0])
        if number < 3:
            image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save(folder / name, quality=95)
    return folder


def test_photographs_of_a_folder_lose_their_transparency(folder: Path) -> None:
    found = find_frost(folder)
    assert [image.shape for image in found] == [(*size, 3) for size in SIZES]
    for name, image in zip(FILES, found, strict=True):
        expected = cv2.imread(str(folder / name))[:, :, ::-1]
        difference = np.abs(expected.astype(int) - image)
        assert difference.max() <= (1 if name.endswith("jpg") else 0)


def test_absent_photographs_are_one_line_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecorruptions", None)  # as if it were not installed
    find_frost.cache_clear()
    with pytest.raises(InputError, match="pip install --no-deps imagecorruptions-imaug"):
        C["frost"](np.zeros((32, 32, 3), np.uint8), severity=1, seed=0, index=0)
    with pytest.raises(InputError, match=r"lacks frost1.png, frost2.png, frost3.png, frost4.jpg, frost5.jpg"):
        find_frost(tmp_path)
    (tmp_path / "frost1.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"lacks frost2.png"):
        find_frost(tmp_path)
    for name in FILES[1:]:
        Image.new("RGB", (300, 300)).save(tmp_path / name)
    with pytest.raises(InputError, match=r"frost1.png is damaged"):
        find_frost(tmp_path)


def test_the_installed_package_is_looked_into_and_not_imported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "imagecorruptions"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('needs OpenCV')")
    (package / "frost").symlink_to(folder)
    monkeypatch.syspath_prepend(tmp_path)
    find_frost.cache_clear()
    for ours, others in zip(find_frost(), find_frost(folder), strict=True):
        np.testing.assert_array_equal(ours, others)
    assert "imagecorruptions" not in sys.modules
    find_frost.cache_clear()


def test_the_package_has_the_originals() -> None:
    find_frost.cache_clear()
    try:
        photographs = find_frost()
    except InputError:
        pytest.skip("the package imagecorruptions-imaug is not installed")
    from importlib.util import find_spec
    from pathlib import Path

    files = Path(find_spec("imagecorruptions").submodule_search_locations[0]) / "frost"
    assert tuple(hashlib.md5((files / name).read_bytes()).hexdigest() for name in FILES) == MD5
    assert tuple(image.shape[:2] for image in photographs) == SIZES


@pytest.mark.parametrize("number", range(5))
def test_photographs_are_reduced_as_opencv_does(number: int, folder: Path) -> None:
    photograph = find_frost(folder)[number]
    np.testing.assert_array_equal(fit(photograph, (32, 32), 5), cv2.resize(photograph, (0, 0), fx=0.2, fy=0.2))
    assert fit(photograph, (224, 224), 1).shape == photograph.shape


@pytest.mark.parametrize(("size", "every"), [((64, 64), 5), ((500, 300), 1), ((224, 1000), 1), ((64, 10), 5)])
def test_photographs_are_scaled_where_the_image_does_not_fit(size: tuple[int, int], every: int, folder: Path) -> None:
    for photograph in find_frost(folder):
        fitted = fit(photograph, size, every)
        assert fitted.shape[0] >= size[0] and fitted.shape[1] >= size[1]
        reduced = (photograph.shape[0] // every, photograph.shape[1] // every)
        if reduced[0] < size[0] or reduced[1] < size[1]:
            assert fitted.shape[0] == size[0] or fitted.shape[1] == size[1]
            ratio = fitted.shape[0] / fitted.shape[1] * photograph.shape[1] / photograph.shape[0]
            assert ratio == pytest.approx(1, abs=1 / min(fitted.shape[:2]))


def test_all_five_come_and_the_sixth_never_from_everywhere(folder: Path) -> None:
    corruption = frost(folder)
    fields = [
        corruption.draw(Stream(0, index, corruption=8, severity=1), (224, 224), corruption.large[0])
        for index in range(600)
    ]
    assert {part["photograph"] for part in fields} == {0, 1, 2, 3, 4}
    tops = {int(part["top"] * (315 - 224)) for part in fields if part["photograph"] in (1, 2)}
    assert min(tops) < 4 and max(tops) == 315 - 224 - 1


def test_a_folders_frost_goes_to_other_processes_without_its_photographs(
    folder: Path, photographs: Callable[..., np.ndarray]
) -> None:
    corruption = frost(folder)
    image = photographs(1, 32, 32)[0]
    expected = corruption(image, severity=3, seed=1, index=2)
    sent = pickle.dumps(corruption)
    assert len(sent) < 2000
    np.testing.assert_array_equal(pickle.loads(sent)(image, severity=3, seed=1, index=2), expected)
