"""The suite openood: every value beside the plain computation, and the originals' numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evaluation_samples as samples
import numpy as np
import openood_samples as openood
import pytest
import torch
from suite_samples import ARRAYS, KNOWN, MATERIAL, ORIGINALS, UNKNOWN

import pixmix
from mixset._common.errors import InputError
from pixmix import measures, scores
from pixmix._evaluators.near_far import Scores, near_far, prepare
from pixmix._evaluators.suites import check
from pixmix.readers import OpenOODSet

pytestmark = pytest.mark.usefixtures("one_thread")

NEAR, FAR = ("cifar100", "tin"), ("mnist", "svhn", "texture", "places365")
FROM_LOGITS = ["msp", "max_logit", "energy", "temperature", "gen", "klm"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return openood.cifar(tmp_path_factory.mktemp("openood"), shifted=True)


@pytest.fixture(scope="module")
def net() -> torch.nn.Module:
    """A network that answers enough of the validation images right for a temperature."""
    return samples.network(seed=3)


@pytest.fixture(autouse=True)
def _official(monkeypatch: pytest.MonkeyPatch) -> None:
    openood.official(monkeypatch)


def outputs(net: torch.nn.Module, folder: Path, file: str) -> scores.Outputs:
    images, labels = openood.arrays(folder, file)
    return scores.Outputs(logits=samples.logits(net, images), labels=labels)


def test_every_value_is_that_of_the_definitions(folder: Path, net: torch.nn.Module) -> None:
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, batch_size=7)["openood"]
    test = outputs(net, folder, "test_cifar10.txt")
    assert found["error"]["value"] == pytest.approx(np.mean(test.logits.argmax(1) != test.labels))
    material = scores.Material(validation=outputs(net, folder, "val_cifar10.txt"))
    assert [*found["scores"]] == FROM_LOGITS
    for name, entries in found["scores"].items():
        if "undefined" in entries:
            continue
        score = scores.make_score(name, material, **entries.get("settings", {}))
        for group, sets in (("near", NEAR), ("far", FAR)):
            each = {of_set: score(outputs(net, folder, f"test_{of_set}.txt")) for of_set in sets}
            for measure, function in (measures.OPENOOD | measures.DETECTION).items():
                values = [function(score(test), array) for array in each.values()]
                assert [entries[of_set][measure]["value"] for of_set in sets] == pytest.approx(values)
                assert entries[group][measure]["value"] == pytest.approx(np.mean(values))
                assert entries[group][measure]["sets"] == [*sets]
    assert entries["tin"]["auroc"]["n_ood"] == openood.COUNT
    assert (found["set"]["benchmark"], found["set"]["near"], found["set"]["images"]) == ("cifar10", [*NEAR], 20)
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))


def test_the_full_spectrum_pools_images(folder: Path, net: torch.nn.Module) -> None:
    found = pixmix.evaluate(net, "openood", sets={"openood": folder})["openood"]["full_spectrum"]
    test, shifted = outputs(net, folder, "test_cifar10.txt"), outputs(net, folder, "test_cifar10c.txt")
    logits = np.concatenate([test.logits, shifted.logits])
    assert test.labels is not None and shifted.labels is not None
    wrong = logits.argmax(1) != np.concatenate([test.labels, shifted.labels])
    assert (found["error"]["value"], found["error"]["n"]) == (pytest.approx(wrong.mean()), 40)
    anomalous = outputs(net, folder, "test_tin.txt").logits
    expected = measures.auroc(measures.msp(logits), measures.msp(anomalous))
    assert found["scores"]["msp"]["tin"]["auroc"]["value"] == pytest.approx(expected)
    assert found["sets"] == ["cifar10c"]


def test_settings_are_chosen_on_validation_images(folder: Path, net: torch.nn.Module) -> None:
    found = pixmix.evaluate(net, "openood", sets={"openood": folder})["openood"]
    known, unknown = (outputs(net, folder, file) for file in ("val_cifar10.txt", "val_tin.txt"))
    trials = found["scores"]["gen"]["trials"]
    assert len(trials) == 42
    values = []
    for trial in trials:
        score = scores.make_score("gen", **trial["settings"])
        values.append(measures.auroc(score(known), score(unknown)))
    assert [trial["auroc"] for trial in trials] == pytest.approx(values)
    assert found["scores"]["gen"]["settings"] == trials[int(np.argmax(values))]["settings"]
    # In the full spectrum the choice is the same.
    assert found["full_spectrum"]["scores"]["gen"]["settings"] == found["scores"]["gen"]["settings"]


def test_the_originals_near_and_far(tmp_path: Path) -> None:
    """OpenOOD's measures of its own scores, and the AUROC of each, where both sets are those of the fixtures."""
    detection = ORIGINALS["detection"]
    known, unknown = (np.array(ARRAYS[name]) for name in ("D_ID", "D_OOD"))
    groups = {"near": ("one",), "far": ("other", "third")}
    found = near_far(Scores(known=known, sets=dict.fromkeys(("one", "other", "third"), unknown)), groups)
    expected = {
        "fpr95_openood": detection["fpr95_ood_positive"],
        "auroc": detection["auroc"],
        "aupr_in": detection["aupr_in_trapezoid"],
        "aupr_out": detection["aupr_out_trapezoid"],
        "aupr": detection["aupr_out_average_precision"],
        "fpr95": detection["fpr95_ood_positive"],
    }
    for name in ("one", "near", "far", "third"):
        values = {measure: found[name][measure]["value"] for measure in expected}
        assert values == pytest.approx(expected, abs=1e-9)


