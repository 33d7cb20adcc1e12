"""A last batch of one image, and networks whose batch normalisation would see a single value a channel."""

from __future__ import annotations

from pathlib import Path

import pytest
import run_samples

from mixset._common.errors import InputError
from pixmix.train._runs.config import TrainConfig
from pixmix.train._training.run import train


def quick(data: Path, out: Path, **changes: object) -> TrainConfig:
    """A run of an epoch whose network has 1x1 pixels before its last batch normalisations."""
    return run_samples.quick(data, out, **{"network": "resnet18", **changes})


@pytest.mark.parametrize("size", [44, 45])
def test_a_last_batch_of_one_kills_no_run(colours: Path, tmp_path: Path, size: int) -> None:
    """Of 45 images; a batch of 45 is the control."""
    train(quick(colours, tmp_path / "run", batch_size=size))
    assert (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["speckle", "ant", "augmix", "mixup", "cutmix"])
def test_nor_with_methods_that_share_batches_out(colours: Path, tmp_path: Path, method: str) -> None:
    train(quick(colours, tmp_path / "run", batch_size=11, method=method))
    assert (tmp_path / "run" / "metrics.json").exists()


def test_batches_of_one_are_refused_in_one_line(colours: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^network resnet18: .* raise `batch_size` from 1 to at least 2") as caught:
        train(quick(colours, tmp_path / "run", batch_size=1))
    assert "\n" not in str(caught.value)
