"""The loader's benchmark for GPU machines, on a CPU and in small."""

from __future__ import annotations

import re
from pathlib import Path

import gpu
import gpu_loader
import numpy as np
import pytest
from paper import photographs, write_like_imagenet
from PIL import Image


@pytest.mark.slow
def test_the_benchmark_of_the_loader_runs(capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"network": "wrn-10-1", "batch_size": 8, "threads": 1, "workers": 1}
    gpu_loader.report("cpu", count=16, side=32, distinct=4, epochs=2, **changes)
    said = capsys.readouterr().out
    assert re.search(r"loader alone,  1 workers +[\d,]+ images/s, [\d,]+ a core", said)
    assert re.search(r"steps alone, images on the device +[\d,]+ images/s", said)
    assert re.search(r"fed by the loader +[\d,]+ images/s, [\d.]+% of that, waited for data [\d.]+%", said)
    assert "loader" in gpu.PARTS


def test_its_files_are_as_large_as_imagenets(tmp_path: Path) -> None:
    files = write_like_imagenet(photographs("china.jpg", 12, 500), tmp_path)
    assert {Image.open(file).size for file in files} == {(500, 375)}
    assert np.mean([file.stat().st_size for file in files]) == pytest.approx(113_000, rel=0.1)
