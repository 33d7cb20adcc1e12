"""The suite openood: every value beside the plain computation, and the originals' numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import evaluation_samples as samples
import numpy as np
import openood_folders as openood
import pytest
import torch
from suite_samples import ARRAYS, KNOWN, MATERIAL, ORIGINALS, UNKNOWN

import pixmix
from mixset._common.errors import InputError
from pixmix import measures, scores
from pixmix._evaluators.near_far import Scores, measure, near_far
from pixmix._evaluators.saved import read_logits
from pixmix._evaluators.scoring import prepare
from pixmix._evaluators.sets import Reading
from pixmix._evaluators.suites import check_suites
from pixmix.readers import OpenOODSet

pytestmark = pytest.mark.usefixtures("one_thread")

NEAR, FAR = ("cifar100", "tin"), ("mnist", "svhn", "texture", "places365")
FROM_LOGITS = scores.ScoreSettings(names=("msp", "max_logit", "energy", "gen", "klm"))
FROM_FEATURES = scores.ScoreSettings(names=("knn", "rmds"), settings={"knn": {"k": 5}}, layer="body.4")


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
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, batch_size=7, scores=FROM_LOGITS)["openood"]
    test = outputs(net, folder, "test_cifar10.txt")
    assert found["error"]["value"] == pytest.approx(np.mean(test.logits.argmax(1) != test.labels))
    material = scores.Material(validation=outputs(net, folder, "val_cifar10.txt"))
    assert [*found["scores"]] == [*FROM_LOGITS.names]
    for name, entries in found["scores"].items():
        score = scores.make_score(name, material, **entries.get("settings", {}))
        for group, sets in (("near", NEAR), ("far", FAR)):
            each = {of_set: score(outputs(net, folder, f"test_{of_set}.txt")) for of_set in sets}
            for kind, function in (measures.OPENOOD | measures.DETECTION).items():
                values = [function(score(test), array) for array in each.values()]
                assert [entries[of_set][kind]["value"] for of_set in sets] == pytest.approx(values)
                assert entries[group][kind]["value"] == pytest.approx(np.mean(values))
                assert entries[group][kind]["sets"] == [*sets]
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
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, scores=FROM_LOGITS)["openood"]
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


@pytest.mark.parametrize(
    ("name", "settings", "original"),
    [
        ("klm", {}, "klm"),
        ("gen", {"largest": 3}, "gen g=.1 M=3"),
        ("knn", {"k": 5}, "knn k=5"),
        ("ash_b", {"percentile": 65}, "ash-b p=65"),
        ("vim", {"dimension": 3}, "vim d=3"),
    ],
)
def test_stored_outputs_give_the_originals_table(name: str, settings: dict[str, Any], original: str) -> None:
    """From kept logits and features: the AUROC that OpenOOD's own scores have between the fixtures' two sets."""
    chosen = scores.ScoreSettings(names=(name,), settings={name: settings})
    kept = {"test": replace(KNOWN, labels=np.zeros(10, int)), "set": UNKNOWN}
    found = measure(kept.__getitem__, {"near": ("set",), "far": ("set",)}, (), prepare(chosen, MATERIAL), 0)
    theirs = ORIGINALS["scores"][original]
    expected = measures.auroc(theirs["id"], theirs["ood"])
    for group in ("near", "far"):
        assert found["scores"][name][group]["auroc"]["value"] == pytest.approx(expected, abs=1e-9)
    assert found["scores"][name].get("settings", {}).items() >= settings.items()
    assert found["error"]["value"] == pytest.approx(np.mean(KNOWN.logits.argmax(1) != 0))


def test_scores_of_features_have_the_training_images_of_the_lists(folder: Path, net: torch.nn.Module) -> None:
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, scores=FROM_FEATURES)["openood"]["scores"]
    assert [*found] == ["msp", "knn", "rmds"]
    assert found["knn"]["settings"] == {"k": 5} and "trials" not in found["knn"]
    body: Any = net

    def features(file: str) -> np.ndarray:
        images = torch.from_numpy(openood.arrays(folder, file)[0]).permute(0, 3, 1, 2).float() / 255
        return body.body.body[:-1](((images - 0.5) / 0.5).double()).detach().float().numpy()

    bank, known, anomalous = map(features, ("train_cifar10.txt", "test_cifar10.txt", "test_tin.txt"))
    expected = measures.auroc(*(scores.knn(each, bank, k=5) for each in (known, anomalous)))
    assert found["knn"]["tin"]["auroc"]["value"] == pytest.approx(expected)


def test_a_mean_is_not_weighted_by_images() -> None:
    known = np.array([0.0, 1.0])
    found = near_far(
        Scores(known=known, sets={"few": np.array([2.0]), "many": np.full(9, -1.0)}), {"near": ("few", "many")}
    )
    assert found["near"]["auroc"]["value"] == 0.5
    assert "far" not in found


def test_intervals_are_of_the_measures_that_have_them(folder: Path, net: torch.nn.Module) -> None:
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, seed=3, scores=FROM_LOGITS)["openood"]["scores"]
    for name in ("near", "far", "svhn"):
        for kind in measures.DETECTION:
            entry = found["msp"][name][kind]
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
    gen = scores.ScoreSettings(names=("gen",))
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, partial=True, scores=gen)["openood"]
    assert found["set"]["problems"][0] == "val_cifar10.txt: missing"
    assert (found["set"]["near"], found["set"]["far"]) == ([], ["mnist", "texture", "places365"])
    assert "near" not in found["scores"]["msp"]
    assert found["scores"]["msp"]["far"]["auroc"]["sets"] == ["mnist", "texture", "places365"]
    assert found["scores"]["gen"]["settings"] == {"gamma": 0.1, "largest": 100}
    assert "trials" not in found["scores"]["gen"]
    with pytest.raises(InputError, match="score klm needs outputs of validation images"):
        pixmix.evaluate(net, "openood", sets={"openood": folder}, partial=True, scores=FROM_LOGITS)
    assert "cifar10c" in found["set"]["absent"] and "full_spectrum" not in found


def test_kept_logits_are_used_again(folder: Path, tmp_path: Path) -> None:
    net = samples.network()
    settings: dict[str, Any] = {"scores": FROM_FEATURES, "logits_folder": tmp_path}
    found = pixmix.evaluate(net, "openood", sets={"openood": folder}, **settings)
    body: Any = net.body
    body.seen = 0
    assert pixmix.evaluate(net, "openood", sets={"openood": folder}, **settings) == found
    assert body.seen <= 3  # one tells the number of classes, two the last layer
    assert {path.name for path in tmp_path.iterdir()} >= {
        "openood-test.npz",
        "openood-training.npz",
        "openood-tin.npz",
    }


def test_networks_of_other_classes_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="suite openood: cifar10 has 10 classes, the network 7"):
        pixmix.evaluate(samples.network(7), "openood", sets={"openood": folder})
    reader = OpenOODSet(folder)
    names = sorted(openood.CLASSES)
    check_suites("openood", sets={"openood": reader}, reading=Reading(classes=names), size=(32, 32))
    with pytest.raises(InputError, match="the network 3"):
        check_suites("openood", sets={"openood": folder}, reading=Reading(classes=names[:3]))
    with pytest.raises(InputError, match="cifar10 has classes like airplane, the network like 0"):
        check_suites(
            "openood", sets={"openood": reader}, reading=Reading(classes=[str(number) for number in range(10)])
        )
    with pytest.raises(InputError, match="class airplane is 0 in cifar10 and 9 in the network"):
        check_suites("openood", sets={"openood": reader}, reading=Reading(classes=names[::-1]))
    with pytest.raises(InputError, match="cifar10 is measured at 32x32 px, the test images have 48x40"):
        check_suites("openood", sets={"openood": reader}, reading=Reading(classes=10), size=(40, 48))
    with pytest.raises(InputError, match=r"suite openood: needs the folder of its set$"):
        check_suites("openood")


@pytest.fixture
def saved(folder: Path, net: torch.nn.Module) -> dict[str, np.ndarray]:
    """The network's logits of the benchmark's sets, in the arrays of a file."""
    arrays = {f"ood_{name}": outputs(net, folder, f"test_{name}.txt").logits for name in (*NEAR, *FAR)}
    for part, file in (("", "test_cifar10.txt"), ("held_out_", "val_cifar10.txt")):
        own = outputs(net, folder, file)
        assert own.labels is not None
        arrays |= {f"{part}logits": own.logits, f"{part}labels": own.labels}
    return arrays | {"tuning_logits": outputs(net, folder, "val_tin.txt").logits}


def test_saved_logits_give_the_same(
    folder: Path, net: torch.nn.Module, saved: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "logits.npz", **saved, ood_textures=saved["logits"])
    found = read_logits(tmp_path / "logits.npz", "openood", scores=FROM_LOGITS).measure()["openood"]
    whole = pixmix.evaluate(net, "openood", sets={"openood": folder}, scores=FROM_LOGITS)["openood"]
    assert found["scores"] == whole["scores"]
    assert found["error"] == whole["error"]
    same = ("benchmark", "images", "near", "far", "problems")
    assert {name: found["set"][name] for name in same} == {name: whole["set"][name] for name in same}


def test_log_probabilities_have_no_energy(saved: dict[str, np.ndarray], tmp_path: Path) -> None:
    of_logs = {name: np.log(measures.softmax(array)) for name, array in saved.items() if not name.endswith("labels")}
    np.savez(tmp_path / "logs.npz", **{**saved, **of_logs})
    found = read_logits(tmp_path / "logs.npz", "openood").measure()["openood"]["scores"]
    assert found["energy"] == {"undefined": "log-probabilities all have the energy 0"}
    np.savez(tmp_path / "logits.npz", **saved)
    plain = read_logits(tmp_path / "logits.npz", "openood").measure()["openood"]["scores"]
    assert found["msp"]["near"]["auroc"]["value"] == pytest.approx(plain["msp"]["near"]["auroc"]["value"])


def test_saved_logits_of_another_number_are_refused(saved: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "logits.npz"
    shorter = {"ood_tin": saved["ood_tin"][:7], "logits": saved["logits"][1:], "labels": saved["labels"][1:]}
    np.savez(path, **{**saved, **shorter})
    with pytest.raises(InputError, match="logits: 19 images, cifar10 has 20; ood_tin: 7 images, cifar10 has 20; save "):
        read_logits(path, "openood")
    part = read_logits(path, "openood", partial=True).measure()["openood"]
    assert part["set"]["problems"] == ["logits: 19 images, cifar10 has 20", "ood_tin: 7 images, cifar10 has 20"]
    assert part["scores"]["msp"]["tin"]["auroc"]["n_ood"] == 7
    np.savez(path, **{name: array for name, array in saved.items() if not name.startswith("ood_")})
    with pytest.raises(InputError, match="of cifar10's sets there is none; give ood_NAME of cifar100, tin, "):
        read_logits(path, "openood", partial=True)
    np.savez(path, logits=saved["logits"][:, :7], labels=saved["labels"] % 7, ood_tin=saved["ood_tin"][:, :7])
    with pytest.raises(InputError, match="logits are of 7 classes, its benchmarks of 10, 100, 200, 1,000"):
        read_logits(path, "openood")
