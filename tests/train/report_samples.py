"""Run folders made up for the report page: everything measured, in a few kilobytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixmix.measures import auroc, msp
from pixmix.train._reports.report import ReportConfig, report
from pixmix.train._runs.config import recipe
from pixmix.train._runs.run_folder import RunFolder

IMAGES, OUTLIERS, CLASSES = 60, 12, 4
SETS = ("gaussian", "textures <&>")


def of(value: float, **more: Any) -> dict[str, Any]:
    """A measure as `metrics.json` has it."""
    return {"value": value, "n": IMAGES, "interval": [0.9 * value, min(1.1 * value, 1.0)], **more}


def corrupted(error: float, names: tuple[str, ...]) -> dict[str, Any]:
    """What suite c or cbar measures."""
    about = {"source": "generated", "seed": 3, "images": IMAGES, "severities": [1, 2, 3], "problems": []}
    each = {
        name: of(
            error + 0.02 * index,
            severities={str(severity): error + 0.01 * severity for severity in (1, 2, 3)},
            counted=index < len(names) - 1,
        )
        for index, name in enumerate(names)
    }
    calibration = {"value": error / 3, "by_corruption": dict.fromkeys(names, error / 3)}
    return {"set": about, "mce": of(error), **each, "rms_all_bins_by_corruption": calibration}


def selective(error: float) -> dict[str, Any]:
    """What the suite calibration says of selective prediction: the risk grows with the coverage."""
    coverage = [index / 20 for index in range(1, 21)]
    curve = {"coverage": coverage, "risk": [error * share for share in coverage], "n": IMAGES}
    areas = {"aurc": of(error / 2), "e_aurc": of(error / 3), "augrc": of(error / 3)}
    return {**areas, "coverage_at_5_risk": of(min(0.05 / error, 1.0)), "risk_coverage": curve}


def scaled(error: float, bins: dict[str, Any]) -> dict[str, Any]:
    """What it says after temperature scaling."""
    before = {"ece": of(error / 2), "nll": of(2 * error), "brier": of(error)}
    after = {f"{name}_ts": {"value": entry["value"] / 2, "n": IMAGES} for name, entry in before.items()}
    fitted = {"value": 1 + error, "n": 30, "fitted_on": "held_out"}
    return {**before, **after, "temperature": fitted, "reliability_ts": {**bins, "accuracy": [0.5, 0.7, 0.9]}}


def write_run(folder: Path, error: float, *, method: str = "baseline", trained: bool = True) -> Path:
    """A run that measured every suite; with `trained` False, a folder of `pixmix evaluate`."""
    random = np.random.default_rng(round(1000 * error))
    (folder / "logits").mkdir(parents=True)
    logits = random.normal(size=(IMAGES, CLASSES)) + 4 * np.eye(CLASSES)[random.integers(0, CLASSES, IMAGES)]
    np.savez(folder / "logits" / "clean.npz", key="", logits=logits, labels=np.zeros(IMAGES, int))
    anomalies: dict[str, Any] = {}
    for name, kind in zip(SETS, ("outliers", "ood"), strict=True):
        anomalous = random.normal(size=(OUTLIERS, CLASSES)) / (2 * error)
        np.savez(folder / "logits" / f"{kind}_{name}.npz", key="", logits=anomalous, labels=np.zeros(OUTLIERS, int))
        anomalies[name] = {"auroc": of(auroc(msp(logits), msp(anomalous)), n_ood=OUTLIERS, seed=7), "aupr": of(0.5)}
    mean = float(np.mean([anomalies[name]["auroc"]["value"] for name in SETS]))
    anomalies["mean"] = {"auroc": of(mean, seed=7), "aupr": of(0.5)}
    bins = {"confidence": [0.5, 0.7, 0.9], "accuracy": [0.4, 0.8, 1.0 - error], "count": [20, 20, 20], "n": IMAGES}
    sequences = {name: of(error / 3, counted=True, t5d=of(4 * error)) for name in ("snow", "tilt")}
    metrics = {
        "dataset": "digits",
        **({"method": method} if trained else {"model": "resnet50"}),
        "clean": {"error": of(error)},
        "calibration": {
            **{"rms_all_bins": of(error / 2), "rms_reference": of(error / 4), "reliability": bins},
            **selective(error),
            **(scaled(error, bins) if trained else {}),
        },
        "adversaries": {f"pgd_error_{ball}": of(min(2 * error, 1), seed=5) for ball in ("reference", "corrected")},
        "anomalies": anomalies,
        "c": corrupted(2 * error, ("gaussian_noise", "fog", "speckle_noise")),
        "cbar": corrupted(1.5 * error, ("transverse_chromatic_abberation", "ripple")),
        "p": {
            "set": {"source": "official", "images": 30},
            "mfr": of(error / 3),
            "mt5d": of(4 * error) | {"interval": [3 * error, 5 * error]},
            **sequences,
        },
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    if trained:
        described = {
            "config": {**recipe("quick").to_json(), "method": method},
            "versions": {"pixmix": "1", "torch": "2"},
        }
        (folder / "config.json").write_text(json.dumps(described))
        for epoch in (1, 2, 3):
            RunFolder(folder).append({"epoch": epoch, "loss": 1 / epoch, "test_error": error, "lr": 0.1, "seconds": 1})
        Image.new("RGB", (120, 60), (200, 30, 30)).save(folder / "images.png")
        Image.new("RGB", (120, 40), (30, 30, 200)).save(folder / "mixing_set.png")
    return folder


def page_of(*runs: Path) -> str:
    """The report of some runs."""
    out = runs[0].parent / "page.html"
    report(ReportConfig(runs=runs, out=out))
    return out.read_text(encoding="utf-8")
