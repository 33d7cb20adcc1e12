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
from mixset._common.decoding import decode, header_size, is_image, list_image_files, to_rgb

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


def test_float_images_in_0_to_1() -> None:
    grey = np.linspace(0, 1, 54, dtype=np.float32).reshape(6, 9)
    expected = np.repeat(np.rint(grey.astype(float) * 255).astype(np.uint8)[..., None], 3, 2)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey), "TIFF")), expected)


RAMP = np.linspace(0, 1, 54).reshape(6, 9)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray((RAMP * 65535).astype(np.uint16)), RAMP * 255),
        (Image.fromarray((RAMP * 200).astype(np.uint16)), RAMP * 0),  # nearly black is not stretched
        (Image.fromarray((RAMP * 65535).astype(np.int32)), RAMP * 255),
        (Image.fromarray((RAMP * 255).astype(np.uint8)).convert("I"), RAMP * 255),
        (Image.fromarray((RAMP * 2e9 - 1e9).astype(np.int32)), RAMP * 255),
        (Image.fromarray(RAMP.astype(np.float32)), RAMP * 255),
        (Image.fromarray((RAMP * 255).astype(np.uint8)).convert("F"), RAMP * 255),
        (Image.fromarray((RAMP * 65535).astype(np.float32)), RAMP * 255),
        (Image.fromarray((RAMP * 6 - 3).astype(np.float32)), RAMP * 255),
        (Image.fromarray(np.where(RAMP < 0.5, np.nan, RAMP).astype(np.float32)), RAMP * 255 * (RAMP >= 0.5)),
        (Image.frombytes("I;16B", (9, 6), (RAMP * 65535).astype(">u2").tobytes()), RAMP * 255),
    ],
    ids=[
        "I;16",
        "I;16 dark",
        "I",
        "I of bytes",
        "I wide",
        "F",
        "F of bytes",
        "F of 16 bits",
        "F wide",
        "F with NaN",
        "I;16B",
    ],
)
def test_more_than_eight_bits_are_scaled(image: Image.Image, expected: np.ndarray) -> None:
    before = image.tobytes()
    made = to_rgb(image)
    assert made.shape == (6, 9, 3) and made.dtype == np.uint8
    assert np.abs(made.astype(float) - expected[:, :, None]).max() <= 1
    assert image.tobytes() == before


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "RGBX"])
def test_ordinary_images_are_what_pillow_makes_of_them(mode: str) -> None:
    image = Image.fromarray(COLOUR).convert(mode)
    np.testing.assert_array_equal(to_rgb(image), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa"])
def test_alpha_lies_on_black_in_each_mode(mode: str) -> None:
    alpha = Image.fromarray(np.where(np.arange(54).reshape(6, 9) < 27, 0, 255).astype(np.uint8))
    image = Image.fromarray(COLOUR)
    if mode == "PA":  # Pillow's conversion to it loses alpha
        image = image.convert("L").convert("P")
    image.putalpha(alpha)
    made = to_rgb(image.convert(mode))
    assert not made[:3].any() and made[3:].any()
    grey = np.repeat(np.asarray(Image.fromarray(COLOUR).convert("L"))[:, :, None], 3, 2)
    np.testing.assert_array_equal(made[3:], (COLOUR if mode.startswith("RGB") else grey)[3:])


def test_a_transparent_value_of_sixteen_bits_is_black() -> None:
    grey = np.full((6, 9), 40000, np.uint16)
    grey[0] = 30000
    # Not every version of Pillow writes the chunk that makes a value transparent: it goes behind the header.
    plain, chunk = encoded(Image.fromarray(grey)), b"tRNS" + struct.pack(">H", 30000)
    header = 8 + 25
    content = plain[:header] + struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk)) + plain[header:]
    image = decode(content)
    assert (image[0] == 0).all() and (image[1:] == 156).all()


def test_an_opened_image_is_turned_only_where_that_is_asked_for() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(COLOUR), exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(to_rgb(image, transpose=True), decode(data))
        np.testing.assert_array_equal(to_rgb(image), COLOUR)
        assert image.getexif()[0x0112] == 6


@pytest.mark.parametrize(
    ("image", "line"),
    [(Image.new("La", (9, 6)), "image of mode La: .*; convert it"), (Image.new("F", (0, 6)), "image of 0 by 6")],
)
def test_what_has_no_rgb_form_is_one_line(image: Image.Image, line: str) -> None:
    with pytest.raises(InputError, match=line):
        to_rgb(image)


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
        (b"", "not an image of a known format"),
        (b"hello, I am a text", "not an image of a known format"),
        (encoded(Image.fromarray(noise(1, (64, 64))[0]))[:600], "broken image"),
        (encoded(Image.fromarray(noise(1, (64, 64))[0]), "JPEG")[:700], "broken image"),
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


def test_too_many_open_files_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    (tmp_path / "a.png").touch()
    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(InputError, match=r"^too many open files"):
        decode(tmp_path / "a.png")


def test_listing_follows_links_once_and_sorts(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/1.jpeg", "a/x.tif", "c.webp", "b/readme.md", ".thumbs/t.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in list_image_files(tmp_path)]
    assert names == ["a/x.tif", "b/1.jpeg", "b/2.JPG", "c.webp"]
    assert not is_image("a.txt")
    assert not is_image("._a.png")