def test_prepared_scores_are_the_originals() -> None:
    original = ORIGINALS["scores"]["klm"]
    prepared = prepare(["klm"], MATERIAL, None)["klm"]
    assert prepared.score is not None
    np.testing.assert_allclose(prepared.score(KNOWN), original["id"], atol=1e-9)
    np.testing.assert_allclose(prepared.score(UNKNOWN), original["ood"], atol=1e-9)


def test_a_mean_is_not_weighted_by_images() -> None:
    known = np.array([0.0, 1.0])
    found = near_far(
        Scores(known=known, sets={"few": np.array([2.0]), "many": np.full(9, -1.0)}), {"near": ("few", "many")}
    )
    assert found["near"]["auroc"]["value"] == 0.5
    assert "far" not in found


def test_intervals_are_of_the_measures_that_have_them(folder: Path, net: torch.nn.Module) -> None:
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, seed=3)["openood"]["scores"]
    for name in ("near", "far", "svhn"):
        for measure in measures.DETECTION:
            entry = found["msp"][name][measure]
            low, high = entry["interval"]
            assert low <= entry["value"] <= high
        assert "interval" not in found["msp"][name]["aupr_in"]
        assert "interval" not in found["klm"][name]["auroc"]


def test_what_is_left_out_is_said(tmp_path: Path, net: torch.nn.Module) -> None:
    folder = openood.cifar(tmp_path)
    for file in ("test_svhn.txt", "val_cifar10.txt", "test_cifar100.txt", "test_tin.txt"):
        (folder / file).unlink()
    with pytest.raises(InputError, match=r"test_svhn.txt: missing.* leave it out with `partial`"):
        pixmix.evaluate(net, "openood", sets={"openood": folder})
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, partial=True)["openood"]
    assert found["set"]["problems"][0] == "val_cifar10.txt: missing"
    assert (found["set"]["near"], found["set"]["far"]) == ([], ["mnist", "texture", "places365"])
    assert "near" not in found["scores"]["msp"]
    assert found["scores"]["msp"]["far"]["auroc"]["sets"] == ["mnist", "texture", "places365"]
    assert found["scores"]["klm"] == {"undefined": "there are no validation images"}
    assert found["scores"]["gen"]["settings"] == {"gamma": 0.1, "largest": 100}
    assert "trials" not in found["scores"]["gen"]
    assert "cifar10c" in found["set"]["absent"] and "full_spectrum" not in found


def test_kept_logits_are_used_again(folder: Path, tmp_path: Path) -> None:
    net = samples.network()
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, logits_folder=tmp_path)
    body: Any = net.body
    body.seen = 0
    assert pixmix.evaluate(net, "openood", sets={"openood": folder}, logits_folder=tmp_path) == found
    assert body.seen <= 1  # the image that tells the number of classes
    assert {path.name for path in tmp_path.iterdir()} >= {
        "openood-test.npz",
        "openood-validation.npz",
        "openood-tin.npz",
    }


def test_networks_of_other_classes_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="suite openood: cifar10 has 10 classes, the network 7"):
        pixmix.evaluate(samples.network(7), "openood", sets={"openood": folder})
    reader = OpenOODSet(folder)
    names = sorted(openood.CLASSES)
    check("openood", sets={"openood": reader}, classes=names, size=(32, 32))
    with pytest.raises(InputError, match="the network 3"):
        check("openood", sets={"openood": folder}, classes=names[:3])
    with pytest.raises(InputError, match="cifar10 has classes like airplane, the network like 0"):
        check("openood", sets={"openood": reader}, classes=[str(number) for number in range(10)])
    with pytest.raises(InputError, match="class airplane is 0 in cifar10 and 9 in the network"):
        check("openood", sets={"openood": reader}, classes=names[::-1])
    with pytest.raises(InputError, match="cifar10 is measured at 32x32 px, the test images have 48x40"):
        check("openood", sets={"openood": reader}, classes=10, size=(40, 48))
    with pytest.raises(InputError, match=r"suite openood: needs the folder of its set$"):
        check("openood")
