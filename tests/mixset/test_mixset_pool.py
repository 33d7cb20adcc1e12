"""MixingPool: the paper's Resize and crop size, made once, found damaged, one copy for all processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from mixset_samples import MakeSet, flip, noise
from PIL import Image

from mixset import DamagedImage, InputError, MixingPool, MixingSet
from mixset._common.cropping import scale_and_crop


def smooth(height: int, width: int) -> np.ndarray:
    low = Image.fromarray(noise(1, (7, 7), seed=height * 1000 + width)[0])
    return np.asarray(low.resize((width, height), Image.Resampling.BICUBIC))


@settings(max_examples=60, deadline=None)
@given(height=st.integers(5, 150), width=st.integers(5, 150), side=st.integers(4, 60))
def test_scaling_is_torchvisions_resize_and_centre_crop(height: int, width: int, side: int) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    image = smooth(height, width)
    expected = transforms.CenterCrop(side)(transforms.Resize(side)(Image.fromarray(image)))
    np.testing.assert_array_equal(scale_and_crop(image, (side, side)), np.asarray(expected))


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), h=st.integers(1, 40), w=st.integers(1, 40))
def test_any_shape_is_covered(height: int, width: int, h: int, w: int) -> None:
    grey = np.full((height, width, 3), 77, np.uint8)
    scaled = scale_and_crop(grey, (h, w))
    assert scaled.shape == (h, w, 3)
    assert (scaled == 77).all()


def test_sizes_are_the_papers(make_set: MakeSet, tmp_path: Path) -> None:
    images = MixingSet(make_set("a", noise(6, (40, 40))))
    for size, shape in ((32, (36, 36)), (224, (256, 256)), (28, (32, 32)), ((32, 64), (36, 73))):
        pool = MixingPool(images, size, cache=tmp_path / "cache", quiet=True)
        assert pool.images.shape == (6, *shape, 3)
        assert pool.size == (size if isinstance(size, tuple) else (size, size))
        np.testing.assert_array_equal(pool.images[4], scale_and_crop(images[4], shape))
    assert isinstance(pool.images, np.memmap)
    assert not pool.images.flags.writeable
    for wrong in (0, 7, 5000, 32.0, (32,), (32, 32, 3), True, "32"):
        with pytest.raises(InputError, match="size"):
            MixingPool(images, wrong, cache=tmp_path / "cache")


def test_without_a_margin_images_have_the_size_itself(make_set: MakeSet, tmp_path: Path) -> None:
    images = MixingSet(make_set("a", noise(6, (40, 50))))
    pool = MixingPool(images, (32, 16), margin=False, cache=tmp_path / "cache", quiet=True)
    assert pool.images.shape == (6, 32, 16, 3)
    assert pool.shape == pool.size == (32, 16)
    np.testing.assert_array_equal(pool.images[4], scale_and_crop(images[4], (32, 16)))
    with_margin = MixingPool(images, (28, 14), cache=tmp_path / "cache", quiet=True)
    assert with_margin.path == pool.path  # the same images, cropped to another size


def test_sources_keep_counts_and_weights(make_set: MakeSet, tmp_path: Path) -> None:
    images = MixingSet(make_set("a", noise(6)), make_set("b", noise(3)), weights=(1, 1))
    pool = MixingPool(images, 8, cache=tmp_path / "cache", quiet=True)
    assert (pool.counts, pool.weights, len(pool)) == ((6, 3), (0.5, 0.5), 9)


def test_it_is_made_once_for_a_content(make_set: MakeSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"
    first = MixingPool(MixingSet(make_set("a", noise(6))), 8, cache=cache)
    assert "6/6 images" in capsys.readouterr().err
    made = first.path.stat().st_mtime_ns
    again = MixingPool(MixingSet(make_set("renamed", noise(6))), 8, cache=cache)
    assert (again.path, again.path.stat().st_mtime_ns) == (first.path, made)
    assert capsys.readouterr().err == ""
    assert MixingPool(MixingSet(make_set("b", noise(6, seed=1))), 8, cache=cache, quiet=True).path != first.path
    assert MixingPool(MixingSet(make_set("a2", noise(6))), 9, cache=cache, quiet=True).path != first.path


def test_an_image_folder_that_changed_gets_another_pool(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(noise(1)[0]).save(folder / "a.png")
    first = MixingPool(MixingSet(folder), 8, cache=tmp_path / "cache", quiet=True)
    Image.fromarray(noise(1, seed=1)[0]).save(folder / "a.png")
    os.utime(folder / "a.png", ns=(1, 1))
    second = MixingPool(MixingSet(folder), 8, cache=tmp_path / "cache", quiet=True)
    assert (first.images != second.images).any()


def build(folder: Path, cache: Path) -> tuple[str, bytes]:
    pool = MixingPool(MixingSet(folder), 16, cache=cache)
    return str(pool.path), pool.images.tobytes()


def test_processes_that_ask_together_make_it_once(
    make_set: MakeSet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = make_set("a", noise(40))
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as processes:
        found = list(processes.map(build, [folder] * 4, [tmp_path / "cache"] * 4))
    assert len(set(found)) == 1
    assert capfd.readouterr().err.count("40/40 images") == 1


def test_it_pickles_as_a_path(make_set: MakeSet, tmp_path: Path) -> None:
    pool = MixingPool(MixingSet(make_set("a", noise(40))), 32, cache=tmp_path / "cache", quiet=True)
    data = pickle.dumps(pool)
    assert len(data) < 1_000
    np.testing.assert_array_equal(pickle.loads(data).images, pool.images)
    pool.path.unlink()
    with pytest.raises(InputError, match=r"pool .*: no such file"):
        pickle.loads(data)


def test_a_damaged_shard_is_found_when_it_is_made(make_set: MakeSet, tmp_path: Path) -> None:
    array = noise(8)
    folder = make_set("a", array)
    flip(folder / "noise-00001.h5", array[5].tobytes())
    with pytest.raises(DamagedImage, match=r"image 1 of shard .*noise-00001\.h5"):
        MixingPool(MixingSet(folder), 8, cache=tmp_path / "cache", quiet=True)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_damaged_pool_is_made_again(make_set: MakeSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = MixingSet(make_set("a", noise(8)))
    pool = MixingPool(images, 16, cache=tmp_path / "cache", quiet=True)
    before = pool.images.copy()
    flip(pool.path, before[3].tobytes())
    np.testing.assert_array_equal(MixingPool(images, 16, cache=tmp_path / "cache", quiet=True).images, before)
    assert "is damaged, or of an earlier release: making it again" in capsys.readouterr().err


def test_what_changed_since_a_pool_was_pickled_is_found(make_set: MakeSet, tmp_path: Path) -> None:
    pool = MixingPool(MixingSet(make_set("a", noise(8))), 16, cache=tmp_path / "cache", quiet=True)
    data, before = pickle.dumps(pool), pool.images.copy()
    os.utime(pool.path)
    np.testing.assert_array_equal(pickle.loads(data).images, before)
    flip(pool.path, before[3].tobytes())
    with pytest.raises(InputError, match=r"pool .* is damaged \(its SHA-256 does not match\); make it again"):
        pickle.loads(data)


def test_a_pool_is_written_under_a_name_that_nobody_can_take(make_set: MakeSet, tmp_path: Path) -> None:
    images = MixingSet(make_set("a", noise(8)))
    path = MixingPool(images, 16, cache=tmp_path / "cache", quiet=True).path
    path.unlink()
    victim = tmp_path / "precious"
    victim.write_text("years of work")
    path.with_suffix(".partial").symlink_to(victim)
    assert MixingPool(images, 16, cache=tmp_path / "cache", quiet=True).path.is_file()
    assert victim.read_text() == "years of work"
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is not a regular file but a device; remove it"):
        MixingPool(images, 16, cache=tmp_path / "cache", quiet=True)


def test_a_full_disk_is_one_line(make_set: MakeSet, tmp_path: Path) -> None:
    code = """
        import resource, sys
        from mixset import InputError, MixingPool, MixingSet
        images = MixingSet(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            MixingPool(images, 64, cache=sys.argv[2])
        except InputError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), make_set("a", noise(8)), tmp_path / "cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cannot write ")
    assert "set PIXMIX_CACHE to another folder" in done.stdout
    assert done.stderr == ""
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
