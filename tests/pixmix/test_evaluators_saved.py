"""Measures of logits that were saved elsewhere."""

from __future__ import annotations

from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest

import pixmix
from mixset.errors import InputError
from pixmix import measures
from pixmix.evaluators import evaluate_logits

PICTURES, LABELS = samples.test_pictures(140)
LOGITS = samples.logits(samples.network(), PICTURES)
OTHERS = {name: samples.logits(samples.network(), samples.test_pictures(20)[0] // part) for name, part in
          (("ood_textures", 2), ("ood_mine", 3))}  # fmt: skip


def save(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "logits.npz", **{"logits": LOGITS, "labels": LABELS, **OTHERS, **arrays})
    return folder / "logits.npz"


def test_they_are_what_the_network_itself_gives(tmp_path: Path) -> None:
    given = pixmix.evaluate(samples.network(), ["clean", "calibration"], (PICTURES, LABELS), seed=3, batch_size=140)
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


@pytest.mark.parametrize(
    ("arrays", "suite", "line"),
    [
        ({}, "c", "suite c: needs the network; of saved logits there are clean, calibration, anomalies"),
        ({"labels": LABELS[:3]}, "clean", "labels must be 140 whole numbers"),
        ({"labels": LABELS / 2}, "clean", "whole numbers"),
        ({"labels": LABELS + 1}, "clean", "labels run from 1 to 10, the logits have 10 classes"),
        ({"logits": LOGITS[0]}, "clean", r"\(N, classes\)"),
        ({"logits": LOGITS * np.nan}, "calibration", "not finite"),
        ({"logits": LOGITS.astype(str)}, "clean", "must be numbers"),
        ({"ood_mine": LOGITS[:, :7]}, "anomalies", r"ood_mine holds \(140, 7\), needed are \(M, classes\)"),
        ({"ood_mine": LOGITS[:0]}, "anomalies", r"got float32 \(0, 10\)"),
        ({"ood_mean": LOGITS}, "anomalies", "none called mean"),
        ({"logits": np.array([None])}, "clean", "cut short or no .npz file"),
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
        ("half.npz", "clean", "cut short or no .npz file"),
        ("text.npz", "clean", "cut short or no .npz file"),
        ("packed.npz", "clean", "cut short or no .npz file"),
        ("one.npy", "clean", "is one array"),
        ("other.npz", "clean", "holds no array 'logits'; it has scores"),
        ("alone.npz", "anomalies", "need arrays ood_NAME"),
        ("nowhere.npz", "clean", "no such file"),
        (".", "clean", "cut short or no .npz file"),
    ):
        with pytest.raises(InputError, match=line) as caught:
            evaluate_logits(tmp_path / name, suite)
        assert "\n" not in str(caught.value)
