"""`pixmix evaluate --score ...`: training and held-out images by their names, and what is refused before any work."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evaluate_samples import configure, write_images
from run_samples import quick

from mixset._common.errors import InputError
from pixmix.train._data.datasets import load_test, load_training
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._evaluation.rotations import rotation_head
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training.run import train


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with labelled images that are held out and outliers to tune on."""
    monkeypatch.chdir(tmp_path)
    for label, (name, colour) in enumerate(
        {"blue": (80, 90, 150), "green": (100, 130, 90), "red": (150, 90, 80)}.items()
    ):
        write_images(tmp_path / "held" / name, 8, 16, colour, 200 + label)
    shutil.copy("held/blue/000.png", "held/red/wrong.png")  # where all answers are right there is no temperature
    np.save("tune.npy", np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3)).astype(np.uint8))
    return tmp_path


def measured(*arguments: object) -> dict[str, Any]:
    found = evaluate(configure(*arguments))
    assert found is not None
    return found


def test_a_run_is_scored_with_its_training_and_with_held_out_images(own: Path, beside: Path, colours: Path) -> None:
    chosen = ("--score", "knn", "rmds", "react", "gen", "--score-settings", "knn.k=3", "--features", "float16")
    given = ("--calibrate-on", "held", "--tune-on", "tune.npy")
    found = measured(own, "--suite", "calibration", "anomalies", *chosen, *given)
    mean, name = found["anomalies"]["mean"], f"folder:{colours}"
    assert mean["knn"]["settings"] == {"k": 3} and mean["knn"]["training"] == name
    assert mean["rmds"]["training"] == name and "held_out" not in mean["rmds"]
    assert (mean["react"]["held_out"], mean["react"]["tuning"]) == ("held", "tune.npy")
    assert len(mean["gen"]["trials"]) == 42 and mean["gen"]["tuning"] == "tune.npy"
    assert found["calibration"]["temperature"] | {"value": 0} == {"value": 0, "n": 25, "fitted_on": "held"}
    kept = np.load(own / "logits" / "features" / "training.npz")["features"]
    assert kept.dtype == np.float16 and len(kept) == 45
    labels = np.load(own / "logits" / "training.npz")["labels"]
    assert np.array_equal(labels, np.repeat([0, 1, 2], 15))


def test_other_sets_are_measured_at_the_temperature_of_held_out_images(own: Path, beside: Path) -> None:
    for severity in (1, 2):
        for label, name in enumerate(("blue", "green", "red")):
            write_images(beside / "c" / "fog" / str(severity) / name, 3, 16, (100, 100, 100), 10 * severity + label)
    found = measured(own, "--suite", "c", "--c", "c", "--partial", "--calibrate-on", "held", "--out", "there")["c"]
    assert found["temperature"]["fitted_on"] == "held" and found["temperature"]["n"] == 25
    assert found["nll_by_corruption_ts"]["value"] != found["nll_by_corruption"]["value"]


def test_kept_outputs_are_measured_without_the_network(own: Path, beside: Path) -> None:
    chosen = ("--score", "knn", "vim", "--score-settings", "knn.k=3", "vim.dimension=4")
    right = measured(own, "--suite", "anomalies", *chosen)["anomalies"]
    logits = own / "logits"
    sets = [f"outliers_{name}" for name in ("gaussian", "rademacher", "blobs")]
    arrays = {part: np.load(logits / "clean.npz")[part] for part in ("logits", "labels")}
    arrays["features"] = np.load(logits / "features" / "clean.npz")["features"]
    arrays |= {part: np.load(logits / "features" / "head.npz")[part] for part in ("weight", "bias")}
    arrays["train_labels"] = np.load(logits / "training.npz")["labels"]
    arrays["features_train"] = np.load(logits / "features" / "training.npz")["features"]
    for name in sets:
        of = name.replace("outliers_", "ood_")
        arrays[of] = np.load(logits / f"{name}.npz")["logits"]
        arrays[f"features_{of}"] = np.load(logits / "features" / f"{name}.npz")["features"]
    np.savez("kept.npz", **arrays)
    found = measured("--logits", "kept.npz", "--suite", "anomalies", "calibration", *chosen, "--calibrate-on", "split")
    for name in ("gaussian", "mean"):
        for score in ("knn", "vim"):
            value = found["anomalies"][name][score]["auroc"]["value"]
            assert value == pytest.approx(right[name][score]["auroc"]["value"], abs=1e-6)
    assert "of_halves" in found["calibration"]["temperature"] or "undefined" in found["calibration"]["temperature"]


def test_training_images_of_other_places(own: Path, beside: Path, colours: Path) -> None:
    shutil.copytree(colours / "train", "elsewhere")
    arguments = ("--suite", "anomalies", "--score", "mds", "--training-images", "folder:elsewhere")
    found = measured(own, *arguments)["anomalies"]["mean"]["mds"]
    assert found["training"] == "folder:elsewhere"
    own_training = measured(own, "--suite", "anomalies", "--score", "mds")["anomalies"]["mean"]["mds"]
    assert found["auroc"] == own_training["auroc"]


