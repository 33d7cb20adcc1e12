"""`pixmix evaluate` as a call and as a command, and the sets that it measures on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from benchmark_names import C as C
from PIL import Image

from mixset._common.parsing import parse
from pixmix.train._evaluation.config import EvaluateConfig

P: tuple[str, ...] = ("gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow")
P += ("brightness", "translate", "rotate", "tilt", "scale")
OURS = str(Path(sys.executable).parent / "pixmix")


def configure(*arguments: object) -> EvaluateConfig:
    return parse(EvaluateConfig, "pixmix evaluate", [*map(str, arguments), "--workers", "0"])


def pixmix_evaluate(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [OURS, "evaluate", *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, env=environment)


def write_images(folder: Path, count: int, side: int, colour: tuple[int, int, int], seed: int) -> None:
    """Noisy images of one colour as PNG files."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for index in range(count):
        noise = random.integers(-60, 60, (side, side, 3))
        image = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{index:03d}.png")
