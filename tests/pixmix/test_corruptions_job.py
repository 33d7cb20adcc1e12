"""The job that writes suites: layouts, the same bytes for any number of workers, what it says it has made."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
from job_samples import NAMES, contents, large, small
from PIL import Image

from mixset._common.cropping import scale_and_crop
from pixmix.corruptions._c.suite import C
from pixmix.corruptions._cbar.suite import CIFAR_CBAR, IMAGENET_CBAR
from pixmix.corruptions._making import manifest
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source
from pixmix.corruptions._making.suites import SUITES, members, standard
from pixmix.corruptions._p.suite import P


def test_small_images_become_arrays_severity_by_severity(tmp_path: Path) -> None:
    source = small()
    out = corrupt(source, tmp_path / "c", corruptions=NAMES, seed=4, workers=1, quiet=True)
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*(f"{name}.npy" for name in NAMES), "corruptions.json", "labels.npy"]
    )
    labels = np.load(out / "labels.npy")
    assert labels.dtype == np.uint8
    assert labels.tolist() == source.labels.tolist() * 5
    for name in NAMES:
        array = np.load(out / f"{name}.npy", allow_pickle=False)
        assert (array.shape, array.dtype) == ((35, 32, 32, 3), np.uint8)
        for severity in (1, 3, 5):
            for index in (0, 6):
                wanted = C[name](source.array[index], severity=severity, seed=4, index=index)
                assert (array[(severity - 1) * 7 + index] == wanted).all()


def test_sequences_of_small_images_become_arrays_of_frames(tmp_path: Path) -> None:
    source = small(3)
    out = corrupt(source, tmp_path / "p", suite="p", corruptions=("translate", "snow"), workers=1, quiet=True)
    assert sorted(path.name for path in out.iterdir()) == ["corruptions.json", "snow.npy", "translate.npy"]
    assert np.load(out / "translate.npy").shape == (3, 16, 32, 32, 3)
    snow = np.load(out / "snow.npy")
    assert (snow[2] == P["snow"](source.array[2], size=32, seed=0, index=2)).all()


def test_corruptions_json_says_what_was_made_and_how(tmp_path: Path) -> None:
    corrupt(small(), tmp_path / "c", corruptions=NAMES, severities=(5, 2), seed=9, workers=1, quiet=True)
    said = json.loads((tmp_path / "c" / "corruptions.json").read_text())
    recipe = said["recipe"]
    assert {key: recipe[key] for key in recipe if key != "images_sha256"} == {
        "suite": "c",
        "dataset": "small",
        "pictures": 7,  # as ever: its hash is in every file
        "size": 32,
        "constants": "CIFAR",
        "severities": [5, 2],
        "seed": 9,
    }
    assert sorted(said["made"]) == sorted(NAMES)
    assert said["made"]["gaussian_noise"]["parameters"] == [0.04, 0.06, 0.08, 0.09, 0.1]
    assert "pixmix" in said["made"]["fog"]["versions"]
    array = np.load(tmp_path / "c" / "contrast.npy")
    assert array.shape == (14, 32, 32, 3)
    assert (array[7] == C["contrast"](small().array[0], severity=2, seed=9, index=0)).all()


def test_the_bytes_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    source = small(230)
    one = corrupt(source, tmp_path / "one", corruptions=NAMES, workers=1, quiet=True)
    two = corrupt(source, tmp_path / "two", corruptions=NAMES, workers=2, quiet=True)
    assert contents(one) == contents(two)
    array = np.load(two / "gaussian_noise.npy")
    for index in (99, 100, 229):  # of the first, the second and the last part
        wanted = C["gaussian_noise"](source.array[index], severity=2, seed=0, index=index)
        assert (array[230 + index] == wanted).all()


def test_large_images_become_files_as_the_official_ones(files: Path, tmp_path: Path) -> None:
    source = large(files)
    out = corrupt(
        source, tmp_path / "c", corruptions=("contrast", "shot_noise"), severities=(1, 4), workers=1, quiet=True
    )
    stems = ["ant/one", "ant/two", "bee/deep_three", "bee/four.bmp", "bee/four.png"]
    expected = {f"{name}/{n}/{stem}.JPEG" for name in ("contrast", "shot_noise") for n in (1, 4) for stem in stems}
    assert set(contents(out)) == expected | {"corruptions.json"}
    whole = np.asarray(Image.open(files / "ant" / "one.png"))  # 90 rows become 91, 8/7 of 80
    image = scale_and_crop(whole, (91, 91 * 130 // 90))
    top, left = round((91 - 80) / 2), round((image.shape[1] - 80) / 2)
    wanted = C["shot_noise"](
        np.ascontiguousarray(image[top : top + 80, left : left + 80]),
        severity=4,
        seed=0,
        index=source.names.index("ant/one"),
    )
    file = io.BytesIO()
    Image.fromarray(wanted).save(file, "JPEG", quality=85, optimize=True)
    there = manifest.read(out)
    assert there is not None and there.recipe["constants"] == "ImageNet"
    found = (out / "shot_noise" / "4" / "ant" / "one.JPEG").read_bytes()
    assert found == manifest.sealed(file.getvalue(), there.stamp)
    assert (np.asarray(Image.open(io.BytesIO(found))) == np.asarray(Image.open(file))).all()


def test_sequences_of_large_images_are_videos_that_opencv_reads_bit_for_bit(files: Path, tmp_path: Path) -> None:
    source = large(files)
    out = corrupt(source, tmp_path / "p", suite="p", corruptions=("gaussian_noise", "rotate"), workers=1, quiet=True)
    assert set(contents(out)) == {
        *(f"{name}/{stem}.mp4" for name in ("gaussian_noise", "rotate") for stem in source.names),
        "corruptions.json",
    }
    for name in ("gaussian_noise", "rotate"):
        index = source.names.index("ant/two")
        wanted = P[name](source.uncropped(index), size=80, seed=0, index=index)
        video, frames = cv2.VideoCapture(str(out / name / "ant" / "two.mp4")), []
        while (read := video.read())[0]:
            frames.append(read[1][..., ::-1])
        assert (np.stack(frames) == wanted).all()


def test_large_images_are_the_same_for_any_number_of_workers(files: Path, tmp_path: Path) -> None:
    source = large(files)
    more = Source(
        name="more",
        size=80,
        labels=np.tile(source.labels, 8),
        files=source.files * 8,
        names=tuple(f"{name}-{n}" for n in range(8) for name in source.names),
    )
    options = {"corruptions": ("gaussian_noise",), "severities": (3,), "quiet": True}
    one = corrupt(more, tmp_path / "one", workers=1, **options)
    two = corrupt(more, tmp_path / "two", workers=2, **options)
    assert contents(one) == contents(two)
    assert len(contents(one)) == 41


def test_suites_have_the_benchmarks_members() -> None:
    assert standard("c", 32) == standard("c", 224) == list(C)
    assert standard("c", 32, extra=True)[15:] == ["gaussian_blur", "saturate", "spatter", "speckle_noise"]
    assert standard("cbar", 32) == list(CIFAR_CBAR)
    assert standard("cbar", 224) == list(IMAGENET_CBAR)
    assert sorted(standard("cbar", 32, extra=True)) == sorted(SUITES["cbar"])
    assert len(standard("p", 32)) == 10
    assert len(standard("p", 32, extra=True)) == 14
    assert [kind.name for kind in members("c", 32, names=("spatter_corrected",))] == ["spatter_corrected"]
    chosen = members("p", 32, names=("gaussian_noise_3", "tilt", "gaussian_noise_3"))
    assert [kind.name for kind in chosen] == ["gaussian_noise_3", "tilt"]
