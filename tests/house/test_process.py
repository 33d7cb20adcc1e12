"""Importing the packages and calling their public functions has no effect on the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPT = """
import json, locale, os, random, signal, sys, warnings
import numba, numpy as np, scipy.special, torch, torchvision  # which have effects of their own
from PIL import Image, ImageFile

def state():
    from mixset._common import memory
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "umask": os.umask(os.umask(0o22)),
        "path": list(sys.path),
        "warnings": [str(entry) for entry in warnings.filters],
        "hooks": [sys.excepthook is sys.__excepthook__, str(sys.displayhook)],
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "locale": locale.setlocale(locale.LC_ALL),
        "allocator": memory.keep_freed_memory.cache_info().currsize,
        "random": str(random.getstate()),
        "numpy": str(np.random.get_state()) + str(np.geterr()) + str(np.get_printoptions()),
        "torch": [
            torch.get_rng_state().tolist(), torch.get_num_threads(), torch.get_num_interop_threads(),
            str(torch.get_default_dtype()), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark,
        ],
        "numba": [numba.config.NUMBA_NUM_THREADS, numba.config.CACHE_DIR, numba.config.THREADING_LAYER],
        "pillow": [Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES],
    }

before = state()
import mixset, mixset.generate
import pixmix, pixmix.corruptions, pixmix.measures, pixmix.methods, pixmix.readers, pixmix.scores, pixmix.train
for package in (
    mixset, mixset.generate, pixmix, pixmix.corruptions, pixmix.measures, pixmix.methods, pixmix.readers,
    pixmix.scores, pixmix.train,
):
    for name in package.__all__:
        getattr(package, name)
imported = state()

images = [np.asarray(Image.open(f"images/{n}.png")) for n in range(4)]
data = [(image, index % 2) for index, image in enumerate(images)]
pool = mixset.MixingPool(mixset.MixingSet("images"), 32)
mixed = pixmix.PixMixDataset(data, pool, seed=1)
next(iter(torch.utils.data.DataLoader(mixed, 4, sampler=pixmix.EpochSampler(4, seed=0))))
pixmix.PixMixBatch(pool)(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), indices=[0, 1, 2, 3], epoch=0)
body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 2))
torch.manual_seed(0)  # the layer above has drawn from the generator
drawn = torch.get_rng_state()
network = pixmix.Normalized(body, (0.5,) * 3, (0.5,) * 3)
labelled = (np.stack(images * 2), np.arange(8) % 2)
pixmix.evaluate(network, ["clean", "adversaries"], labelled, attack=pixmix.PGDSettings(steps=1))
assert torch.equal(torch.get_rng_state(), drawn)
torch.set_rng_state(torch.tensor(before["torch"][0], dtype=torch.uint8))
called = state()
print(json.dumps([[name for name in before if other[name] != before[name]] for other in (imported, called)]))
"""


def test_imports_and_calls_leave_the_process_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(4):
        array = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(array).save(tmp_path / "images" / f"{number}.png")
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], []]
