"""What the CUDA kernels make in Numba's simulator, in a process of its own: `python cuda_simulator.py FILE.npz`.

Needs NUMBA_ENABLE_CUDASIM=1 and NUMBA_DISABLE_JIT=1. Every case is seen from outside by its name here.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from pixmix_samples import array_pool, extremes, photographs

from pixmix._augment.draws import Draws, Key, PoolLike, draw
from pixmix._augment.residents import Resident
from pixmix._augment.settings import MIXINGS, OPS, PixMixSettings
from pixmix._engines import cuda
from pixmix._engines.torch import mix_tensors
from pixmix.methods._augmix import AugMix
from pixmix.methods._ipmix import IPMix
from pixmix.methods._mixing import PARTNERS, PixMixMethod
from pixmix.methods._settings import AugMixSettings, IPMixSettings

KEY = Key(2**63 + 5, 3)
SIZES = ((6, 8), (1, 5), (7, 1))


def every_op(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Some extreme images through each op: images, ops, levels, signs."""
    found = list(extremes(*size).values())[:: 2 if size == SIZES[0] else 4]
    rows = list(product(range(len(OPS)), range(len(found))))
    op, image = np.array(rows).T
    level, sign = np.random.default_rng(len(rows)).uniform(0.1, 10, len(rows)), np.where(image % 2, 1, -1)
    return np.stack(found)[image], op.astype(np.int8), level, sign.astype(np.int8)


def mixings() -> tuple[np.ndarray, PoolLike, Draws]:
    """Every mixing of every extreme image, and rounds more than are usual: images, a pool, draws."""
    pool, found = array_pool((6, 8)), np.stack(list(extremes(6, 8).values()))
    settings, count = PixMixSettings(mixings=MIXINGS, k=7, aug_severity=10.0), 2 * len(found)
    draws = draw(settings, Key(1), np.arange(count), pool)
    turned = np.arange(draws.mixing.size).reshape(draws.mixing.shape) % len(MIXINGS)
    return found[np.arange(count) % len(found)], pool, replace(draws, mixing=turned.astype(np.int8))


def training_set() -> tuple[np.ndarray, np.ndarray, PoolLike]:
    """Stored images, those of a batch, and a pool of two sources."""
    return photographs(30, 8, 9, seed=6), np.array([3, 3, 29, 0, 17, 8]), array_pool((8, 9), counts=(4, 2))


def methods() -> dict[str, PixMixMethod]:
    """PixMix and its variants, the first with all mixings."""
    pool = training_set()[2]
    every = PixMixSettings(mixings=MIXINGS)
    return {
        name: PixMixMethod(name, pool=pool, settings=every if name == "pixmix" else PixMixSettings(beta=4.0))
        for name in PARTNERS
    }


AUGMIX = AugMix(AugMixSettings())
IPMIX = IPMix(IPMixSettings(patches=(3, 8), partner="both", all_ops=True), training_set()[2])


def made() -> dict[str, np.ndarray]:
    """All cases by name."""
    cuda.THREADS = 3  # each is a thread of Python, and the simulator waits for them in a loop
    cuda.PIXELS = 16
    sys.setswitchinterval(1e-6)
    result = {}
    for size in SIZES:
        images, *ops = every_op(size)
        result[f"ops {size}"] = cuda.augment(torch.from_numpy(images), *ops).numpy()
    images, pool, draws = mixings()
    result["mixings"] = mix_tensors(torch.from_numpy(images), Resident(pool.images, "cpu", whole=True), draws).numpy()
    result["gathered"] = mix_tensors(torch.from_numpy(images), Resident(pool.images, "cpu", whole=False), draws).numpy()
    stored, indices, _ = training_set()
    for name, method in methods().items():
        held = Resident(stored, "cpu", whole=True)
        for part in (indices, indices[:2], indices[:0]):
            made = method.augment_resident(held, KEY, part, padding=2, flip=True)
            result[f"{name}, {len(part)}"] = made.numpy()
        # Not contiguous: as a batch of (N, 3, H, W) lies in memory.
        turned = torch.from_numpy(stored[indices].transpose(0, 3, 1, 2).copy()).permute(0, 2, 3, 1)
        result[f"{name}, as they are"] = method.augment_tensor(turned, KEY, indices).numpy()
    result["augmix"] = AUGMIX.augment_tensor(torch.from_numpy(stored[indices]), KEY, indices).numpy()
    result["ipmix"] = IPMIX.augment_tensor(torch.from_numpy(stored[indices]), KEY, indices).numpy()
    copy = methods()["mix-aug"].augment_tensor(torch.from_numpy(stored[indices]), KEY.of_copy(1), indices)
    return result | rounded() | {"another copy": copy.numpy()}


def rounded() -> dict[str, np.ndarray]:
    """A batch in bfloat16, as float32, and a key that changes between two calls of one mixer."""
    stored, indices, pool = training_set()
    held, mixing = torch.from_numpy(stored), torch.from_numpy(pool.images)
    mixer = cuda.CudaMixer(PixMixSettings(), pool, (8, 9), held.device)
    rows, out = torch.from_numpy(indices), torch.empty(len(indices), 8, 9, 3, dtype=torch.bfloat16).permute(0, 3, 1, 2)
    key = torch.tensor([7, 0, 7])
    first = mixer.mix(held, mixing, key, rows, rows=rows, out=out).float().numpy()
    key[1] = 1
    second = mixer.mix(held, mixing, key, rows, rows=rows, out=out)
    assert second is out
    return {"bfloat16, 0": first, "bfloat16, 1": second.float().numpy()}


if __name__ == "__main__":
    np.savez(sys.argv[1], **made())
