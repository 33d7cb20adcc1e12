"""PixMix on an NVIDIA GPU by kernels that Numba compiles: from draws on the device to the network's numbers.

Nothing waits for the device. What is needed beside the result is allocated at the first step of a batch's size, so that
the steps after it can be captured in a CUDA graph. Values are those of the `numba` engine but for what fused operations
round differently.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError

from .._augment.draws import Draws, PoolLike, describe_pool, mixing_numbers
from .._augment.settings import OPS, PixMixSettings
from .._augment.transfers import carry
from .cuda_records import HEAD, RECIPE, SOURCE, make_recipe, records_of
from .inputs import check_tensor

THREADS = 256
"""Of a block of every kernel."""
PIXELS = 4
"""That a thread mixes, about; more and fewer were not tried."""
_KINDS: dict[torch.dtype, np.dtype] = {
    torch.uint8: np.dtype(np.uint8),
    torch.int64: np.dtype(np.int64),
    torch.float32: np.dtype(np.float32),
}
REMEDY = "pip install 'pixmix[gpu]'"


def serves(device: torch.device) -> bool:
    """Whether the kernels run on a device; says once what to do where an NVIDIA GPU lacks them.

    Under NUMBA_ENABLE_CUDASIM=1 they run on the CPU, for its tensors and for tests.
    """
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        return device.type == "cpu"
    return device.type == "cuda" and torch.version.hip is None and _installed()


@cache
def _installed() -> bool:
    found = importlib.util.find_spec("numba_cuda") is not None
    if not found:
        warnings.warn(
            f"PixMix of images on a GPU goes through the CPU, which is slow: numba-cuda is missing; {REMEDY}",
            stacklevel=2,
        )
    return found


class Workspace:
    """What the kernels know of a batch of `count` images with at most `k` rounds, in the device's memory."""

    def __init__(self, count: int, k: int, device: torch.device) -> None:
        sizes = count * HEAD.itemsize, count * (1 + k) * SOURCE.itemsize, count * 2 * 3 * 256
        self._kept = [torch.empty(size, dtype=torch.uint8, device=device) for size in sizes]
        self.rows = torch.arange(count, device=device)
        """(count,) int64: those of images that are a batch by themselves."""
        self.heads = _array(self._kept[0], HEAD, (count,))
        self.sources = _array(self._kept[1], SOURCE, (count, 1 + k))
        self.tables = _array(self._kept[2], np.dtype(np.uint8), (count, 2, 3, 256))

    def fetch(self) -> tuple[np.ndarray, np.ndarray]:
        """A copy of the records on the host, (count,) of `HEAD` and (count, 1 + k) of `SOURCE`."""
        heads, sources = (kept.cpu().numpy() for kept in self._kept[:2])
        return heads.view(HEAD), sources.view(SOURCE).reshape(len(self.rows), -1)

    def load(self, draws: Draws, size: tuple[int, int]) -> None:
        """Take draws from the host for images of `size` (H, W)."""
        made = dict(zip(("heads", "sources"), records_of(draws, size), strict=True))
        sent = carry(self.rows.device, **{name: array.reshape(-1).view(np.uint8) for name, array in made.items()})
        for kept, name in zip(self._kept, sent, strict=False):
            kept.copy_(sent[name])


