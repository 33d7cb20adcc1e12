"""The table of C-bar and the laws of its corruptions."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pixmix.corruptions._cbar.suite import CBAR, CIFAR_CBAR, IMAGENET_CBAR
from pixmix.corruptions._shared.base import Stream

# cifar10_c_bar.csv and imagenet_c_bar.csv of facebookresearch/augmentation-corruption.
CIFAR_LIST = """blue_noise_sample,0.7,1.4,2.1,3.5,4.2
checkerboard_cutout,1.0,2.0,3.0,4.0,5.0
inverse_sparkles,1.0,1.5,2.5,4.5,5.0
pinch_and_twirl,5.5,6.0,6.5,8.5,10.0
ripple,5.5,6.0,6.5,7.5,8.0
brownish_noise,2.5,4.0,5.5,6.5,7.0
circular_motion_blur,2.8,3.6,4.4,5.2,6.0
lines,0.5,1.0,1.5,2.0,2.5
sparkles,0.7,3.5,5.6,6.3,7.0
transverse_chromatic_abberation,1.0,2.0,5.0,9.0,10.0"""
IMAGENET_LIST = """caustic_refraction,2.35,3.2,4.9,6.6,9.15
inverse_sparkles,1.0,2.0,4.0,9.0,10.0
sparkles,1.0,2.0,3.0,5.0,6.0
perlin_noise,4.6,5.2,5.8,7.6,8.8
blue_noise_sample,0.8,1.6,2.4,4.0,5.6
plasma_noise,4.75,7.0,8.5,9.25,10.0
checkerboard_cutout,2.0,3.0,4.0,5.0,6.0
cocentric_sine_waves,3.0,5.0,8.0,9.0,10.0
single_frequency_greyscale,1.0,1.5,2.0,4.5,5.0
brownish_noise,1.0,2.0,3.0,4.0,5.0"""

DRAW = [name for name in CBAR if name != "circular_motion_blur"]


def fields_of(
    name: str, index: int = 0, *, severity: int = 3, size: tuple[int, int] = (32, 32), seed: int = 0
) -> dict[str, np.ndarray | float]:
    corruption = CBAR[name]
    stream = Stream(seed, index, corruption=corruption.number, severity=severity)
    return corruption.draw(stream, size, corruption.parameters(severity, size))


def listed(text: str) -> dict[str, tuple[float, ...]]:
    rows = [line.split(",") for line in text.splitlines()]
    return {row[0]: tuple(float(value) for value in row[1:]) for row in rows}


@pytest.mark.parametrize(("text", "names", "side"), [(CIFAR_LIST, CIFAR_CBAR, 32), (IMAGENET_LIST, IMAGENET_CBAR, 224)])
def test_suites_and_severities_are_the_lists(text: str, names: tuple[str, ...], side: int) -> None:
    assert tuple(listed(text)) == names
    for name, severities in listed(text).items():
        assert tuple(CBAR[name].parameters(n, (side, side)) for n in range(1, 6)) == severities


def test_each_of_the_fifteen_has_its_name_and_its_stream() -> None:
    assert set(CBAR) == set(CIFAR_CBAR) | set(IMAGENET_CBAR)
    assert len(CBAR) == 15
    assert all(name == corruption.name for name, corruption in CBAR.items())
    assert sorted(corruption.number for corruption in CBAR.values()) == list(range(32, 47))


@pytest.mark.parametrize("name", sorted(set(CIFAR_CBAR) ^ set(IMAGENET_CBAR)))
def test_what_is_in_one_list_has_its_severities_at_all_sizes(name: str) -> None:
    assert CBAR[name].small == CBAR[name].large == {**listed(CIFAR_LIST), **listed(IMAGENET_LIST)}[name]


@pytest.mark.parametrize("name", CBAR)
def test_is_a_function_of_image_and_key(photographs: Callable[..., np.ndarray], name: str) -> None:
    image, other = photographs(2, 32, 40)
    corruption = CBAR[name]
    made = corruption(image, severity=2, seed=2**63, index=2**31)
    corruption(other, severity=4, seed=1, index=0)
    np.testing.assert_array_equal(corruption(image, severity=2, seed=2**63, index=2**31), made)
    assert made.shape == image.shape
    assert made.dtype == np.uint8
    assert not np.array_equal(made, image)


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize("change", [{"seed": 1}, {"index": 1}])
def test_seed_and_index_change_what_is_drawn(name: str, change: dict[str, int]) -> None:
    key = {"seed": 0, "index": 0}
    assert not alike(fields_of(name, **key), fields_of(name, **{**key, **change}))


def alike(one: dict[str, np.ndarray | float], other: dict[str, np.ndarray | float]) -> bool:
    return all(np.array_equal(one[field], other[field]) for field in one)


@pytest.mark.parametrize("name", DRAW)
def test_severities_draw_apart(name: str) -> None:
    """Other numbers, not the same at another strength: each severity of an image is a sample of its own."""
    one, other = fields_of(name, severity=2), fields_of(name, severity=3)
    field = next(iter(one))
    size = min(np.size(one[field]), np.size(other[field]))
    assert not np.array_equal(np.ravel(one[field])[:size], np.ravel(other[field])[:size])


@pytest.mark.parametrize("name", CBAR)
def test_the_image_given_is_not_changed_and_may_lie_anyhow(
    tmp_path: Path, photographs: Callable[..., np.ndarray], name: str
) -> None:
    image = photographs(1, 33, 32)[0]
    before, made = image.copy(), CBAR[name](image, severity=5, seed=0, index=0)
    np.testing.assert_array_equal(image, before)
    assert not np.shares_memory(made, image)

    np.save(tmp_path / "image.npy", image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    for other in (mapped, np.asfortranarray(image), np.repeat(image, 2, axis=1)[:, ::2]):
        again = CBAR[name](other, severity=5, seed=0, index=0)
        np.testing.assert_array_equal(again, made)
        assert type(again) is np.ndarray
        assert again.flags.writeable


@settings(deadline=None, max_examples=12)
@given(
    size=st.tuples(st.integers(16, 150), st.integers(16, 150)), severity=st.integers(1, 5), value=st.integers(0, 255)
)
@pytest.mark.parametrize("name", CBAR)
def test_any_size_works(name: str, size: tuple[int, int], severity: int, value: int) -> None:
    image = np.full((*size, 3), value, np.uint8)
    with np.errstate(all="raise", under="ignore"):
        made = CBAR[name](image, severity=severity, seed=0, index=0)
    assert made.shape == image.shape


@pytest.mark.parametrize("name", CBAR)
@pytest.mark.parametrize("size", [(16, 300), (300, 16), (300, 300)])
def test_long_and_large_images_work(photographs: Callable[..., np.ndarray], name: str, size: tuple[int, int]) -> None:
    image = photographs(1, *size)[0]
    assert CBAR[name](image, severity=5, seed=0, index=0).shape == image.shape


@pytest.mark.parametrize("name", CBAR)
@pytest.mark.parametrize(("size", "count"), [((32, 32), 60), ((96, 96), 8)])
def test_the_distance_grows_with_severity(
    photographs: Callable[..., np.ndarray], name: str, size: tuple[int, int], count: int
) -> None:
    """In the mean, as each image draws anew; some lists have close neighbours, so two steps are compared."""
    images = photographs(count, *size)
    means = [
        np.mean(
            [
                np.abs(CBAR[name](image, severity=severity, seed=0, index=n).astype(int) - image).mean()
                for n, image in enumerate(images)
            ]
        )
        for severity in range(1, 6)
    ]
    assert all(means[n] < means[n + 2] for n in range(3))


@pytest.mark.parametrize(
    ("name", "field", "low", "high"),
    [
        ("checkerboard_cutout", "angle", 0, 2 * math.pi),
        ("checkerboard_cutout", "side", 3.2, 8),
        ("inverse_sparkles", "centre", 8, 24),
        ("sparkles", "centres", 0, 32),
        ("ripple", "wavelengths", 3.2, 9.6),
        ("ripple", "phases", 0, 2 * math.pi),
        ("cocentric_sine_waves", "centre", 0, 32),
        ("cocentric_sine_waves", "frequency", 0, 10),
        ("cocentric_sine_waves", "amplitude", 0, 3.2),
        ("cocentric_sine_waves", "width", 0, 3.2),
        ("plasma_noise", "time", 0, 6 * math.pi),
        ("plasma_noise", "sharpness", 0.5, 1),
        ("plasma_noise", "scale", 2.4, 6.4),
        ("caustic_refraction", "time", 0.5, 2),
        ("caustic_refraction", "side", 24, 40),
        ("single_frequency_greyscale", "phase", 0, 2 * math.pi),
        ("blue_noise_sample", "phases", 0, 2 * math.pi),
        ("brownish_noise", "phases", 0, 2 * math.pi),
        ("lines", "points", 0, 32),
    ],
)
def test_fields_are_uniform_over_their_range(name: str, field: str, low: float, high: float) -> None:
    values = np.concatenate([np.ravel(fields_of(name, index)[field]) for index in range(600)])
    shares = np.histogram((values - low) / (high - low), bins=4, range=(0, 1))[0] / len(values)
    assert values.min() > low
    assert values.max() < high
    np.testing.assert_allclose(shares, 0.25, atol=4 * math.sqrt(0.25 * 0.75 / 600))


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("plasma_noise", "rounds", {4, 5, 6}),
        ("sparkles", "rays", set(range(50, 200))),
        ("pinch_and_twirl", "signs", {-1, 1}),
        ("transverse_chromatic_abberation", "scales", {1.0, 1.125, 1.25}),
        ("checkerboard_cutout", "hidden", {False, True}),
    ],
)
def test_choices_are_of_their_set_and_all_are_met(name: str, field: str, values: set[float]) -> None:
    drawn = np.concatenate([np.ravel(fields_of(name, index)[field]) for index in range(1000)])
    assert set(drawn.tolist()) == values


@pytest.mark.parametrize(
    ("name", "size", "severity", "radius"),
    [
        ("sparkles", (224, 300), 3, 0.03 * 224),
        ("inverse_sparkles", (32, 32), 1, 8),
        ("inverse_sparkles", (224, 300), 5, 56),
    ],
)
def test_rays_vary_by_a_quarter_about_the_radius(
    name: str, size: tuple[int, int], severity: int, radius: float
) -> None:
    lengths = np.concatenate([np.ravel(fields_of(name, n, size=size, severity=severity)["lengths"]) for n in range(40)])
    assert lengths.mean() == pytest.approx(radius, rel=0.02)
    assert lengths.std() == pytest.approx(radius / 4, rel=0.05)


def test_rays_of_small_sparkles_are_a_pixel_long() -> None:
    assert (fields_of("sparkles", severity=1)["lengths"] == 1).all()  # 0.7 of 32 pixels is 0.2 of one


def test_positions_are_drawn_over_each_side_and_lengths_are_shares_of_the_shorter() -> None:
    centres = np.concatenate([fields_of("sparkles", n, size=(20, 60))["centres"] for n in range(300)])
    assert (centres.max(0) > [19, 57]).all()
    assert (centres.max(0) < [20, 60]).all()
    waves = [fields_of("cocentric_sine_waves", n, size=(20, 60)) for n in range(300)]
    assert max(fields["centre"][0] for fields in waves) > 57  # x comes first
    assert max(fields["width"] for fields in waves) < 2
    assert fields_of("pinch_and_twirl", size=(20, 60))["signs"].shape == (9, 3)  # columns first
