"""Measures of logits that were saved elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import evaluation_samples as samples
import numpy as np
import pytest

import pixmix
from mixset._common.errors import InputError
from pixmix import measures
from pixmix._evaluators.saved import read_logits

IMAGES, LABELS = samples.test_images(140)
LOGITS = samples.logits(samples.network(), IMAGES)
OTHERS = {name: samples.logits(samples.network(), samples.test_images(20)[0] // part) for name, part in
          (("ood_textures", 2), ("ood_mine", 3))}  # fmt: skip


def evaluate_logits(
    path: str | Path, suite: str | list[str], *, seed: int = 0, probabilities: bool = False
) -> dict[str, Any]:
    return read_logits(path, suite, probabilities=probabilities).measure(seed=seed)


def save(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "logits.npz", **{"logits": LOGITS, "labels": LABELS, **OTHERS, **arrays})
    return folder / "logits.npz"


def test_they_are_what_the_network_itself_gives(tmp_path: Path) -> None:
    given = pixmix.evaluate(samples.network(), ["clean", "calibration"], (IMAGES, LABELS), seed=3, batch_size=140)
    assert evaluate_logits(save(tmp_path), ["clean", "calibration"], seed=3) == given
    assert evaluate_logits(str(save(tmp_path)), "clean") == {"clean": given["clean"]}


def test_all_outliers_that_are_there_count(tmp_path: Path) -> None:
    found = evaluate_logits(save(tmp_path), "anomalies", seed=1)["anomalies"]
    known = measures.msp(LOGITS)
    values = []
    for name, logits in OTHERS.items():
        entry = found[name.removeprefix("ood_")]["auroc"]
        assert entry["value"] == pytest.approx(measures.auroc(known, measures.msp(logits)))
        assert (entry["n"], entry["n_ood"]) == (140, 20)
        values.append(entry["value"])
    assert found["mean"]["auroc"]["value"] == pytest.approx(np.mean(values))
    assert found["mean"]["auroc"]["sets"] == ["textures", "mine"]
    assert found["mean"]["auroc"]["absent"] == ["gaussian", "rademacher", "blobs", "svhn", "places69"]


def test_arrays_that_are_not_used_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    used: dict[str, object] = {
        "held_out_logits": LOGITS[:40],
        "held_out_labels": LABELS[:40],
        "features": LOGITS,
        "key": "a",
    }
    used |= {f"features_{name}": logits for name, logits in OTHERS.items()}
    read_logits(save(tmp_path, **used), "calibration")
    assert "not used" not in capsys.readouterr().err
    read_logits(save(tmp_path, **used, heldout_logits=LOGITS, features_ood_gone=LOGITS), "calibration")
    assert "arrays of unknown names are not used: heldout_logits, features_ood_gone; docs" in capsys.readouterr().err


def test_outliers_without_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"logits\.npz: ood_: has no name; call the array ood_NAME"):
        read_logits(save(tmp_path, ood_=LOGITS), "anomalies")


PROBABILITIES = measures.softmax(LOGITS)
ONE_HOT = np.eye(10)[LABELS]


def test_log_probabilities_are_logits_without_an_energy(tmp_path: Path) -> None:
    right = evaluate_logits(save(tmp_path), ["clean", "calibration", "anomalies"])
    logs = {name: np.log(measures.softmax(array)) for name, array in {"logits": LOGITS, **OTHERS}.items()}
    found = evaluate_logits(save(tmp_path, **logs), ["clean", "calibration", "anomalies"])
    for suite, name in (("clean", "error"), ("calibration", "rms_all_bins")):
        assert found[suite][name]["value"] == pytest.approx(right[suite][name]["value"])
    mean = found["anomalies"]["mean"]
    assert mean["auroc"]["value"] == pytest.approx(right["anomalies"]["mean"]["auroc"]["value"])
    assert mean["energy"] == {"undefined": "log-probabilities all have the energy 0", "n": 140}
    assert "value" in right["anomalies"]["mean"]["energy"]["auroc"]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_probabilities_are_refused_or_taken_as_such(tmp_path: Path, kind: type) -> None:
    right = evaluate_logits(save(tmp_path), ["clean", "calibration"])
    path = save(tmp_path, logits=PROBABILITIES.astype(kind))
    with pytest.raises(InputError, match=r"logits holds probabilities .*; say so: `probabilities`$"):
        evaluate_logits(path, "calibration")
    found = evaluate_logits(save(tmp_path, logits=PROBABILITIES.astype(kind), ood_mine=PROBABILITIES,
                                 ood_textures=PROBABILITIES), ["clean", "calibration"], probabilities=True)  # fmt: skip
    near = 2e-2 if kind == np.float16 else 1e-5
    assert found["calibration"]["rms_all_bins"]["value"] == pytest.approx(
        right["calibration"]["rms_all_bins"]["value"], abs=near
    )
    with pytest.raises(InputError, match="logits holds no probabilities: each row"):
        evaluate_logits(save(tmp_path), "clean", probabilities=True)
    with pytest.raises(InputError, match="ood_mine holds probabilities"):
        evaluate_logits(save(tmp_path, ood_mine=PROBABILITIES), "anomalies")


def test_probabilities_of_0_are_taken(tmp_path: Path) -> None:
    sure = np.where(ONE_HOT > 0, 1.0, 0.0)
    found = evaluate_logits(save(tmp_path, logits=sure, **dict.fromkeys(OTHERS, sure)), "clean", probabilities=True)
    assert found["clean"]["error"]["value"] == 0


@pytest.mark.parametrize(
    ("arrays", "suite", "line"),
    [
        ({}, "c", "suite c: needs the network; of saved logits there are clean, calibration, anomalies"),
        ({"labels": LABELS[:3]}, "clean", "labels holds 3 labels, logits 140 rows; give a label for each row"),
        (
            {"labels": LABELS / 2},
            "clean",
            r"labels holds float64 \(140,\), needed .*: give labels.astype",
        ),
        ({"labels": ONE_HOT.astype(int)}, "clean", r"of one-hot rows give labels.argmax\(1\)"),
        ({"labels": LABELS[:, None]}, "clean", r"give labels.ravel\(\)"),
        ({"labels": LABELS.astype(str)}, "clean", r"labels holds <U.* \(140,\), needed are \(N,\) whole numbers"),
        ({"labels": LABELS - 1}, "clean", "labels run from -1 to 8"),
        ({"logits": LOGITS.T}, "clean", r"logits holds \(10, 140\) beside 140 labels: give logits.T, \(N, classes\)"),
        ({"logits": (LOGITS * 9).astype(int)}, "clean", r"logits holds int64 \(140, 10\), needed are floats"),
        ({"logits": LOGITS * np.inf}, "clean", "not finite"),
        ({"logits": LOGITS[:, :1]}, "clean", "one class; of two classes give a column each"),
        ({"labels": LABELS + 1}, "clean", "labels run from 1 to 10, the logits have 10 classes"),
        ({"logits": LOGITS[0]}, "clean", r"\(N, classes\)"),
        ({"logits": LOGITS * np.nan}, "calibration", "not finite"),
        ({"logits": LOGITS.astype(str)}, "clean", "needed are floats"),
        ({"ood_mine": LOGITS[:, :7]}, "anomalies", r"ood_mine holds \(140, 7\), needed are \(M, classes\)"),
        ({"ood_mine": LOGITS[:0]}, "anomalies", r"ood_mine holds \(0, 10\): no image"),
        ({"ood_mean": LOGITS}, "anomalies", "none named mean"),
        ({"logits": np.array([None])}, "clean", "is damaged"),
    ],
)
def test_bad_arrays_are_one_line(tmp_path: Path, arrays: dict, suite: str, line: str) -> None:
    path = save(tmp_path, **arrays)
    with pytest.raises(InputError, match=line) as caught:
        evaluate_logits(path, suite)
    assert "\n" not in str(caught.value)
    assert suite == "c" or str(path) in str(caught.value)


def test_bad_files_are_one_line(tmp_path: Path) -> None:
    path = save(tmp_path)
    (tmp_path / "half.npz").write_bytes(path.read_bytes()[:3000])
    (tmp_path / "text.npz").write_text("logits")
    np.savez_compressed(tmp_path / "packed.npz", logits=np.zeros((3000, 10)), labels=LABELS)
    packed = bytearray((tmp_path / "packed.npz").read_bytes())
    packed[60:90] = bytes(30)
    (tmp_path / "packed.npz").write_bytes(packed)
    np.save(tmp_path / "one.npy", LOGITS)
    np.savez(tmp_path / "other.npz", scores=LOGITS)
    np.savez(tmp_path / "alone.npz", logits=LOGITS, labels=LABELS)
    for name, suite, line in (
        ("half.npz", "clean", "is damaged"),
        ("text.npz", "clean", "is damaged"),
        ("packed.npz", "clean", "is damaged"),
        ("one.npy", "clean", "is a single array"),
        ("other.npz", "clean", "holds no array 'logits'; it has scores"),
        ("alone.npz", "anomalies", "need arrays ood_NAME"),
        ("nowhere.npz", "clean", "no such file"),
        (".", "clean", "not a regular file"),
    ):
        with pytest.raises(InputError, match=line) as caught:
            evaluate_logits(tmp_path / name, suite)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", [lambda p: p.round(2), lambda p: p.round(3).astype(np.float32)])
def test_rounded_probabilities_are_told_from_logits(tmp_path: Path, form: Callable[[np.ndarray], np.ndarray]) -> None:
    right = evaluate_logits(save(tmp_path), "calibration")["calibration"]["rms_all_bins"]["value"]
    others = {"ood_mine": PROBABILITIES, "ood_textures": PROBABILITIES}
    path = save(tmp_path, logits=form(PROBABILITIES), **others)
    with pytest.raises(InputError, match="logits holds probabilities"):
        evaluate_logits(path, "calibration")
    found = evaluate_logits(path, "calibration", probabilities=True)["calibration"]
    assert found["rms_all_bins"]["value"] == pytest.approx(right, abs=2e-2)
    with pytest.raises(InputError, match=r"in per cent \(each row has the sum 100\); divide it by 100"):
        evaluate_logits(save(tmp_path, logits=100 * form(PROBABILITIES), **others), "calibration", probabilities=True)


def test_values_of_a_sigmoid_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate_logits(save(tmp_path), "clean")
    assert capsys.readouterr().err == ""
    evaluate_logits(save(tmp_path, logits=1 / (1 + np.exp(-LOGITS))), "clean")
    assert capsys.readouterr().err.startswith("logits: all values lie in [0, 1], as those of a sigmoid do")


def test_log_probabilities_beside_logits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ood_mine holds log-probabilities, logits logits"):
        evaluate_logits(save(tmp_path, ood_mine=np.log(PROBABILITIES)), "anomalies")
    evaluate_logits(save(tmp_path, ood_mine=np.log(PROBABILITIES)), "clean")
