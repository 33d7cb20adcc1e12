"""ImageNet-W: the watermark beside a plain one, and the suite w beside the plain computation from logits."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import evaluation_samples as samples
import numpy as np
import pytest
import reader_layouts as layouts
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.utils.data import DataLoader, TensorDataset
from watermark_fonts import FONT, font_package

import pixmix
from mixset._common.errors import InputError
from pixmix import measures
from pixmix._evaluators.sets import Reading
from pixmix._evaluators.suites import check_suites
from pixmix._evaluators.watermark import Watermark, font_path, font_size

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE, CARTON = 64, 478
INSTALL = r"suite w: the watermark's font is not installed; pip install --no-deps imagenet-w$"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "imagenet_w", raising=False)
    return font_package(tmp_path / "site")


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is not installed."""
    monkeypatch.setattr("pixmix._evaluators.watermark.find_spec", lambda name: None)


def plain(images: np.ndarray, size: int) -> np.ndarray:
    """Images with the mark as ImageNet-W's authors describe it, one by one through Pillow."""
    side = images.shape[1]
    font = ImageFont.truetype(str(font_path()), size)
    mark = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    ImageDraw.Draw(mark).text((0.01 * side, 0.4 * side), "捷径捷径捷径", (255, 255, 255, round(0.5 * 255)), font)
    below = [Image.fromarray(image).convert("RGBA") for image in images]
    return np.stack([np.asarray(Image.alpha_composite(image, mark).convert("RGB")) for image in below])


@pytest.mark.parametrize(("side", "size"), [(224, 36), (384, 62), (512, 82), (518, 84), (300, 48), (64, 10), (7, 1)])
@pytest.mark.usefixtures("package")
def test_the_mark_is_the_originals_to_the_byte(side: int, size: int) -> None:
    images = np.random.default_rng(side).integers(0, 256, (2, side, side, 3), np.uint8)
    before, marked = images.copy(), Watermark(side).on(images)
    assert font_size(side) == size
    np.testing.assert_array_equal(marked, plain(images, size))
    np.testing.assert_array_equal(images, before)
    opacity = Watermark(side).opacities
    if side > 64:
        changed = np.flatnonzero((marked != images).any((0, 2, 3)))
        assert 0.4 * side <= changed[0] < changed[-1] < 0.7 * side and opacity.max() == 128
    mixed = images + (255.0 - images) * opacity[..., None] / 255
    assert np.abs(marked - mixed).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("side", [224, 384, 512, 518, 300, 64])
def test_equals_the_package_where_it_is_installed(side: int) -> None:
    pytest.importorskip("torchvision")
    original = pytest.importorskip("imagenet_w").AddWatermark(side)
    images = np.random.default_rng(side).integers(0, 256, (3, side, side, 3), np.uint8)
    tensors = [original(torch.from_numpy(image).permute(2, 0, 1).float() / 255) for image in images]
    theirs = np.stack([(tensor * 255).round().byte().permute(1, 2, 0).numpy() for tensor in tensors])
    np.testing.assert_array_equal(Watermark(side).on(images), theirs)


@pytest.mark.usefixtures("package")
def test_floats_are_rounded_to_bytes_first() -> None:
    images = np.arange(SIDE * SIDE * 3, dtype=np.uint32).reshape(1, SIDE, SIDE, 3).astype(np.uint8)
    mark = Watermark(SIDE)
    np.testing.assert_array_equal(mark.on((images / 255).astype(np.float32)), mark.on(images))


def labelled_images() -> tuple[np.ndarray, np.ndarray]:
    """Images that a network without a bright class answers right, but for cartons."""
    images, _ = samples.test_images(40, SIDE)
    labels = samples.logits(samples.network(1000, SIDE), images).argmax(1)
    labels[::4] = CARTON
    return images, labels


class Bright(samples.Counting):
    """Takes what is brighter than half of the images for a carton: the mark helps there and harms elsewhere."""

    def __init__(self, images: np.ndarray) -> None:
        super().__init__(1000, SIDE)
        self.threshold = float(np.median(images.mean((1, 2, 3)))) / 127.5 - 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = super().forward(x)
        brighter = x.double().mean((1, 2, 3)) - self.threshold
        logits[:, CARTON] = logits.amax(1) + 300 * brighter
        return logits


def taught() -> pixmix.Normalized:
    return pixmix.Normalized(Bright(labelled_images()[0]), [0.5] * 3, [0.5] * 3)


@pytest.mark.usefixtures("package")
def test_values_are_those_of_the_logits_with_and_without_the_mark() -> None:
    (images, labels), net = labelled_images(), taught()
    found = pixmix.evaluate(net, "w", (images, labels), batch_size=7)["w"]
    before, after = (samples.logits(net, each) for each in (images, plain(images, 10)))
    gained = (after.argmax(1) == labels).astype(int) - (before.argmax(1) == labels)
    assert {*gained[labels == CARTON]} >= {0, 1} and -1 in gained
    assert found["error"]["value"] == pytest.approx(np.mean(after.argmax(1) != labels))
    low, high = measures.error_interval(found["error"]["value"], 40)
    assert found["error"]["interval"] == [low, high] and found["error"]["n"] == 40
    assert found["gap"]["value"] == pytest.approx(gained.mean()) and found["gap"]["n"] == 40
    assert found["carton_gap"]["value"] == pytest.approx(gained[labels == CARTON].mean())
    assert found["carton_gap"]["n"] == 10
    for name in ("gap", "carton_gap"):
        low, high = found[name]["interval"]
        assert -1 <= low <= found[name]["value"] <= high <= 1 and low < high
    powers = np.exp(after.astype(float))
    nll = -np.log(powers[np.arange(40), labels] / powers.sum(1)).mean()
    assert found["nll"]["value"] == pytest.approx(nll) and {"ece", "aurc", "rms_all_bins"} <= found.keys()
    assert found["set"] == {
        **{"images": 40, "text": "捷径捷径捷径", "font": FONT, "font_size": 10},
        "package": found["set"]["package"],
    }
    json.dumps(found)


