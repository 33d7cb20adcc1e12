"""The suites of sets collected anew: every value beside the plain computation from the network's logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evaluation_samples as samples
import numpy as np
import pytest
import reader_layouts as layouts
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

import pixmix
from mixset._common.errors import InputError
from pixmix import measures
from pixmix._evaluators.sets import Reading
from pixmix._evaluators.suites import check_suites
from pixmix.readers import CIFAR10Set, CorruptedSet, ImageNetSet, Transform, imagenet_wnids

pytestmark = pytest.mark.usefixtures("one_thread")

WNIDS, SIDE = imagenet_wnids(), 64
OF_A, OF_O = measures.imagenet_a_classes(), measures.imagenet_o_classes()
DCC3: tuple[str, ...] = ("near_focus", "far_focus", "fog_3d", "flash", "color_quant", "low_light")
DCC3 += ("xy_motion_blur", "z_motion_blur", "iso_noise", "bit_error", "h265_abr", "h265_crf")


def jpegs(root: Path, folders: list[str], per_class: int = 2) -> Path:
    for number, name in enumerate(folders):
        for index in range(per_class):
            coarse = layouts.bytes_of(6, 8, 3, seed=100 * number + index)
            image = Image.fromarray(coarse).resize((90, 70), Image.Resampling.BICUBIC)
            layouts.jpeg(root / name / f"{index}.JPEG", np.asarray(image))
    return root


def plain(root: Path, folder: str, per_class: int = 2) -> list[np.ndarray]:
    """The images of a class, resized to 73 and cropped to 64 px."""
    fit = Transform(crop=SIDE, resize=73)
    return [fit(Image.open(root / folder / f"{index}.JPEG").convert("RGB")) for index in range(per_class)]


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(float) - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def seen_by(net: pixmix.Normalized) -> int:
    """How many images went through the network."""
    assert isinstance(net.body, samples.Counting)
    return net.body.seen


def around(entry: dict[str, Any]) -> bool:
    low, high = entry["interval"]
    return low <= entry["value"] <= high


def test_a_is_judged_among_its_200_classes(tmp_path: Path) -> None:
    folders = [WNIDS[index] for index in OF_A[[0, 3, 90, 199]]]
    root, net = jpegs(tmp_path / "imagenet-a", folders), samples.network(1000, SIDE)
    data = samples.test_images(10, SIDE, 1000)
    found = pixmix.evaluate(net, "a", data, sets={"a": root}, partial=True)["a"]
    chosen = samples.logits(net, np.stack([image for name in folders for image in plain(root, name)]))[:, OF_A]
    labels = np.repeat([0, 3, 90, 199], 2)
    wrong = chosen.argmax(1) != labels
    assert found["error"]["value"] == pytest.approx(wrong.mean()) and around(found["error"])
    top = softmax(chosen)
    assert found["rms_all_bins"]["value"] == pytest.approx(abs(top.max(1).mean() - (~wrong).mean()))
    order = np.argsort(-top.max(1), kind="stable")
    accuracies = np.cumsum(~wrong[order]) / np.arange(1, 9)
    assert found["aurra"]["value"] == pytest.approx(accuracies.mean()) and around(found["aurra"])
    assert found["nll"]["value"] == pytest.approx(-np.log(top[np.arange(8), labels]).mean())
    assert found["set"]["transform"] == {"crop": 64, "resize": 73}
    assert found["error"]["n"] == 8 and "196 of 200 classes missing" in found["error"]["problems"][0]
    json.dumps(found)


def test_o_is_told_from_the_test_images_of_its_classes_alone(tmp_path: Path) -> None:
    root, net = jpegs(tmp_path / "imagenet-o", [WNIDS[OF_O[0]], WNIDS[OF_O[150]]], 5), samples.network(1000, SIDE)
    images, _ = samples.test_images(40, SIDE)
    labels = np.where(np.arange(40) % 4 == 0, 0, OF_O[np.arange(40) % 200])  # ten are of class 0, which is not O's
    assert 0 not in OF_O
    found = pixmix.evaluate(net, "o", (images, labels), sets={"o": root}, partial=True, seed=3)["o"]
    known = softmax(samples.logits(net, images[labels > 0])[:, OF_O]).max(1)
    names = [WNIDS[OF_O[0]], WNIDS[OF_O[150]]]
    outliers = np.stack([image for name in names for image in plain(root, name, 5)])
    unknown = softmax(samples.logits(net, outliers)[:, OF_O]).max(1)
    truth, scores = np.repeat([0, 1], [30, 10]), -np.concatenate([known, unknown])
    assert found["auroc"]["value"] == pytest.approx(roc_auc_score(truth, scores))
    assert found["aupr"]["value"] == pytest.approx(average_precision_score(truth, scores))
    threshold = np.sort(-unknown)[::-1][9]  # all ten: nine are 90 %
    assert found["fpr95"]["value"] == pytest.approx(np.mean(-known >= threshold))
    assert all(
        (found[name]["n"], found[name]["n_ood"]) == (30, 10) and around(found[name]) for name in ("auroc", "aupr")
    )
    assert "30 test images of ImageNet-O's classes, ImageNet's validation set has 10,000" in found["aupr"]["problems"]


def test_o_needs_all_its_test_images_and_says_so_before_the_network_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, net = jpegs(tmp_path, [WNIDS[OF_O[0]]]), samples.network(1000, SIDE)
    reader = ImageNetSet(root, "o", fit=Transform(crop=64, resize=73), partial=True)
    reader.partial = False
    images, labels = samples.test_images(6, SIDE)
    line = "suite o: 6 test images of ImageNet-O's classes, .* has 10,000; AUPR depends on their share: measure all, or"
    seen = seen_by(net)
    with pytest.raises(InputError, match=line):
        pixmix.evaluate(net, "o", (images, OF_O[labels]), sets={"o": reader})
    assert seen_by(net) - seen <= 1  # the image that shows how many classes it has
    with pytest.raises(InputError, match="suite o: no test image is of the 200 classes"):
        pixmix.evaluate(net, "o", (images, np.zeros(6, int)), sets={"o": reader})
    with pytest.raises(InputError, match="suite o: needs labelled test images"):
        pixmix.evaluate(net, "o", sets={"o": reader})


def test_variants_of_v2_are_measured_apart(tmp_path: Path) -> None:
    numbers = ["0", "1", "10", "2"]
    for seed, name in enumerate(("imagenetv2-matched-frequency-format-val", "imagenetv2-top-images-format-val")):
        jpegs(tmp_path / name, numbers[seed:])
    net = samples.network(1000, SIDE)
    data = samples.test_images(4, SIDE)
    found = pixmix.evaluate(net, "v2", data, sets={"v2": tmp_path}, partial=True)["v2"]
    assert [*found] == ["set", "matched_frequency", "top_images"]
    for folder, variant, some in (
        ("imagenetv2-matched-frequency-format-val", "matched_frequency", numbers),
        ("imagenetv2-top-images-format-val", "top_images", numbers[1:]),
    ):
        logits = samples.logits(net, np.stack([image for name in some for image in plain(tmp_path / folder, name)]))
        labels = np.repeat([int(name) for name in some], 2)
        wrong = logits.argmax(1) != labels
        assert found[variant]["error"]["value"] == pytest.approx(wrong.mean())
        assert found[variant]["error"]["n"] == len(labels)
        assert {"ece", "aurc", "rms_all_bins"} <= found[variant].keys()


def test_sketch_has_its_top_5_too(tmp_path: Path) -> None:
    folders = [WNIDS[index] for index in range(8)]
    root, net = jpegs(tmp_path, folders), samples.network(1000, SIDE)
    data = samples.test_images(4, SIDE)
    found = pixmix.evaluate(net, "sketch", data, sets={"sketch": root}, partial=True)["sketch"]
    logits = samples.logits(net, np.stack([image for name in folders for image in plain(root, name)]))
    labels = np.repeat(np.arange(8), 2)
    ranks = (-logits).argsort(1, kind="stable")[:, :5]
    assert found["error"]["value"] == pytest.approx(np.mean(ranks[:, 0] != labels))
    assert found["error_top5"]["value"] == pytest.approx(np.mean(~(ranks == labels[:, None]).any(1)))
    assert found["error_top5"]["value"] < found["error"]["value"]


@pytest.fixture
def dcc3(tmp_path: Path) -> Path:
    root = tmp_path / "ImageNet-3DCC"
    for seed, name in enumerate(DCC3):
        for severity in range(1, 6):
            for label, wnid in enumerate(WNIDS[:3]):
                coarse = layouts.bytes_of(6, 8, 3, seed=100 * seed + 10 * severity + label)
                image = Image.fromarray(coarse).resize((90, 70), Image.Resampling.BICUBIC)
                layouts.jpeg(root / name / str(severity) / wnid / "ILSVRC2012_val_1.JPEG", np.asarray(image))
    return root


def test_3dcc_is_relative_to_alexnets_means(dcc3: Path) -> None:
    net = samples.network(1000, SIDE)
    data = samples.test_images(4, SIDE)
    found = pixmix.evaluate(net, "dcc3", data, sets={"dcc3": dcc3}, partial=True)["dcc3"]
    assert found["set"]["corruptions"] == [*DCC3] and found["set"]["transform"] == {"crop": 64, "resize": (64, 64)}
    errors = {}
    for name in DCC3:
        images = []
        for severity in range(1, 6):
            for wnid in WNIDS[:3]:
                image = Image.open(dcc3 / name / str(severity) / wnid / "ILSVRC2012_val_1.JPEG").convert("RGB")
                images.append(np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR)))
        wrong = samples.logits(net, np.stack(images)).argmax(1) != np.tile(np.arange(3), 5)
        errors[name] = wrong.mean()
        assert found[name]["value"] == pytest.approx(wrong.mean())
    assert found["mce"]["value"] == pytest.approx(np.mean(list(errors.values())))
    alexnet = measures.alexnet_3dcc_errors()
    assert found["mce_alexnet"]["value"] == pytest.approx(np.mean([errors[name] / alexnet[name] for name in DCC3]))
    assert around(found["mce_alexnet"]) and around(found["mce"])


def test_3dcc_without_a_severity_has_no_error_relative_to_alexnets(dcc3: Path) -> None:
    (dcc3 / "fog_3d" / "2").rename(dcc3 / "fog_3d" / "7")
    net = samples.network(1000, SIDE)
    found = pixmix.evaluate(net, "dcc3", samples.test_images(4, SIDE), sets={"dcc3": dcc3}, partial=True)["dcc3"]
    assert "fog_3d has fewer" in found["mce_alexnet"]["undefined"] and "value" in found["mce"]
    with pytest.raises(InputError, match="severity 2 missing; 3 images at a severity, ImageNet-3DCC has 50,000"):
        CorruptedSet(dcc3, "dcc3")


def test_alexnets_errors_are_those_of_robustbench() -> None:
    errors = (0.6107, 0.6515, 0.7736, 0.8012, 0.5962, 0.8225, 0.8248, 0.7959, 0.9315, 0.6834, 0.5674, 0.5252)
    assert measures.alexnet_3dcc_errors() == dict(zip(DCC3, errors, strict=True))


@pytest.mark.parametrize(("suite", "make"), [("cifar10_1", layouts.cifar10_1), ("cifar10_2", layouts.cifar10_2)])
def test_cifar10_anew(tmp_path: Path, suite: str, make: Any) -> None:
    make(tmp_path)
    net = samples.network()
    found = pixmix.evaluate(net, suite, sets={suite: tmp_path})[suite]
    images, labels = CIFAR10Set(tmp_path, suite).images[""]
    wrong = samples.logits(net, np.asarray(images)).argmax(1) != labels
    assert found["error"]["value"] == pytest.approx(wrong.mean()) and found["error"]["n"] == 2000
    assert around(found["error"]) and found["set"]["source"] == "official" and "problems" not in found["error"]
    assert found["set"].get("version") == ("v6" if suite == "cifar10_1" else None)


def test_cinic10_is_measured_as_a_whole_and_without_cifars_images(tmp_path: Path) -> None:
    layouts.cinic10(tmp_path)
    net = samples.network()
    found = pixmix.evaluate(net, "cinic10", sets={"cinic10": tmp_path}, partial=True)["cinic10"]
    wrong: dict[str, list[bool]] = {"cifar": [], "imagenet": []}
    for label, name in enumerate(layouts.CIFAR):
        for path in sorted((tmp_path / "test" / name).iterdir()):
            answer = samples.logits(net, np.asarray(Image.open(path))[None]).argmax()
            wrong["cifar" if path.name.startswith("cifar") else "imagenet"].append(bool(answer != label))
    assert found["error"]["value"] == pytest.approx(np.mean(wrong["cifar"] + wrong["imagenet"]))
    assert found["imagenet"]["error"]["value"] == pytest.approx(np.mean(wrong["imagenet"]))
    assert (found["error"]["n"], found["imagenet"]["error"]["n"]) == (90, 70) and "cifar" not in found


@pytest.mark.parametrize("suite", ["a", "o", "v2", "sketch", "dcc3", "cifar10_1", "cifar10_2", "cinic10"])
def test_other_networks_are_refused_before_a_set_is_opened(tmp_path: Path, suite: str) -> None:
    needed = "CIFAR-10's 10" if "1" in suite else "ImageNet's 1,000"
    line = f"suite {suite}: a network of {needed} classes is needed, it has 7"
    images = (10, 32, 32)
    with pytest.raises(InputError, match=line):
        check_suites(suite, images, sets={suite: tmp_path / "nowhere"}, reading=Reading(classes=7))
    with pytest.raises(InputError, match=line):
        check_suites(suite, images, sets={suite: tmp_path / "nowhere"}, reading=Reading(classes=[*"abcdefg"]))
    with pytest.raises(InputError, match=f"suite {suite}: needs the folder of its set$"):
        check_suites(suite, images)


def test_a_network_of_other_classes_is_refused_where_only_it_knows_them(tmp_path: Path) -> None:
    layouts.cifar10_1(tmp_path / "again")
    with pytest.raises(InputError, match="a network of CIFAR-10's 10 classes is needed, it has 12"):
        pixmix.evaluate(samples.network(12), "cifar10_1", sets={"cifar10_1": tmp_path / "again"})
    root = jpegs(tmp_path / "sketch", [*WNIDS[:2]])
    with pytest.raises(InputError, match="a network of ImageNet's 1,000 classes is needed, it has 10"):
        pixmix.evaluate(
            samples.network(10, SIDE), "sketch", samples.test_images(4, SIDE), sets={"sketch": root}, partial=True
        )


def test_cifars_sets_are_not_measured_at_another_size(tmp_path: Path) -> None:
    layouts.cifar10_1(tmp_path)
    line = "suite cifar10_1: .* has images of 32x32 px, the test images have 64x64; give those"
    with pytest.raises(InputError, match=line):
        check_suites("cifar10_1", (4, 64, 64), sets={"cifar10_1": tmp_path}, reading=Reading(classes=10))


def test_logits_are_kept_and_used_again(tmp_path: Path) -> None:
    layouts.cinic10(tmp_path / "cinic")
    net, kept = samples.network(), tmp_path / "logits"
    options: dict[str, Any] = {"sets": {"cinic10": tmp_path / "cinic"}, "partial": True, "logits_folder": kept}
    first = pixmix.evaluate(net, "cinic10", **options)
    assert sorted(path.name for path in kept.iterdir()) == ["cinic10-cifar.npz", "cinic10-imagenet.npz"]
    seen = seen_by(net)
    assert pixmix.evaluate(net, "cinic10", **options) == first
    assert seen_by(net) - seen == 1  # the image that shows how many classes it has
