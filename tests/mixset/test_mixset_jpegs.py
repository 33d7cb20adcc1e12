"""JPEG files are decoded to Pillow's bytes, by whichever decoder; odd ones are Pillow's."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from mixset._common import jpegs
from mixset._common.decoding import decode
from mixset._common.errors import InputError

simplejpeg = pytest.importorskip("simplejpeg")


def photograph(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Noise with structure: a small image enlarged, with fine grain."""
    rng = np.random.default_rng(width * 1000 + height)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    grain = rng.integers(-20, 21, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)).convert(mode)


def saved(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """For each image whether simplejpeg decoded it."""
    found: list[bool] = []
    whole = jpegs.decode_jpeg

    def noted(image: Image.Image, **options: Any) -> np.ndarray | None:
        pixels = whole(image, **options)
        found.append(pixels is not None)
        return pixels

    monkeypatch.setattr("mixset._common.decoding.decode_jpeg", noted)
    yield found


def by_pillow(data: bytes, *, transpose: bool = True) -> np.ndarray | str:
    """What `decode` gives without simplejpeg, or what its error says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jpegs, "simplejpeg", None)
        return result(data, transpose=transpose)


def result(data: bytes, *, transpose: bool = True) -> np.ndarray | str:
    try:
        return decode(data, transpose=transpose)
    except InputError as error:
        return str(error)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


ORDINARY: dict[str, Callable[[], bytes]] = {
    "4:2:0": lambda: saved(photograph(61, 47)),
    "4:2:2": lambda: saved(photograph(61, 47), subsampling=1),
    "4:4:4": lambda: saved(photograph(61, 47), subsampling=0, quality=98),
    "lowest quality": lambda: saved(photograph(64, 40), quality=1),
    "grey": lambda: saved(photograph(33, 90, "L")),
    "progressive": lambda: saved(photograph(130, 75), progressive=True),
    "progressive and grey": lambda: saved(photograph(75, 130, "L"), progressive=True),
    "restart markers": lambda: saved(photograph(61, 47), restart_marker_blocks=3),
    "RGB as it is": lambda: saved(photograph(61, 47), keep_rgb=True),
    "one pixel": lambda: saved(photograph(1, 1)),
    "one row": lambda: saved(photograph(300, 1)),
    "upright by EXIF": lambda: saved(photograph(61, 47), exif=exif(1)),
    "a comment and a profile": lambda: saved(photograph(61, 47), comment=b"x" * 99, icc_profile=b"y" * 70_000),
    "bytes after the end": lambda: saved(photograph(61, 47)) + b"more" * 99,
}
ODD: dict[str, Callable[[], bytes]] = {
    "CMYK": lambda: saved(photograph(61, 47, "CMYK")),
    "CMYK and progressive": lambda: saved(photograph(61, 47, "CMYK"), progressive=True),
    **{f"EXIF {turned}": lambda turned=turned: saved(photograph(61, 47), exif=exif(turned)) for turned in range(2, 9)},  # type: ignore[misc]
    "EXIF of no meaning": lambda: saved(photograph(61, 47), exif=exif(77)),
    "cut in its pixels": lambda: saved(photograph(200, 150))[:-3000],
    "cut at its last bytes": lambda: saved(photograph(61, 47))[:-2],
    "cut in its header": lambda: saved(photograph(61, 47))[:100],
    "progressive and cut": lambda: saved(photograph(200, 150), progressive=True)[:-3000],
    "garbage inside": lambda: saved(photograph(200, 150))[:4000] + b"\xff\xd9" * 5 + saved(photograph(200, 150))[4000:],
    "no JPEG": lambda: b"\xff\xd8\xff" + b"nothing" * 30,
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_files_are_decoded_by_simplejpeg_to_pillows_bytes(kind: str, taken: list[bool]) -> None:
    data = ORDINARY[kind]()
    pixels = result(data)
    assert taken == [True]
    assert isinstance(pixels, np.ndarray)
    assert pixels.dtype == np.uint8 and pixels.flags.writeable and pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, by_pillow(data))
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("kind", ODD)
def test_odd_files_are_pillows(kind: str, taken: list[bool]) -> None:
    data = ODD[kind]()
    found = result(data)
    assert not any(taken)
    expected = by_pillow(data)
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("transpose", [True, False])
def test_an_orientation_counts_only_where_it_is_asked_for(transpose: bool, taken: list[bool]) -> None:
    data = saved(photograph(61, 47), exif=exif(6))
    pixels = result(data, transpose=transpose)
    assert isinstance(pixels, np.ndarray)
    assert pixels.shape == ((61, 47, 3) if transpose else (47, 61, 3))
    assert taken == [not transpose]
    np.testing.assert_array_equal(pixels, by_pillow(data, transpose=transpose))


def test_damaged_files_are_what_they_are_to_pillow() -> None:
    """Bytes changed at random, anywhere: the same pixels, or the same error."""
    chance = random.Random(0)
    whole = [saved(photograph(70, 50)), saved(photograph(50, 70), progressive=True), saved(photograph(40, 40, "L"))]
    for number in range(600):
        data = bytearray(whole[number % 3])
        for _ in range(chance.choice((1, 2, 8))):
            data[chance.randrange(2, len(data))] = chance.randrange(256)
        found, expected = result(bytes(data)), by_pillow(bytes(data))
        assert type(found) is type(expected), number
        np.testing.assert_array_equal(found, expected, err_msg=str(number))


def test_a_smaller_decode_is_pillows(taken: list[bool]) -> None:
    assert decode(saved(photograph(640, 480)), at_least=(60, 60)).shape == (120, 160, 3)
    assert taken == []


def test_an_image_of_several_frames_is_pillows(taken: list[bool]) -> None:
    stream = io.BytesIO()
    frames = [photograph(61, 47), photograph(47, 61)]
    frames[0].save(stream, "MPO", save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(stream.getvalue())).format == "MPO"
    np.testing.assert_array_equal(result(stream.getvalue()), by_pillow(stream.getvalue()))
    assert not any(taken)


def test_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    monkeypatch.setattr(simplejpeg, "decode_jpeg", None)
    with pytest.raises(InputError, match="too many pixels"):
        decode(saved(photograph(61, 47)))


def test_without_simplejpeg_pillow_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photograph(61, 47))
    monkeypatch.setattr(jpegs, "simplejpeg", None)
    image = Image.open(io.BytesIO(data))
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    assert jpegs.decode_jpeg(image, transpose=True) is None
    np.testing.assert_array_equal(decode(data), np.asarray(image))


def tops(data: bytes, rows: int) -> np.ndarray | str:
    """As `result`, of the first rows alone."""
    try:
        return decode(data, needed=lambda height, width: rows)[:rows]
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("kind", [*ORDINARY, *ODD])
def test_rows_that_are_needed_are_those_of_the_whole(kind: str) -> None:
    data = (ORDINARY | ODD)[kind]()
    whole = result(data)
    for rows in (1, 13, 14, 15, 30, 31, 46, 47, 61):
        found = tops(data, rows)
        np.testing.assert_array_equal(found, whole if isinstance(whole, str) else whole[:rows], err_msg=str(rows))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_any_number_of_rows_may_be_needed(subsampling: int) -> None:
    for height in (16, 97, 128):
        data = saved(photograph(50, height), subsampling=subsampling, quality=90)
        whole = result(data)
        for rows in range(1, height + 1):
            np.testing.assert_array_equal(tops(data, rows), whole[:rows], err_msg=f"{rows} of {height}")


def test_what_is_not_needed_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[int, ...]] = []
    whole = simplejpeg.decode_jpeg

    def noted(*arguments: Any, **options: Any) -> np.ndarray:
        pixels = whole(*arguments, **options)
        decoded.append(pixels.shape)
        return pixels

    monkeypatch.setattr(simplejpeg, "decode_jpeg", noted)
    for image in (photograph(100, 200), photograph(100, 200, "L")):
        assert decode(saved(image), needed=lambda height, width: height - width).shape == (200, 100, 3)
    assert decoded == [(112, 100, 3)] * 2


def test_damaged_files_have_the_rows_that_they_have_for_pillow() -> None:
    """Bytes changed at random, anywhere. Damage below the rows may be overlooked, never damage to them."""
    chance = random.Random(1)
    whole = [saved(photograph(70, 90)), saved(photograph(50, 99), quality=95), saved(photograph(40, 80, "L"))]
    same = 0
    for number in range(600):
        data = bytearray(whole[number % 3])
        for _ in range(chance.choice((1, 2, 8))):
            data[chance.randrange(2, len(data))] = chance.randrange(256)
        rows = chance.randrange(1, 60)
        found, expected = tops(bytes(data), rows), by_pillow(bytes(data))
        if isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(found, expected[:rows], err_msg=str(number))
            same += 1
    assert same > 300


def test_a_file_without_its_end_is_broken_whatever_is_needed() -> None:
    data = saved(photograph(200, 150))
    assert "truncated" in str(tops(data[:-3000], 10))
    assert tops(data[:-3000], 10) == by_pillow(data[:-3000])
