"""Folders of evaluations that have what RobustBench's boards take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ORDER = (
    *("shot_noise", "motion_blur", "snow", "pixelate", "gaussian_noise", "defocus_blur", "brightness", "fog"),
    *("zoom_blur", "frost", "glass_blur", "impulse_noise", "contrast", "jpeg_compression", "elastic_transform"),
)
"""The columns of RobustBench's tables."""


def corrupted(count: int, *, source: str = "official", without: tuple[str, str] | None = None) -> dict[str, Any]:
    """Suite c; corruption number i at severity s has the error (10 s + i) / 100."""
    suite: dict[str, Any] = {"set": {"source": source, "images": count, "problems": []}}
    for number, name in enumerate(ORDER):
        errors = {str(severity): (10 * severity + number) / 100 for severity in range(1, 6)}
        if without is not None and without[0] == name:
            del errors[without[1]]
        mean = sum(errors.values()) / len(errors)
        suite[name] = {"value": mean, "n": count, "severities": errors, "counted": True, "source": source}
    return suite


def attacked(value: float, count: int = 10_000, **more: Any) -> dict[str, Any]:
    return {"value": value, "n": count, "version": "standard", "seed": 0, **more}


def write(folder: Path, *, count: int = 10_000, dataset: str = "cifar10", **suites: Any) -> Path:
    folder.mkdir(parents=True)
    metrics = {"dataset": dataset, "model": "wrn-40-4", "clean": {"error": {"value": 0.0421, "n": count}}, **suites}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder
