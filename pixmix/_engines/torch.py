"""PixMix by tensors on any device: uint8 batches there, the draws and the plan on the host, one copy between them.

All copies of a batch are made first, grouped by op, then the rounds are steps over the whole batch, masked where an
image has fewer. Nothing waits for the device. Ops equal Pillow's, but on a GPU for a step in a byte in 10³ at most;
after mixing a byte in 10⁴ may differ by more than 1/255 from `pillow`'s.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError

from .._augment.draws import Draws
from .._augment.residents import Resident
from .._augment.settings import OPS
from .._augment.transfers import carry
from .compiling import run_compiled
from .inputs import check_draws, check_images
from .plans import make_plan
from .tensor_mixings import describe_rounds, make_tables, mix_rounds
from .tensor_ops import make_copies

_BYTES = {"cpu": 1 << 22}
"""Bytes of sources that are made at once; a small part of the memory at work on a CPU, which has caches."""
_BYTES_ON_DEVICES = 1 << 30
_MOST_COMPILED = 16
"""Rounds that are compiled; each makes compiling longer, and more are asked for by nobody."""


def mix(images: np.ndarray, mixing_images: np.ndarray | None, draws: Draws) -> np.ndarray:
    """PixMix of N images on the CPU.

    Args:
        images: (N, H, W, 3) uint8.
        mixing_images: (M, h, w, 3) uint8 with h ≥ H and w ≥ W; None where the partner is the input.
        draws: what to do, for N images.

    Returns:
        (N, 3, H, W) float32 in [0, 1].

    Raises:
        InputError: an array has another shape or type.
    """
    check_images(images, mixing_images, draws)
    tensor = torch.from_numpy(np.require(images, requirements=["C", "W"]))
    resident = None if mixing_images is None else Resident(mixing_images, "cpu")
    return mix_tensors(tensor, resident, draws).contiguous().numpy()


def mix_tensors(images: Tensor, mixing_images: Resident | Tensor | None, draws: Draws) -> Tensor:
    """PixMix of N images on their device, which is not waited for.

    Args:
        images: (N, H, W, 3) uint8 on any device.
        mixing_images: (M, h, w, 3) uint8 with h ≥ H and w ≥ W, there; None where the partner is the input.
        draws: what to do, for N images.

    Returns:
        (N, 3, H, W) float32 in [0, 1], channels-last in memory; full precision under autocast, too.

    Raises:
        InputError: a tensor has another shape, type or device.
    """
    _check("images", images)
    if isinstance(mixing_images, Tensor):
        _check("mixing images", mixing_images)
        mixing_images = Resident(mixing_images, mixing_images.device)
    if mixing_images is not None and mixing_images.device.type != images.device.type:
        raise InputError(f"mixing images: are on {mixing_images.device}, the images on {images.device}")
    check_draws(draws, images.shape, None if mixing_images is None else mixing_images.shape)
    count, height, width, _ = images.shape
    room = _BYTES.get(images.device.type, _BYTES_ON_DEVICES)
    # A source, or the table of a round, for each place that takes one.
    chunk = max(room // (max(height * width * 3, 1024) * (1 + draws.op.shape[1])), 1)
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
        if 0 < count <= chunk:
            return _mix_chunk(images, mixing_images, draws).permute(0, 3, 1, 2)
        result = torch.empty(images.shape, dtype=torch.float32, device=images.device)
        for first in range(0, count, chunk):
            part = slice(first, first + chunk)
            result[part] = _mix_chunk(images[part], mixing_images, draws[part])
        return result.permute(0, 3, 1, 2)


def _mix_chunk(images: Tensor, mixing_images: Resident | None, draws: Draws) -> Tensor:
    """(N, H, W, 3) float32 of images that are mixed at once."""
    height, width = images.shape[1:3]
    start = draws.start_op, draws.start_level, draws.start_sign
    plan = make_plan(start, (draws.op, draws.level, draws.sign), draws.rounds, (height, width))
    rounds = describe_rounds(draws)
    sent = carry(images.device, **plan.arrays(), **rounds)
    sources = images.new_empty((plan.starts[-1], *images.shape[1:]))
    make_copies(images.contiguous(), plan, sent, sources)
    where = plan.range("crop")
    if mixing_images is not None and where.stop > where.start:
        whose = plan.images[where]
        indices, tops, lefts = draws.image[whose], draws.top[whose], draws.left[whose]
        mixing_images.crops(indices, tops, lefts, (height, width), out=sources[where])
    described = {name: sent[name] for name in rounds}
    tables = make_tables(described)
    if draws.op.shape[1] > _MOST_COMPILED:
        return mix_rounds(sources, sent["slots"], described, tables)
    varying = sources, sent["slots"], *described.values(), *tables
    return run_compiled(mix_rounds, sources, sent["slots"], described, tables, varying=varying)


def augment(images: Tensor, op: np.ndarray, level: np.ndarray, sign: np.ndarray) -> Tensor:
    """One op done to each image, on their device, which is not waited for.

    Args:
        images: (N, H, W, 3) uint8 on any device.
        op: (N,) int8: a place in `pixmix._augment.settings.OPS`; −1 for none.
        level: (N,) float64: 0.1 to 10.
        sign: (N,) int8: +1 or −1, for the ops that have one.

    Returns:
        (N, H, W, 3) uint8, a new tensor.

    Raises:
        InputError: images of another shape or type, or ops that are not theirs.
    """
    _check("images", images)
    count = len(images)
    if not len(op) == len(level) == len(sign) == count:
        raise InputError(f"ops: {len(op)} with {len(level)} levels and {len(sign)} signs for {count} images")
    if count and not -1 <= min(op) <= max(op) < len(OPS):
        raise InputError(f"ops: numbers from -1 to {len(OPS) - 1} are needed, got {min(op)} to {max(op)}")
    none = np.empty((count, 0))
    plan = make_plan((op, level, sign), (none, none, none), np.zeros(count), (images.shape[1], images.shape[2]))
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
        sent = carry(images.device, **plan.arrays())
        sources = images.new_empty(images.shape)
        make_copies(images.contiguous(), plan, sent, sources)
        return sources.index_select(0, sent["slots"].view(-1))


def _check(what: str, images: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape[1:3]:
        raise InputError(
            f"{what}: an (N, H, W, 3) uint8 tensor is needed, got {images.dtype} of shape {tuple(images.shape)}"
        )