@pytest.mark.usefixtures("package")
def test_a_loader_of_floats_has_the_same_values() -> None:
    (images, labels), net = labelled_images(), taught()
    tensors = TensorDataset(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(labels))
    loader = DataLoader(tensors, batch_size=16, shuffle=True)
    assert pixmix.evaluate(net, "w", loader) == pixmix.evaluate(net, "w", (images, labels))


@pytest.mark.usefixtures("package")
def test_without_cartons_their_gap_is_not_defined() -> None:
    images, labels = samples.test_images(8, SIDE)
    found = pixmix.evaluate(samples.network(1000, SIDE), "w", (images, labels))["w"]
    assert found["carton_gap"] == {"undefined": "no test image is of class 478, carton", "n": 0}
    assert "value" in found["gap"]


@pytest.mark.usefixtures("package")
def test_calibration_is_also_measured_after_scaling() -> None:
    data, net = labelled_images(), taught()
    found = pixmix.evaluate(net, "w", data, held_out=(layouts.bytes_of(60, SIDE, SIDE, 3, seed=3), np.arange(60) % 10))[
        "w"
    ]
    assert found["temperature"]["value"] > 0 and found["nll_ts"]["n"] == 40


def test_logits_are_kept_and_used_again_under_the_same_mark(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, net, kept = labelled_images(), taught(), tmp_path / "logits"
    options: dict[str, Any] = {"logits_folder": kept}
    first = pixmix.evaluate(net, "w", data, **options)
    assert sorted(path.name for path in kept.iterdir()) == ["clean.npz", "w.npz"]
    assert isinstance(net.body, samples.Counting)
    seen = net.body.seen
    assert pixmix.evaluate(net, "w", data, **options) == first
    assert net.body.seen - seen == 1  # the image that shows how many classes it has
    monkeypatch.setattr("pixmix._evaluators.watermark.TEXT", "another")
    seen = net.body.seen
    pixmix.evaluate(net, "w", data, **options)
    assert net.body.seen - seen == 41


@pytest.mark.usefixtures("nothing")
def test_a_missing_package_is_said_before_the_network_runs() -> None:
    net = samples.network(1000, SIDE)
    with pytest.raises(InputError, match=INSTALL):
        pixmix.evaluate(net, "w", labelled_images())
    assert isinstance(net.body, samples.Counting) and net.body.seen == 0
    with pytest.raises(InputError, match=INSTALL):
        check_suites("w", (10, SIDE, SIDE))


def test_a_package_without_its_font_or_with_a_damaged_one(package: Path) -> None:
    font = package / "fonts" / FONT
    font.write_bytes(b"no font")
    with pytest.raises(InputError, match=r"font .*ExtraLight\.otf.*pip install --force-reinstall --no-deps imagenet-w"):
        pixmix.evaluate(samples.network(1000, SIDE), "w", labelled_images())
    font.unlink()
    with pytest.raises(InputError, match=r"ExtraLight\.otf is missing; pip install --force-reinstall"):
        check_suites("w", (10, SIDE, SIDE))


@pytest.mark.usefixtures("package")
def test_other_images_and_networks_are_refused() -> None:
    with pytest.raises(InputError, match="suite w: square images of at least 7 px are needed, got 48x64"):
        check_suites("w", (10, 64, 48))
    with pytest.raises(InputError, match="suite w: square images of at least 7 px are needed, got 6x6"):
        check_suites("w", (10, 6, 6))
    line = "suite w: a network of ImageNet's 1,000 classes is needed, it has 10"
    with pytest.raises(InputError, match=line):
        check_suites("w", (10, SIDE, SIDE), reading=Reading(classes=10))
    with pytest.raises(InputError, match=line):
        pixmix.evaluate(samples.network(10, SIDE), "w", samples.test_images(8, SIDE))
    with pytest.raises(InputError, match="suite w: needs labelled test images"):
        pixmix.evaluate(samples.network(1000, SIDE), "w")
    with pytest.raises(InputError, match="sets: no suite 'w' has one"):
        pixmix.evaluate(samples.network(1000, SIDE), "w", labelled_images(), sets={"w": "nowhere"})


@pytest.mark.usefixtures("package")
def test_the_package_is_not_imported() -> None:
    Watermark(SIDE).on(np.zeros((1, SIDE, SIDE, 3), np.uint8))
    assert "imagenet_w" not in sys.modules
    with pytest.raises(ImportError, match="torchvision"):
        importlib.import_module("imagenet_w")