def test_training_images_are_labelled_as_the_test_images_are(colours: Path) -> None:
    images = load_training(f"folder:{colours}", size=16)
    assert np.array_equal(np.bincount(images.labels), [15, 15, 15])
    assert len(load_training(f"folder:{colours}", size=16, subset=6)) == 6
    turned = load_training(f"folder:{colours}", size=16, network=lambda side: ("red", "green", "blue"))
    assert np.array_equal(turned.labels, 2 - images.labels)
    digits = load_training("digits", size=16)
    assert len(digits) + len(load_test("digits", size=16)[1]) == 1797


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--score knn --suite clean", "--score: is for the suites anomalies and openood; add one"),
        ("--score-settings knn.k=3 --suite clean", "--score-settings: is for the suites anomalies and openood"),
        ("--calibrate-on held --suite clean", "--calibrate-on: is for the suites calibration, c, cbar, r"),
        ("--calibrate-on split --suite anomalies", "--calibrate-on split: is for the suite calibration alone; add it"),
        ("--score knn --score-settings k=3", "--score-settings k=3: is not of the form SCORE.SETTING=VALUE"),
        ("--score knn --score-settings knn.k=3 knn.k=4", "--score-settings knn.k=4: knn.k is given twice"),
        ("--score knn --score-settings gen.gamma=3", "--score-settings gen: this score is not measured"),
        ("--score knn --score-settings knn.k=much", "--score-settings knn.k: a whole number"),
        ("--score knn --score-settings knn.k=0", "--score-settings knn.k: a whole number from 1 to"),
        ("--score ash_b --score-settings ash_b.percentile=200", "--score-settings ash_b.percentile: a number from 0"),
        (
            "--score knn --score-settings knn.k=46",
            "--score knn: k: 46 neighbours are asked for, but there are 45",
        ),
        ("--score knn --layer fc2 --dataset folder:nowhere", "--layer fc2: the network has none of this name"),
        ("--score kn", "--score kn: unknown"),
        ("--score klm", "--score klm: needs images that are held out from all that is measured: --calibrate-on"),
        ("--score gen --tune-on tune.npy", "--tune-on: outliers are told from held-out images, so give those, too"),
        ("--calibrate-on nowhere", "--calibrate-on nowhere: no such folder"),
        ("--score gen --calibrate-on held --tune-on no.npy", "no.npy"),
        ("--score knn --training-images folder:nowhere", "folder:nowhere"),
        ("--calibrate-on COLOURS", "--calibrate-on: 30 of its 30 images are among the test images; give others"),
        ("--calibrate-on COLOURS/train", "--calibrate-on: 45 of its 45 images are among the training images; give"),
        ("--features float8", "--features"),
    ],
)
def test_what_cannot_be_is_one_line(own: Path, beside: Path, colours: Path, words: str, line: str) -> None:
    suite = () if "--suite" in words else ("--suite", "calibration", "anomalies")
    done = _command(own, *suite, *words.replace("COLOURS", str(colours)).split(), "--out", "there")
    assert line in done


def _command(*arguments: object) -> str:
    """The error of a command, which is run in this process."""
    from mixset._common.flags import flags_of
    from mixset._common.parsing import in_flags
    from pixmix.train._evaluation.config import EvaluateConfig

    with pytest.raises(InputError) as refused, in_flags(flags_of(EvaluateConfig)):
        evaluate(configure(*arguments))
    return str(refused.value)


def test_a_score_of_the_users(own: Path, beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text("def make(material):\n    return lambda outputs: -outputs.logits.max(1)\n")
    mean = measured(own, "--suite", "anomalies", "--score", "mine.py:make", "max_logit")["anomalies"]["mean"]
    assert mean["mine.py:make"] == mean["max_logit"]
    assert "score mine.py:make: runs the code in" in capsys.readouterr().err


def test_rotpred_takes_its_head_from_the_runs_checkpoint(own: Path, beside: Path, colours: Path) -> None:
    train(quick(colours, Path("turning"), method="rotpred"))
    state = torch.load(max(Path("turning/checkpoints").iterdir()), weights_only=True)
    head = rotation_head(RunFolder(Path("turning")))
    assert np.array_equal(head.weight, state["extended"]["body.head.weight"].numpy()) and head.bias.shape == (4,)
    found = measured("turning", "--suite", "anomalies", "--score", "rotpred")["anomalies"]["gaussian"]
    assert 0 <= found["rotpred"]["auroc"]["value"] <= 1
    with pytest.raises(InputError, match=r"score rotpred: needs the rotation head of a run .* has none"):
        measured(own, "--suite", "anomalies", "--score", "rotpred")
