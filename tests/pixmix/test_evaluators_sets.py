"""The suites on sets of their own: every value beside the plain computation from the network's logits."""

from __future__ import annotations

import json
from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest
import reader_layouts as layouts
import torch
from PIL import Image

import pixmix
from pixmix import measures
from pixmix._evaluators import outliers
from pixmix.corruptions._making import manifest
from pixmix.readers import CorruptedSet, PerturbedSet, imagenet_wnids

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = samples.test_images()
COUNT = 47
"""Images at a severity: five severities are more than 200, so that pooled answers are two bins."""


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layouts.cifar_c(tmp_path_factory.mktemp("sets") / "CIFAR-10-C", count=COUNT)


def logits_of_c(net: torch.nn.Module, root: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(5, N, classes) and (5, N), severity by severity."""
    logits = samples.logits(net, np.load(root / f"{name}.npy"))
    return logits.reshape(5, -1, logits.shape[1]), np.load(root / "labels.npy").astype(int).reshape(5, -1)


def plain_errors(net: torch.nn.Module, root: Path, name: str) -> list[float]:
    logits, labels = logits_of_c(net, root, name)
    return [float(np.mean(each.argmax(1) != truth)) for each, truth in zip(logits, labels, strict=True)]


def around(entry: dict) -> bool:
    low, high = entry["interval"]
    return low <= entry["value"] <= high and low < high


def test_c_of_ten_classes(c: Path) -> None:
    net = samples.network()
    found = pixmix.evaluate(net, "c", sets={"c": c}, batch_size=10)["c"]
    errors = {name: plain_errors(net, c, name) for name in (*layouts.C, *layouts.C_EXTRA)}
    for name, by_severity in errors.items():
        entry = found[name]
        assert entry["severities"] == {str(step): pytest.approx(by_severity[step - 1]) for step in range(1, 6)}
        assert entry["value"] == pytest.approx(np.mean(by_severity))
        assert (entry["n"], entry["counted"]) == (COUNT, name in layouts.C)
        assert around(entry)
    assert found["mce"]["value"] == pytest.approx(np.mean([np.mean(errors[name]) for name in layouts.C]))
    assert 0 < found["mce"]["value"] < 1
    assert around(found["mce"])
    assert (found["mce"]["n"], found["mce"]["source"]) == (COUNT, "official")
    assert "problems" not in found["mce"]
    assert found["set"]["corruptions"] == list(layouts.C)
    assert sorted(found["set"]["extra"]) == sorted(layouts.C_EXTRA)
    assert not [name for name in found if "alexnet" in name]
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))


@pytest.mark.parametrize(("form", "last_bin"), [("rms_reference", False), ("rms_all_bins", True)])
def test_both_poolings_of_rms(c: Path, form: str, last_bin: bool) -> None:
    net = samples.network()
    found = pixmix.evaluate(net, "c", sets={"c": c})["c"]
    pooled, apart = [], []
    for name in layouts.C:
        logits, labels = logits_of_c(net, c, name)
        pooled.append(measures.rms_calibration_error(np.concatenate(logits), np.concatenate(labels), last_bin=last_bin))
        if last_bin:
            each = [measures.rms_calibration_error(logits[step], labels[step]) for step in range(5)]
            apart.append(np.mean(each))
    if not last_bin:  # a severity alone is a single bin
        assert "value" not in found["rms_reference_by_severity"]
        assert f"{COUNT} images are one bin" in found["rms_reference_by_severity"]["undefined"]
    for pooling, values in (("corruption", pooled), *([("severity", apart)] if last_bin else [])):
        entry = found[f"{form}_by_{pooling}"]
        assert entry["value"] == pytest.approx(np.mean(values))
        assert list(entry["by_corruption"].values()) == pytest.approx(values)
        assert entry["interval"][0] <= entry["value"] <= entry["interval"][1]
    assert found["rms_all_bins_by_corruption"]["value"] != found["rms_all_bins_by_severity"]["value"]
    assert found["ece_by_severity"]["value"] > 0


def test_the_interval_of_the_mean_draws_images_with_all_their_corruptions(c: Path) -> None:
    """Its variance is that of the images' means: wider than of 15 · 5 independent samples of images."""
    net = samples.network()
    found = pixmix.evaluate(net, "c", sets={"c": c})["c"]["mce"]
    wrong = []
    for name in layouts.C:
        logits, labels = logits_of_c(net, c, name)
        wrong.append(logits.argmax(2) != labels)
    of_images = np.mean(wrong, axis=(0, 1))
    expected = 2 * 1.96 * of_images.std() / np.sqrt(COUNT)
    assert found["interval"][1] - found["interval"][0] == pytest.approx(expected, rel=0.15)


def test_c_of_imagenets_classes_is_normalised_by_alexnet(c: Path) -> None:
    net = samples.network(1000)
    found = pixmix.evaluate(net, ["c", "clean"], DATA, sets={"c": c})
    alexnet, whole = measures.alexnet_errors(), measures.alexnet_clean_error()
    error = found["clean"]["error"]["value"]
    ratios, rises = [], []
    for name in layouts.C:
        mean, reference = np.mean(plain_errors(net, c, name)), np.mean(list(alexnet[name].values()))
        ratios.append(mean / reference)
        rises.append((mean - error) / (reference - whole))
    found = found["c"]
    assert found["mce_alexnet"]["value"] == pytest.approx(np.mean(ratios))
    assert found["relative_mce_alexnet"]["value"] == pytest.approx(np.mean(rises))
    assert all(around(found[name]) for name in ("mce_alexnet", "relative_mce_alexnet"))
    without = pixmix.evaluate(net, "c", sets={"c": c})["c"]
    assert without["mce_alexnet"] == found["mce_alexnet"]
    assert "relative_mce_alexnet" not in without


def test_alexnet_is_taken_at_the_severities_that_are_there(c: Path, tmp_path: Path) -> None:
    short = layouts.cifar_c(tmp_path / "short", layouts.C[:2], count=4)
    np.save(short / "shot_noise.npy", np.load(short / "shot_noise.npy")[:12])
    found = pixmix.evaluate(samples.network(1000), "c", sets={"c": short}, partial=True)["c"]
    alexnet = measures.alexnet_errors()
    ratios = [
        np.mean(list(found[name]["severities"].values())) / np.mean([alexnet[name][step] for step in steps])
        for name, steps in (("gaussian_noise", range(1, 6)), ("shot_noise", range(1, 4)))
    ]
    assert list(found["shot_noise"]["severities"]) == ["1", "2", "3"]
    assert found["mce_alexnet"]["value"] == pytest.approx(np.mean(ratios))
    assert "shot_noise.npy: severity 4, 5 missing (12 of 20 images)" in found["mce"]["problems"]
    assert "fog: missing" in found["mce"]["problems"]


@pytest.fixture(scope="module")
def some_of_imagenet_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corruptions of three of ImageNet's classes, which are not its first."""
    root = tmp_path_factory.mktemp("sets") / "ImageNet-C"
    for number, name in enumerate(("fog", "snow")):
        for step in range(1, 6):
            for label, wnid in enumerate(samples.R_WNIDS):
                coarse = Image.fromarray(layouts.bytes_of(5, 5, 3, seed=100 * number + 10 * step + label))
                image = np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC))
                layouts.jpeg(root / name / str(step) / wnid / "ILSVRC2012_val_00000001.JPEG", image)
    return root


