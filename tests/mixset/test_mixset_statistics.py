"""The six figures of richness, on images whose answer is known and on real photographs."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from mixset_samples import noise
from PIL import Image

from mixset._common.cropping import scale_and_crop
from mixset._common.decoding import decode
from mixset._store import statistics
from mixset._store.tiles import flat_tiles

PHOTOGRAPHS = Path(__file__).parents[3] / "shared" / "data" / "imagenet-samples.tar"


def test_flat_tiles_are_counted() -> None:
    image = np.full((64, 80, 3), 90, np.uint8)
    assert flat_tiles(image) == 1
    image[:16, :32] = noise(1, (16, 32))[0]
    assert flat_tiles(image) == 1 - 4 * 8 / (16 * 20), "16 tiles along the short side, as many of their kind as fit"
    large = image.repeat(12, 0).repeat(12, 1)
    assert flat_tiles(large) == flat_tiles(image[::2, ::2].repeat(24, 0).repeat(24, 1)) == pytest.approx(0.9, abs=0.03)
    faint = np.full((16, 16), 90, np.uint8)
    faint[::2] += 8  # standard deviation 4
    assert flat_tiles(np.repeat(faint[..., None], 3, 2)) == 1
    faint[::2] += 2  # 5
    assert flat_tiles(np.repeat(faint[..., None], 3, 2)) == 0
    assert flat_tiles(noise(1, (8, 8))[0]) == 0


def test_contrast_is_what_is_left_at_36_pixels() -> None:
    halves = np.zeros((72, 72, 3), np.uint8)
    halves[:, 36:] = 255
    assert statistics.contrast(halves) == pytest.approx(127.5, rel=0.02)
    stripes = np.zeros((72, 72, 3), np.uint8)
    stripes[:, ::2] = 255
    assert statistics.contrast(stripes) < 30, "fine stripes vanish when scaled down"


def test_bits_per_pixel_is_the_jpegs_length() -> None:
    image = noise(1, (40, 56))[0]
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=75)
    assert statistics.bits_per_pixel(image) == 8 * len(stream.getvalue()) / (40 * 56)


def test_colour_entropy() -> None:
    assert statistics.colour_entropy(np.full((9, 9, 3), 200, np.uint8)) == 0
    cube = np.stack(np.meshgrid(*[np.arange(16, 256, 32, dtype=np.uint8)] * 3), -1).reshape(16, 32, 3)
    assert statistics.colour_entropy(cube) == pytest.approx(9)
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[4:, :, 1] = 255
    assert statistics.colour_entropy(halves) == pytest.approx(1)
    assert statistics.colour_entropy(halves // 16) == 0, "colours closer than a step are one"


def test_coarseness_of_fine_and_of_broad_structure() -> None:
    broad = np.zeros((144, 144, 3), np.uint8)
    broad[:, 72:] = 255
    share, neighbours = statistics.coarseness(broad)
    # One pair of neighbours in 35 differs, and no pair has a mate beyond the border.
    assert share == pytest.approx(1, abs=1e-6) and neighbours == pytest.approx((34 / 35 - 1 / 35 + 1) / 2, abs=1e-6)
    # A cell averages 16 independent pixels, and its neighbour 16 others.
    share, neighbours = statistics.coarseness(noise(1, (144, 144))[0])
    assert share == pytest.approx(1 / 4, rel=0.05) and abs(neighbours) < 0.06
    cells = noise(1, (36, 54))[0].repeat(4, 0).repeat(4, 1)
    share, neighbours = statistics.coarseness(cells)
    assert share == pytest.approx(1, abs=1e-4) and abs(neighbours) < 0.06
    lines = np.zeros((72, 72, 3), np.uint8)
    lines[::2] = 2
    assert statistics.coarseness(lines) == (0, 1), "nothing is left of what cancels"
    assert statistics.coarseness(np.full((40, 50, 3), 7, np.uint8)) == (1, 1)
    small = noise(1, (20, 30))[0]
    assert statistics.coarseness(small)[0] == pytest.approx(1), "a small image is taken as it is"


def test_medians_take_an_even_sample() -> None:
    flat, rich = np.zeros((16, 16, 3), np.uint8), noise(1)[0]
    assert statistics.medians([flat, flat, rich]).flat_tiles == 1
    assert statistics.medians([flat] * 10 + [rich] * 30, sample=7).flat_tiles == 0
    assert len(list(statistics.spread(range(1000), 10))) == 10
    assert list(statistics.spread(range(1000), 10))[1] == 100
    assert list(statistics.spread(range(5), 10)) == [0, 1, 2, 3, 4]


@pytest.mark.skipif(not PHOTOGRAPHS.exists(), reason="no photographs on this machine")
def test_photographs_have_the_figures_that_others_are_compared_with() -> None:
    with tarfile.open(PHOTOGRAPHS) as archive:
        members = [member for member in archive.getmembers() if member.isfile()][::8]
        photos = [scale_and_crop(decode(archive.extractfile(member).read()), (256, 256)) for member in members]
    found = statistics.medians(photos)
    assert found.flat_tiles == pytest.approx(statistics.PHOTOGRAPHS.flat_tiles, abs=0.03)
    assert found.contrast == pytest.approx(statistics.PHOTOGRAPHS.contrast, abs=4)
    assert found.bits_per_pixel == pytest.approx(statistics.PHOTOGRAPHS.bits_per_pixel, abs=0.15)
    assert found.colour_entropy == pytest.approx(statistics.PHOTOGRAPHS.colour_entropy, abs=0.25)
    assert found.coarse_share == pytest.approx(statistics.PHOTOGRAPHS.coarse_share, abs=0.03)
    assert found.neighbours == pytest.approx(statistics.PHOTOGRAPHS.neighbours, abs=0.03)


def test_the_table_has_a_row_for_each() -> None:
    lines = statistics.table([("mine", statistics.Statistics(0.1, 40, 1.5, 4, 0.7, 0.654))]).splitlines()
    assert lines[0].split() == ["flat", "tiles", "contrast", "bits/pixel", "colour", "bits", "coarse", "neighbours"]
    assert lines[1].split() == ["mine", "0.10", "40.0", "1.50", "4.00", "0.70", "0.65"]
