"""Sets of outliers as they lie on disk: arrays, folders of images and mixing sets."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from outlier_samples import numbered
from PIL import Image

from mixset import DamagedImage, InputError, MixingPool, MixingSet, ShardWriter
from mixset._common.cropping import scale_and_crop
from pixmix.methods._oe import OE
from pixmix.methods._outlier_sets import load_outliers
from pixmix.methods._settings import OESettings


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_an_array_is_used_as_it_lies(tmp_path: Path, cache: Path) -> None:
    np.save(tmp_path / "images.npy", numbered(30, 32))
    outliers = load_outliers(tmp_path / "images.npy", 32, cache=cache)
    np.testing.assert_array_equal(outliers, numbered(30, 32))
    assert isinstance(outliers, np.memmap)
    assert not outliers.flags.writeable
    assert not cache.exists()


def test_images_are_scaled_and_cropped_once(
    tmp_path: Path, cache: Path, photographs: Callable[..., np.ndarray]
) -> None:
    folder = tmp_path / "images"
    (folder / "within").mkdir(parents=True)
    images = [photographs(1, 40, 60)[0], photographs(1, 33, 20)[0]]
    Image.fromarray(images[0]).save(folder / "a.png")
    Image.fromarray(images[1]).save(folder / "within" / "b.png")
    outliers = load_outliers(folder, (16, 24), cache=cache, quiet=True)
    expected = np.stack([scale_and_crop(image, (16, 24)) for image in images])
    np.testing.assert_array_equal(outliers, expected)
    again = load_outliers(folder, (16, 24), cache=cache, quiet=True)
    assert isinstance(again, np.memmap) and isinstance(outliers, np.memmap)
    assert again.filename == outliers.filename
    data = pickle.dumps(OE(OESettings(), outliers, size=(16, 24)))
    assert len(data) < 1000


def test_a_mixing_set_gives_outliers(tmp_path: Path, cache: Path, photographs: Callable[..., np.ndarray]) -> None:
    images = photographs(5, 40, 40)
    folder = tmp_path / "set"
    shard = {"family": "noise", "recipe": {}, "start_index": 0, "shape": (40, 40), "count": 5}
    with ShardWriter(folder / "noise-00000.h5", **shard) as writer:
        for index, image in enumerate(images):
            writer.add(image, index, {})
    outliers = load_outliers(folder, 32, cache=cache, quiet=True)
    expected = MixingPool(MixingSet(folder), 28, cache=cache, quiet=True).images  # 8/7 of 28
    np.testing.assert_array_equal(outliers, expected)


def bad_files(folder: Path) -> None:
    right = numbered(5, 32)
    np.save(folder / "floats.npy", right.astype(np.float32))
    np.save(folder / "planes.npy", right.transpose(0, 3, 1, 2))
    np.save(folder / "none.npy", right[:0])
    np.save(folder / "small.npy", numbered(5))
    np.save(folder / "objects.npy", np.array([{}], object), allow_pickle=True)
    np.save(folder / "right.npy", right)
    (folder / "truncated.npy").write_bytes((folder / "right.npy").read_bytes()[:-7])
    (folder / "text.npy").write_bytes(b"images")
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "a.png").write_bytes(b"no image")
    (folder / "archive.tar").write_bytes(b"")


BAD_FILES = {
    "floats.npy": r"floats\.npy holds \(5, 32, 32, 3\) float32; \(N, H, W, 3\) uint8 is needed",
    "planes.npy": r"planes\.npy holds \(5, 3, 32, 32\) uint8",
    "none.npy": r"none\.npy: holds no images",
    "small.npy": r"16x16 pixels, needed is 32x32; .*`mixset import .*small\.npy OUT --size 32`",
    "objects.npy": r"objects\.npy is damaged",
    "truncated.npy": r"truncated\.npy is damaged",
    "text.npy": r"text\.npy is damaged",
    "empty": "empty holds no shards",
    "archive.tar": r"archive\.tar is not a folder; `mixset import",
    "missing": "outliers .*missing: no such folder or file",
    "missing.npy": r"outliers .*missing\.npy: no such folder or file",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_cannot_be_used_is_named_in_one_line(name: str, tmp_path: Path, cache: Path) -> None:
    bad_files(tmp_path)
    with pytest.raises(InputError, match=BAD_FILES[name]) as caught:
        load_outliers(tmp_path / name, 32, cache=cache, quiet=True)
    assert "\n" not in str(caught.value)


def test_a_broken_image_is_named(tmp_path: Path, cache: Path) -> None:
    bad_files(tmp_path)
    with pytest.raises(DamagedImage, match=r"a\.png: not an image of a known format"):
        load_outliers(tmp_path / "broken", 32, cache=cache, quiet=True)


def test_an_array_of_another_size_goes_by_way_of_a_set(tmp_path: Path, cache: Path) -> None:
    """What the message says helps."""
    from mixset._store.importing import import_images

    np.save(tmp_path / "small.npy", numbered(5))
    import_images(tmp_path / "small.npy", tmp_path / "set", size=32, quiet=True)
    outliers = load_outliers(tmp_path / "set", 32, cache=cache, quiet=True)
    np.testing.assert_array_equal(outliers, numbered(5, 32))