def test_folders_of_some_of_imagenets_classes_have_imagenets_numbers(some_of_imagenet_c: Path) -> None:
    """A network of 1,000 classes that knows the right answer in each image has no error."""
    net = samples.network(1000, 64)
    reader = CorruptedSet(some_of_imagenet_c, "c", size=64, partial=True)
    images = np.stack([reader.images("fog", 1)[index][0] for index in range(3)])
    answers = samples.logits(net, images).argmax(1)
    numbers = [imagenet_wnids().index(name) for name in samples.R_WNIDS]
    found = pixmix.evaluate(net, "c", sets={"c": reader})["c"]
    assert found["fog"]["severities"]["1"] == pytest.approx(np.mean(answers != numbers))
    with torch.no_grad():
        head = net.body.body[-1]
        head.weight[numbers] = head.weight[answers].clone()
        head.bias[numbers] = head.bias[answers] + 1
    known = pixmix.evaluate(net, "c", sets={"c": reader})["c"]["fog"]["severities"]["1"]
    assert known == 0 if len(set(answers)) == 3 else known < 1
    few = pixmix.evaluate(samples.network(3, 64), "c", sets={"c": reader})["c"]  # ranks, for a network of these alone
    logits = samples.logits(samples.network(3, 64), images)
    assert few["fog"]["severities"]["1"] == pytest.approx(np.mean(logits.argmax(1) != np.arange(3)))


