"""CIFAR-P and ImageNet-P in the official layouts, in ours, and broken."""

from __future__ import annotations

import importlib.util
import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reader_layouts as layouts
from torch.utils.data import DataLoader

from mixset._common.errors import InputError
from pixmix import measures
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source
from pixmix.corruptions._making.suites import SUITES
from pixmix.readers import PerturbedSet, _videos as videos
from pixmix.readers._perturbed import frames_second

needs_opencv = pytest.mark.skipif(importlib.util.find_spec("cv2") is None, reason="OpenCV is not installed")


@pytest.fixture(scope="module")
def cifar_p(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layouts.cifar_p(tmp_path_factory.mktemp("sets") / "CIFAR-10-P")


@pytest.fixture(scope="module")
def imagenet_p(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layouts.imagenet_p(tmp_path_factory.mktemp("sets") / "imagenet-p")


def refused(root: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        PerturbedSet(root, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_cifar_p_with_its_extras_in_a_folder(cifar_p: Path) -> None:
    found = PerturbedSet(cifar_p)
    assert found.perturbations == layouts.P and set(found.extra) == set(layouts.P_EXTRA)
    assert found.source == {"source": "official"} and found.problems == ()
    lengths = {name: found.sequences(name).shape[1] for name in ("snow", "motion_blur", "translate", "spatter")}
    assert lengths == {"snow": 31, "motion_blur": 21, "translate": 16, "spatter": 31}
    assert isinstance(found.sequences("snow"), np.memmap)
    np.testing.assert_array_equal(found.sequences("snow"), np.load(cifar_p / "snow.npy"))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_frames_are_found_on_any_axis(tmp_path: Path, axis: int, cifar_p: Path) -> None:
    root = layouts.cifar_p(tmp_path / "p", axis=axis)
    found, expected = PerturbedSet(root), PerturbedSet(cifar_p)
    for name in (*layouts.P, *layouts.P_EXTRA):
        np.testing.assert_array_equal(found.sequences(name), expected.sequences(name))


@pytest.mark.parametrize(
    ("shape", "frames"),
    [
        ((10_000, 31, 32, 32, 3), 31),
        ((31, 10_000, 32, 32, 3), 31),
        ((10_000, 32, 32, 3, 31), 31),
        ((10_000, 25, 32, 32, 3), 25),
        ((25, 10_000, 32, 32, 3), 25),
        ((31, 31, 32, 32, 3), 31),
        ((16, 31, 32, 32, 3), 31),
        ((10_000, 3, 3, 3, 3), 3),
    ],
)
def test_the_axis_of_frames_is_where_it_should_be(shape: tuple[int, ...], frames: int) -> None:
    array = np.broadcast_to(np.uint8(0), shape)
    assert frames_second(array, "x.npy").shape[1] == frames


def test_what_has_no_axis_of_frames_is_named() -> None:
    with pytest.raises(InputError, match=r"x\.npy: holds \(10, 31, 3, 32, 32\)"):
        frames_second(np.zeros((10, 31, 3, 32, 32), np.uint8), "x.npy")


@needs_opencv
@pytest.mark.parametrize("group", ["", "noise"])
def test_imagenet_p_is_decoded_frame_by_frame(tmp_path: Path, group: str) -> None:
    root = layouts.imagenet_p(tmp_path / "p", group=group)
    layouts.imagenet_p(root, ("gaussian_noise_2",), group=group)
    found = PerturbedSet(root)
    assert found.perturbations == layouts.P and found.extra == ("gaussian_noise_2",)
    for name, frames in (("snow", 6), ("translate", 16), ("gaussian_noise_2", 6)):
        sequences = found.sequences(name)
        assert len(sequences) == 2 and sequences.shape == (frames, 64, 64, 3)
        for number, sequence in enumerate(sequences):
            assert sequence.shape == (frames, 64, 64, 3) and sequence.dtype == np.uint8
            # Red, not blue, grows with the frames; a lossy codec keeps flat shades within a few steps.
            np.testing.assert_allclose(sequence, layouts.shades(frames, first=20 * number), atol=12)


@needs_opencv
def test_videos_are_read_by_workers_in_their_order(imagenet_p: Path) -> None:
    sequences = PerturbedSet(imagenet_p).sequences("tilt")
    loader: DataLoader[Any] = DataLoader(sequences, batch_size=None, num_workers=2)
    for expected, found in zip(sequences, loader, strict=True):
        np.testing.assert_array_equal(expected, found)
    assert pickle.loads(pickle.dumps(sequences)).fingerprint() == sequences.fingerprint()


@needs_opencv
def test_sequences_go_into_the_measures(cifar_p: Path, imagenet_p: Path) -> None:
    """A classifier by mean colour, on both kinds of sequences, block by block."""
    for root in (cifar_p, imagenet_p):
        found, values = PerturbedSet(root), {}
        for name in found.perturbations:
            blocks = [sequence.mean(axis=(1, 2), dtype=np.float32) for sequence in found.sequences(name)]
            top = np.stack([measures.top_classes(block) for block in blocks])
            values[name] = measures.flip_probability(top, noise=measures.is_noise(name))
        assert measures.mfr(values, measures.alexnet_flip_probabilities()) >= 0


def test_what_this_package_makes_is_read_and_says_so(tmp_path: Path) -> None:
    source = Source(name="noise", size=8, labels=np.array([4, 1]), array=layouts.bytes_of(2, 8, 8, 3))
    corrupt(source, tmp_path / "made", suite="p", corruptions=["tilt", "translate"], seed=7, workers=1, quiet=True)
    found = PerturbedSet(tmp_path / "made", partial=True)
    assert found.perturbations == ("translate", "tilt")
    assert found.source["source"] == "generated" and found.source["seed"] == 7
    np.testing.assert_array_equal(found.sequences("tilt"), np.load(tmp_path / "made" / "tilt.npy"))
    one = np.array(found.sequences("tilt")[:1])
    del found  # a file must not be cut while it is mapped
    np.save(tmp_path / "made" / "tilt.npy", one)
    assert "tilt.npy is damaged (its SHA-256 does not match)" in refused(tmp_path / "made")
    remedy = "--suite p --size 8 --seed 7 --corruptions tilt` makes it again"
    assert remedy in refused(tmp_path / "made")


@needs_opencv
def test_large_sequences_this_package_makes_are_read_without_loss(tmp_path: Path) -> None:
    names = ("n01443537/b", "n01440764/a")
    source = Source(name="large", size=70, labels=np.arange(2), array=layouts.bytes_of(2, 70, 70, 3), names=names)
    corrupt(source, tmp_path / "made", suite="p", corruptions=["brightness"], workers=1, quiet=True)
    sequences = PerturbedSet(tmp_path / "made", partial=True).sequences("brightness")
    for index in range(2):
        expected = SUITES["p"]["brightness"](source.array[1 - index], size=70, seed=0, index=1 - index)
        np.testing.assert_array_equal(sequences[index], expected)  # sorted by class


FAULTS = {
    "missing": (lambda root: (root / "snow.npy").unlink(), r"snow: missing"),
    "unknown": (
        lambda root: (root / "snow.npy").rename(root / "snov.npy"),
        r"snov\.npy: unknown name; snow: missing",
    ),
    "cut short": (
        lambda root: (root / "snow.npy").write_bytes((root / "snow.npy").read_bytes()[:5000]),
        r"snow\.npy is damaged",
    ),
    "fewer": (
        lambda root: np.save(root / "snow.npy", np.zeros((4, 31, 32, 32, 3), np.uint8)),
        r"snow\.npy: 4 sequences, expected 5",
    ),
    "images": (
        lambda root: np.save(root / "snow.npy", np.zeros((5, 32, 32, 3), np.uint8)),
        r"snow\.npy: holds uint8 \(5, 32, 32, 3\), needed is \(N, frames, H, W, 3\)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_arrays_is_named_or_left_out(cifar_p: Path, tmp_path: Path, fault: str) -> None:
    cause, line = FAULTS[fault]
    root = shutil.copytree(cifar_p, tmp_path / "p")
    cause(root)
    assert re.search(line, refused(root))
    found = PerturbedSet(root, partial=True)
    assert re.search(line, "; ".join(found.problems))
    assert len(found.perturbations) == 9
    with pytest.raises(InputError, match="no perturbation snow; it has"):
        found.sequences("snow")


@needs_opencv
def test_faults_of_videos_are_named(imagenet_p: Path, tmp_path: Path) -> None:
    root = shutil.copytree(imagenet_p, tmp_path / "p")
    path = root / "tilt" / layouts.WNIDS[1] / "ILSVRC2012_val_00000001.mp4"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=re.escape(f"video {path}: broken or truncated")) as caught:
        PerturbedSet(root).sequences("tilt")[1]
    assert "\n" not in str(caught.value)
    layouts.video(path, layouts.shades(5))
    with pytest.raises(InputError, match=r"5 frames of 64x64 px, but .* has 6 frames of 64x64 px"):
        PerturbedSet(root).sequences("tilt")[1]
    path.unlink()
    assert re.search(r"tilt: 1 videos, others have 2 \(missing or other: n01443537/", refused(root))
    found = PerturbedSet(root, partial=True)
    assert "tilt" not in found.perturbations and len(found.perturbations) == 9


class CutShort:
    """OpenCV where a file says that it has six frames and three can be decoded."""

    CAP_PROP_FRAME_COUNT = 7

    def __init__(self, path: str) -> None:
        self.left = 3

    VideoCapture = classmethod(lambda kind, path: kind(path))

    def isOpened(self) -> bool:
        return True

    def get(self, what: int) -> float:
        return 6.0

    def read(self) -> tuple[bool, np.ndarray]:
        self.left -= 1
        return self.left >= 0, np.zeros((4, 4, 3), np.uint8)

    def release(self) -> None:
        pass


def test_a_video_with_fewer_frames_than_it_says_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(videos, "opencv", lambda: CutShort)
    (tmp_path / "a.mp4").write_bytes(b"video")
    with pytest.raises(InputError, match=r"a\.mp4: broken or truncated \(3 of 6 frames\)"):
        videos.read_video(tmp_path / "a.mp4")


def test_what_is_no_set_gets_one_line(tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "gaussian_noise: missing" in refused(tmp_path)
    assert "has no complete perturbation of suite p" in refused(tmp_path, partial=True)
