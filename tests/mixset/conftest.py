"""A finished set to test with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mixset_samples import MakeSet

from mixset import ShardWriter
from mixset._store import manifest
from mixset._store.shards import read_info


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """Write a finished set of shards of 4 images each under a name; gives its folder."""

    def make(name: str, images: np.ndarray, family: str = "noise", finish: bool = True) -> Path:
        folder = tmp_path / name
        recipe = {"name": name}
        for start in range(0, len(images), 4):
            path = folder / f"{family}-{start // 4:05d}.h5"
            part = images[start : start + 4]
            with ShardWriter(
                path, family=family, recipe=recipe, start_index=start, shape=part.shape[1:3], count=len(part)
            ) as writer:
                for index, image in enumerate(part):
                    writer.add(image, start + index, {"index": start + index})
        if finish:
            manifest.write(folder, recipe, [manifest.entry(read_info(path)) for path in sorted(folder.glob("*.h5"))])
        return folder

    return make