def test_folders_are_read_both_ways(some_of_imagenet_c: Path) -> None:
    net = samples.network(3, 64)
    entries = []
    for resize in (False, True):
        reader = CorruptedSet(some_of_imagenet_c, "c", size=64, resize=resize, partial=True)
        found = pixmix.evaluate(net, "c", sets={"c": reader})["c"]
        assert found["set"]["transform"] == {"crop": 64, "resize": 73 if resize else None}
        images = np.stack([reader.images("snow", 3)[index][0] for index in range(3)])
        expected = np.mean(samples.logits(net, images).argmax(1) != np.arange(3))
        assert found["snow"]["severities"]["3"] == pytest.approx(expected)
        entries.append(found["rms_all_bins_by_severity"]["value"])
    assert entries[0] != entries[1]


def test_a_generated_set_says_so(tmp_path: Path) -> None:
    root = tmp_path / "made"
    recipe = {
        "suite": "cbar",
        "dataset": "digits",
        manifest.COUNT: 5,
        "size": 32,
        "severities": [1, 2, 3, 4, 5],
        "seed": 11,
    }
    manifest.begin(root, recipe)
    layouts.cifar_c(tmp_path / "arrays", layouts.CBAR_CIFAR, count=5)
    for path in (tmp_path / "arrays").iterdir():
        path.rename(root / path.name)
    net = samples.network()
    found = pixmix.evaluate(net, "cbar", sets={"cbar": root})["cbar"]
    assert (found["mce"]["source"], found["mce"]["seed"]) == ("generated", 11)
    assert found["set"] | recipe == found["set"]
    errors = [np.mean(plain_errors(net, root, name)) for name in layouts.CBAR_CIFAR]
    assert found["mce"]["value"] == pytest.approx(np.mean(errors))
    assert "mce_alexnet" not in pixmix.evaluate(samples.network(1000), "cbar", sets={"cbar": root})["cbar"]


def plain_consistency(logits: np.ndarray, noise: bool) -> tuple[float, float]:
    """FP and T5D of (N, frames, classes), frame by frame as the benchmark's script has them."""
    flips, distances = [], []
    for sequence in logits:
        orders = [np.argsort(-frame, kind="stable") for frame in sequence]
        flipped, distance = [], []
        for number in range(1, len(orders)):
            before = orders[0 if noise else number - 1]
            flipped.append(before[0] != orders[number][0])
            ranks = {label: rank for rank, label in enumerate(orders[number], 1)}
            distance.append(sum(abs(rank - min(ranks[before[rank - 1]], 6)) for rank in range(1, 6)))
        flips.append(np.mean(flipped))
        distances.append(np.mean(distance))
    return float(np.mean(flips)), float(np.mean(distances))


@pytest.mark.parametrize(("axis", "classes"), [(1, 10), (0, 10), (4, 1000)])
def test_p(tmp_path: Path, axis: int, classes: int) -> None:
    root, net = layouts.cifar_p(tmp_path / "P", count=3, axis=axis), samples.network(classes)
    found = pixmix.evaluate(net, "p", sets={"p": root}, batch_size=40)["p"]
    fp, t5d = {}, {}
    for name in (*layouts.P, *layouts.P_EXTRA):
        path = root / ("extra" if name in layouts.P_EXTRA else "") / f"{name}.npy"
        array = np.moveaxis(np.load(path), axis, 1)
        logits = samples.logits(net, array.reshape(-1, 32, 32, 3)).reshape(3, array.shape[1], -1)
        fp[name], t5d[name] = plain_consistency(logits, "noise" in name)
        entry = found[name]
        assert (entry["value"], entry["t5d"]["value"]) == (pytest.approx(fp[name]), pytest.approx(t5d[name]))
        assert (entry["n"], entry["counted"]) == (3, name in layouts.P)
        assert entry["t5d"]["interval"][0] <= t5d[name] <= entry["t5d"]["interval"][1]
    assert found["mfr"]["value"] == pytest.approx(np.mean([fp[name] for name in layouts.P]))
    assert found["mt5d"]["value"] == pytest.approx(np.mean([t5d[name] for name in layouts.P]))
    assert around(found["mt5d"])
    if classes == 10:
        assert not [name for name in found if "alexnet" in name]
        return
    for name, values, reference in (
        ("mfr_alexnet", fp, measures.alexnet_flip_probabilities()),
        ("mt5d_alexnet", t5d, measures.alexnet_t5d()),
    ):
        expected = np.mean([values[perturbation] / reference[perturbation] for perturbation in layouts.P])
        assert found[name]["value"] == pytest.approx(expected)
        assert found[name]["interval"][0] <= expected <= found[name]["interval"][1]
    assert found["mt5d_alexnet"]["provisional"]