class CudaMixer:
    """PixMix with draws made on the device.

    Args:
        settings: PixMix's.
        pool: the mixing images; None where the partner is the input.
        size: (H, W) of the images.
        device: where they are.
        padding: black pixels on each side before a crop of the image's size; 0 for no crop.
        flip: whether to flip images, as `pixmix._augment.crops.crop_and_flip` does.
    """

    def __init__(
        self,
        settings: PixMixSettings,
        pool: PoolLike | None,
        size: tuple[int, int],
        device: torch.device,
        *,
        padding: int = 0,
        flip: bool = False,
    ) -> None:
        described = describe_pool(pool, settings)
        if pool is not None and tuple(pool.size) != size:
            raise InputError(f"mixing images: crops of {tuple(pool.size)} do not suit images of {size}")
        self.k, self.size, self.device = settings.k, size, device
        recipe = make_recipe(settings, described, size, padding=padding, flip=flip)
        self._sent = carry(
            device,
            recipe=recipe.view(np.uint8),
            mixings=mixing_numbers(settings),
            firsts=described.firsts,
            limits=described.limits,
        )
        kinds: dict[str, Any] = {"recipe": RECIPE, "mixings": np.int8, "firsts": np.int64, "limits": np.float64}
        self._arguments = [_array(self._sent[name], np.dtype(kind)) for name, kind in kinds.items()]
        self._workspaces: dict[int, Workspace] = {}  # none is given up, as a captured graph goes on using its own

    def mix(
        self,
        images: Tensor,
        mixing_images: Tensor | None,
        key: Tensor,
        indices: Tensor,
        *,
        rows: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """PixMix of N images, whose keys may be others when a graph of this is replayed.

        Args:
            images: (M, H, W, 3) uint8 on the device.
            mixing_images: the pool's, (P, h, w, 3) uint8 there, contiguous; None where the partner is the input.
            key: (3,) int64 there: the seed's bits, the epoch, and the bits of the seed that copies of an image share.
            indices: (N,) int64 there: positions in the data set, which images are drawn for.
            rows: (N,) int64 there: which of `images` they are; default: all in their order. They are not checked.
            out: (N, 3, H, W) float32 or bfloat16, channels last, written; default: a new float32 tensor.

        Returns:
            `out`, in [0, 1]; bfloat16 is the float32 result rounded.

        Raises:
            InputError: images of another size, or fewer than indices.
        """
        count = len(indices)
        if tuple(images.shape[1:3]) != self.size or (rows is None and len(images) != count):
            raise InputError(f"images: {count} of {self.size} are needed, got shape {tuple(images.shape)}")
        space = self.workspace(count)
        if count:
            blocks = -(-count * (1 + self.k) // THREADS)
            arguments = [_array(key), _array(indices), *self._arguments, space.heads, space.sources]
            _launch("draw_all", (blocks, 1), arguments, self.device)
        return mix_sources(images, rows, mixing_images, space, out)

    def workspace(self, count: int) -> Workspace:
        """That of batches of `count` images, made on the first call."""
        if count not in self._workspaces:
            self._workspaces[count] = Workspace(count, self.k, self.device)
        return self._workspaces[count]


def mix_tensors(images: Tensor, mixing_images: Tensor | None, draws: Draws) -> Tensor:
    """PixMix of N images from draws that the host has made.

    Args:
        images: (N, H, W, 3) uint8 on the device.
        mixing_images: (M, h, w, 3) uint8 there, contiguous; None where the draws ask for none.
        draws: what to do, for N images.
    """
    space = Workspace(len(images), draws.op.shape[1], images.device)
    space.load(draws, (images.shape[1], images.shape[2]))
    return mix_sources(images, None, mixing_images, space, None)


def mix_sources(
    images: Tensor, rows: Tensor | None, mixing_images: Tensor | None, space: Workspace, out: Tensor | None
) -> Tensor:
    """PixMix of what a workspace says."""
    rows = space.rows if rows is None else rows
    count, height, width = len(rows), images.shape[1], images.shape[2]
    if out is None:
        shape = count, height, width, 3
        out = torch.empty(shape, dtype=torch.float32, device=images.device).permute(0, 3, 1, 2)
    fits = out.shape == (count, 3, height, width) and out.permute(0, 2, 3, 1).is_contiguous()
    if not fits or out.dtype not in (torch.float32, torch.bfloat16):
        raise InputError(f"out: ({count}, 3, {height}, {width}) float32 or bfloat16, channels last, is needed")
    if mixing_images is None:
        mixing_images = images[:0].contiguous()
    mixed = [_array(mixing_images), (mixing_images.shape[1], mixing_images.shape[2])]
    if out.dtype == torch.float32:
        _run("mix_all", images, rows, mixed, space, _array(out.permute(0, 2, 3, 1)))
    else:
        result = _array(out.permute(0, 2, 3, 1).view(torch.int16), np.dtype(np.uint16))
        _run("mix_all_to_bfloat16", images, rows, mixed, space, result)
    return out


def augment(images: Tensor, op: np.ndarray, level: np.ndarray, sign: np.ndarray) -> Tensor:
    """One op done to each image, on their device, which is not waited for.

    Args:
        images: (N, H, W, 3) uint8.
        op: (N,) int8: an index into `pixmix._augment.settings.OPS`; −1 for none.
        level: (N,) float64: 0.1 to 10.
        sign: (N,) int8: +1 or −1, for the ops that have one.

    Returns:
        (N, H, W, 3) uint8, a new tensor.

    Raises:
        InputError: images of another shape or type, or ops that are not theirs.
    """
    check_tensor("images", images)
    count = len(images)
    if not len(op) == len(level) == len(sign) == count:
        raise InputError(f"ops: {len(op)} with {len(level)} levels and {len(sign)} signs for {count} images")
    if count and not -1 <= min(op) <= max(op) < len(OPS):
        raise InputError(f"ops: numbers from -1 to {len(OPS) - 1} are needed, got {min(op)} to {max(op)}")
    space, result = Workspace(count, 0, images.device), torch.empty_like(images, memory_format=torch.contiguous_format)
    space.load(Draws.of_ops(op, level, sign), (images.shape[1], images.shape[2]))
    _run("augment_all", images, space.rows, [], space, _array(result))
    return result


def _run(name: str, images: Tensor, rows: Tensor, mixed: list[Any], space: Workspace, result: Any) -> None:
    """Make the tables that the ops ask for, then do all pixels."""
    count, height, width = len(rows), images.shape[1], images.shape[2]
    if not count:
        return
    extent = 1 + sum((length - 1) * step for length, step in zip(images.shape, images.stride(), strict=True))
    shown = [_array(images, np.dtype(np.uint8), (extent,)), images.stride(), (height, width), _array(rows)]
    known = [space.heads, space.sources, space.tables]
    with _on(images.device):
        _launch("make_tables", (count, 1), [*shown, *known], images.device)
        stretches = -(-height * width // (PIXELS * THREADS))
        _launch(name, (count, stretches), [*shown, *mixed, *known, result], images.device)


def _on(device: torch.device) -> AbstractContextManager[Any]:
    """Make a GPU the current one, for torch and for Numba."""
    if device.type != "cuda":
        return nullcontext()
    from numba import cuda

    stack = ExitStack()
    stack.enter_context(torch.cuda.device(device))
    stack.enter_context(cuda.gpus[torch.cuda.current_device()])
    return stack


def _launch(name: str, grid: tuple[int, int], arguments: list[Any], device: torch.device) -> None:
    """Start a kernel of `cuda_kernels` on torch's current stream."""
    if device.type != "cuda":
        from . import cuda_kernels

        getattr(cuda_kernels, name)[grid, THREADS](*arguments)  # in the simulator
        return
    with _on(device):
        stream = torch.cuda.current_stream(device).cuda_stream
        _launcher(name, grid, stream, torch.cuda.current_device())(*arguments)


@lru_cache(256)
def _launcher(name: str, grid: tuple[int, int], stream: int, device: int) -> Any:
    """A kernel with its grid and stream; to make it again would cost a step more than to start it."""
    from numba import cuda

    from . import cuda_kernels

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a small grid, which is what a small batch makes
        return getattr(cuda_kernels, name)[grid, THREADS, cuda.external_stream(stream)]


def _array(tensor: Tensor, dtype: np.dtype | None = None, shape: tuple[int, ...] | None = None) -> Any:
    """A tensor's memory as a kernel takes it: flat and of its own type, if no other is stated."""
    kind = dtype or _KINDS[tensor.dtype]
    size = shape or (tensor.numel() * tensor.element_size() // kind.itemsize,)
    if tensor.device.type != "cuda":
        flat = tensor.as_strided((int(np.prod(size)) * kind.itemsize // tensor.element_size(),), (1,))
        return flat.numpy().view(kind).reshape(size)
    return _device_array(tensor.data_ptr(), kind, size, tensor.device)


@lru_cache(1024)
def _device_array(address: int, kind: np.dtype, shape: tuple[int, ...], device: torch.device) -> Any:
    """Numba's view of memory, which does not keep it; making one takes longer than to launch a kernel."""
    from numba import cuda

    size = (*shape[:-1], shape[-1] * kind.itemsize)
    described = {"shape": size, "typestr": "|u1", "data": (address, False), "version": 2, "strides": None}
    with _on(device):
        return cuda.from_cuda_array_interface(described).view(kind)
