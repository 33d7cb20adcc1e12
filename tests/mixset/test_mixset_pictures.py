"""Decoding: what cameras, scanners and the web put into files becomes (H, W, 3) uint8, or a reason."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from mixset_samples import noise
from PIL import Image

from mixset import InputError
from mixset.pictures import decode, header_size, is_picture, list_pictures

COLOUR = noise(1, (6, 9))[0]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_plain_colour_is_kept_from_bytes_and_paths(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(COLOUR))
    np.testing.assert_array_equal(decode(data), COLOUR)
    (tmp_path / "ä b.png").write_bytes(data)
    np.testing.assert_array_equal(decode(tmp_path / "ä b.png"), COLOUR)
    assert header_size(data) == (6, 9)
    decode(data)[0, 0, 0] = 0  # writable


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)
def test_exif_rotation_is_applied(orientation: int, turn: object) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(COLOUR), exif=exif)), turn(COLOUR))


def test_grey_bilevel_and_palette() -> None:
    grey = COLOUR[..., 0]
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey))), np.repeat(grey[..., None], 3, 2))
    bits = Image.fromarray(grey).point(lambda value: 255 * (value > 99), "1")
    assert set(np.unique(decode(encoded(bits)))) <= {0, 255}
    palette = Image.fromarray(COLOUR).quantize(16)
    np.testing.assert_array_equal(decode(encoded(palette)), np.asarray(palette.convert("RGB")))


def test_sixteen_bits_keep_their_upper_byte() -> None:
    grey = (np.arange(54, dtype=np.uint16).reshape(6, 9) * 1200) + 13
    expected = np.repeat(np.rint(grey / 257).astype(np.uint8)[..., None], 3, 2)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey))), expected)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey), "TIFF")), expected)


def test_float_pictures_in_0_to_1() -> None:
    grey = np.linspace(0, 1, 54, dtype=np.float32).reshape(6, 9)
    expected = np.repeat(np.rint(grey.astype(float) * 255).astype(np.uint8)[..., None], 3, 2)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey), "TIFF")), expected)


def test_cmyk_jpegs() -> None:
    flat = Image.new("CMYK", (9, 6), (0, 255, 255, 0))
    red = decode(encoded(flat, "JPEG", quality=95))
    assert np.abs(red.astype(int) - [255, 0, 0]).max() < 6


def test_what_is_transparent_is_black() -> None:
    rgba = np.dstack([COLOUR, np.full((6, 9), 255, np.uint8)])
    rgba[0, :, 3] = 0
    expected = COLOUR.copy()
    expected[0] = 0
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(rgba))), expected)
    palette = Image.fromarray(COLOUR).quantize(4)
    first = palette.getpixel((0, 0))
    assert (decode(encoded(palette, transparency=first))[0, 0] == 0).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (9, 6), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)
    np.testing.assert_array_equal(decode(data), np.asarray(frames[0]))


def test_a_large_jpeg_may_be_decoded_small() -> None:
    image = Image.fromarray(noise(1, (40, 60))[0]).resize((1200, 800))
    data = encoded(image, "JPEG")
    assert decode(data).shape == (800, 1200, 3)
    small = decode(data, at_least=(36, 36))
    assert small.shape == (100, 150, 3)
    assert decode(data, at_least=(300, 300)).shape == (800, 1200, 3)


def huge_png() -> bytes:
    """A PNG that says it has 60,000 x 60,000 pixels."""
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no picture of a known format"),
        (b"hello, I am a text", "no picture of a known format"),
        (encoded(Image.fromarray(noise(1, (64, 64))[0]))[:600], "broken picture"),
        (encoded(Image.fromarray(noise(1, (64, 64))[0]), "JPEG")[:700], "broken picture"),
        (huge_png(), "too many pixels"),
    ],
    ids=["empty", "text", "short png", "short jpeg", "huge"],
)
def test_what_cannot_be_decoded_has_a_reason_of_one_line(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        decode(data)
    assert "\n" not in str(caught.value)


def test_a_missing_file_has_a_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        decode(tmp_path / "none.png")


def test_listing_follows_links_once_and_sorts(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/1.jpeg", "a/x.tif", "c.webp", "b/readme.md", ".thumbs/t.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in list_pictures(tmp_path)]
    assert names == ["a/x.tif", "b/1.jpeg", "b/2.JPG", "c.webp"]
    assert not is_picture("a.txt")
    assert not is_picture("._a.png")