@pytest.mark.parametrize("workers", [0, 2])
def test_p_in_videos(tmp_path: Path, workers: int) -> None:
    pytest.importorskip("cv2")
    root, net = layouts.imagenet_p(tmp_path / "P", ("tilt", "shot_noise", "translate")), samples.network(10, 64)
    found = pixmix.evaluate(net, "p", sets={"p": root}, partial=True, workers=workers, batch_size=7)["p"]
    reader = PerturbedSet(root, partial=True)
    for name in ("tilt", "shot_noise", "translate"):
        logits = np.stack([samples.logits(net, sequence) for sequence in reader.sequences(name)])
        assert (found[name]["value"], found[name]["t5d"]["value"]) == plain_consistency(logits, "noise" in name)
    assert found["set"]["perturbations"] == ["shot_noise", "translate", "tilt"]
    assert found["mt5d"]["value"] > 0


def test_r_is_judged_among_its_200_classes(tmp_path: Path) -> None:
    root, net = samples.imagenet_r(tmp_path / "imagenet-r"), samples.network(1000, 224)
    found = pixmix.evaluate(net, "r", sets={"r": root}, partial=True)["r"]
    images, answers, labels = [], [], []
    wnids, columns = imagenet_wnids(), measures.imagenet_r_classes()
    for label in range(3):
        for number in range(3):
            image = Image.open(root / samples.R_WNIDS[label] / f"art_{number}.jpg").convert("RGB")
            short = 256 / min(image.size)
            size = (int(image.width * short), int(image.height * short))
            image = image.resize(size, Image.Resampling.BILINEAR)
            left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
            images.append(np.asarray(image.crop((left, top, left + 224, top + 224))))
            labels.append(wnids.index(samples.R_WNIDS[label]))
    logits = samples.logits(net, np.stack(images))
    answers = columns[logits[:, columns].argmax(1)]
    assert found["error"]["value"] == pytest.approx(np.mean(answers != labels))
    confidence = np.exp(logits[:, columns].astype(float))
    confidence = (confidence / confidence.sum(1, keepdims=True)).max(1)
    gap = abs(confidence.mean() - np.mean(answers == labels))
    assert found["rms_all_bins"]["value"] == pytest.approx(gap)
    assert found["set"]["transform"] == {"crop": 224, "resize": 256}
    assert "197 of 200 classes missing" in found["error"]["problems"][0]
    assert found["error"]["n"] == 9


def test_r_comes_at_the_size_of_the_test_images(tmp_path: Path) -> None:
    root = samples.imagenet_r(tmp_path / "imagenet-r")
    data = samples.test_images(10, 64, 200)
    found = pixmix.evaluate(samples.network(200, 64), "r", data, sets={"r": root}, partial=True)["r"]
    assert found["set"]["transform"] == {"crop": 64, "resize": 73}


@pytest.mark.parametrize("without", [(), ("places69.npy",)])
def test_real_outliers(tmp_path: Path, without: tuple[str, ...]) -> None:
    root, net, (images, labels) = samples.outlier_sets(tmp_path, without=without), samples.network(), DATA
    found = pixmix.evaluate(net, "anomalies", (images, labels), sets={"ood": root}, partial=bool(without), seed=4)
    found = found["anomalies"]
    known = measures.msp(samples.logits(net, images))
    sets = {
        "textures": layouts.bytes_of(20, 32, 32, 3, seed=1),
        "svhn": np.moveaxis(layouts.bytes_of(32, 32, 3, 14, seed=2), 3, 0),
        "places69": layouts.bytes_of(9, 32, 32, 3, seed=3),
        "noise": layouts.bytes_of(30, 32, 32, 3, seed=6),
    }
    for name in set(sets) - {path.removesuffix(".npy") for path in without}:
        indices = measures.outlier_indices(57, len(sets[name]), seed=4)
        assert len(indices) == min(11, len(sets[name]))
        scores = measures.msp(samples.logits(net, sets[name][indices]))
        for measure in ("auroc", "aupr"):
            expected = getattr(measures, measure)(known, scores)
            assert found[name][measure]["value"] == pytest.approx(expected)
            assert (found[name][measure]["n"], found[name][measure]["n_ood"]) == (57, len(indices))
    counted = [*outliers.SYNTHETIC, "textures", "svhn", *(() if without else ("places69",))]
    mean = found["mean"]["auroc"]
    assert mean["value"] == pytest.approx(np.mean([found[name]["auroc"]["value"] for name in counted]))
    assert mean["sets"] == counted
    assert mean["absent"] == (["places69"] if without else [])
    assert mean.get("problems", []) == (["places69: missing"] if without else [])
    assert found["lsun"]["auroc"]["n_ood"] == 11
    assert found["lsun"]["energy"]["auroc"]["value"] != found["lsun"]["auroc"]["value"]
