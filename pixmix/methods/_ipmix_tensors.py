"""IPMix for tensors on a GPU that PixMix's kernels serve: step by step, each kind of step on all chains that have it.

Nothing waits for the device. Draws are made on the host, but for the masks, whose numbers are as many as the values.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .._augment.transfers import carry
from .._common import philox
from .._common.philox import Key
from .._engines.cuda import augment
from ._chains import lay_over
from ._ipmix_draws import ADD, AUTOCONTRAST, ELEMENTS, INVERT, MIRROR, PIXELS, IPMixDraws
from ._ipmix_kernels import make_tables

_LOW = 0xFFFFFFFF


def mix_tensors(
    images: Tensor, crops: Tensor, draws: IPMixDraws, mixed: Tensor, *, key: Key, indices: np.ndarray, wrap: bool
) -> None:
    """IPMix of images.

    Args:
        images: (N, H, W, 3) uint8.
        crops: the same of the mixing images.
        draws: what to do.
        mixed: (N, H, W, 3) float32, written.
        key: the one of the draws.
        indices: (N,) those of the draws.
        wrap: as in `IPMixSettings`.
    """
    count, (width, depth) = len(images), draws.op.shape[1:]
    # In the order (chain, image), so that one chain of each image lies as the images do.
    chains = images.repeat(width, 1, 1, 1)
    patch, steps = draws.patch.T.ravel(), draws.steps.T.ravel()
    for d in range(depth):
        step = _Step(draws, d, key, indices, wrap)
        rows = np.flatnonzero((d < steps) & ~patch)
        if len(rows):
            there = carry(images.device, rows=rows)["rows"]
            done = do_ops(chains[there], step.op[rows], step.level[rows], step.sign[rows])
            chains.index_copy_(0, there, done)
        rows = np.flatnonzero((d < steps) & patch)
        if len(rows):
            others = crops.repeat(width, 1, 1, 1)
            copied = rows[step.op[rows] >= 0]
            if len(copied):
                sent = carry(images.device, rows=copied, images=copied % count)
                done = do_ops(images[sent["images"]], step.op[copied], step.level[copied], step.sign[copied])
                others.index_copy_(0, sent["rows"], done)
            step.mix_patches(chains, others, rows)
    sent = carry(images.device, weights=draws.weights.T, share=draws.share)
    lay_over(images, chains.view(width, *images.shape), sent["weights"], sent["share"], mixed)


class _Step:
    """One step of all chains: the draws' fields in the order (chain, image), with what the masks are drawn from."""

    def __init__(self, draws: IPMixDraws, d: int, key: Key, indices: np.ndarray, wrap: bool) -> None:
        fields = (draws.op, draws.level, draws.sign, draws.box, draws.mixing, draws.a, draws.b, draws.limit)
        self.op, self.level, self.sign, self.box, self.mixing, self.a, self.b, self.limit = (
            field[:, :, d].swapaxes(0, 1).reshape(-1, *field.shape[3:]) for field in fields
        )
        width = draws.op.shape[1]
        self.indices = np.tile(indices, width)
        self.numbers = np.repeat(np.arange(width) * 16 + d, len(draws.share)) << 24
        self.key, self.wrap = key, wrap

    def mix_patches(self, chains: Tensor, others: Tensor, rows: np.ndarray) -> None:
        """Mix the patches of the chains in `rows` with those of `others`, in place."""
        for kinds in ((ADD, ADD + 1), (PIXELS, PIXELS), (ELEMENTS, ELEMENTS)):
            some = rows[(self.mixing[rows] >= kinds[0]) & (self.mixing[rows] <= kinds[1])]
            if not len(some):
                continue
            sent = carry(chains.device, rows=some, box=self.box[some])
            image, other = chains[sent["rows"]], others[sent["rows"]]
            made = self._blend(image, other, some) if kinds[0] < PIXELS else self._choose(image, other, some)
            inside = _inside(sent["box"], image.shape[1], image.shape[2])
            chains.index_copy_(0, sent["rows"], torch.where(inside, made, image))

    def _blend(self, image: Tensor, other: Tensor, rows: np.ndarray) -> Tensor:
        """Added or multiplied."""
        tables = make_tables(self.mixing[rows], self.a[rows], self.b[rows])
        sent = carry(image.device, tables=tables, added=self.mixing[rows] == ADD)
        first, second = (
            sent["tables"][:, place].gather(1, each.flatten(1).long()).view(image.shape)
            for place, each in enumerate((image, other))
        )
        value = torch.where(sent["added"][:, None, None, None], (first + second + 1) / 2, first * second / 2)
        if not self.wrap:
            return (value.clamp_(0, 1) * 255).to(torch.uint8)
        value *= 255
        # float32 numbers from 2**31 on are multiples of 256.
        return (torch.where(value.abs() < 2**31, value, 0).long() & 255).to(torch.uint8)

    def _choose(self, image: Tensor, other: Tensor, rows: np.ndarray) -> Tensor:
        """Some pixels, or elements, from the one, the rest from the other."""
        count, height, width, _ = image.shape
        channels = 3 if self.mixing[rows[0]] == ELEMENTS else 1
        sent = carry(image.device, indices=self.indices[rows], numbers=self.numbers[rows], limit=self.limit[rows, None])
        words = random_words(self.key, sent["indices"], sent["numbers"], channels * height * width)
        keep = (words < sent["limit"]).view(count, channels, height, width).permute(0, 2, 3, 1)
        return torch.where(keep, image, other)


def do_ops(images: Tensor, op: np.ndarray, level: np.ndarray, sign: np.ndarray) -> Tensor:
    """The op with this index in `pixmix.methods._ipmix_draws.OPS` done to each of (N, H, W, 3) uint8; a new tensor."""
    usual = np.where(op < MIRROR, op + 1, np.where(op > AUTOCONTRAST, op - 2, -1)).astype(np.int8)
    sent = carry(images.device, mirror=op == MIRROR, invert=np.where(op == INVERT, np.uint8(255), np.uint8(0)))
    done = augment(images, usual, level, sign)
    done = torch.where(sent["mirror"][:, None, None, None], done.flip(2), done)
    done ^= sent["invert"][:, None, None, None]
    cut = np.flatnonzero(op == AUTOCONTRAST)
    if len(cut):
        rows = carry(images.device, rows=cut)["rows"]
        done.index_copy_(0, rows, _cut_off(images[rows], 10 - level[cut]))
    return done


def _cut_off(images: Tensor, percent: np.ndarray) -> Tensor:
    """Pillow's autocontrast with a cutoff."""
    values = images.flatten(1, 2)
    pixels = values.shape[1]
    cut = (pixels * percent // 100).astype(np.int64)[:, None, None]
    ends = carry(images.device, ends=np.broadcast_to(np.concatenate([cut, pixels - 1 - cut], 1), (len(cut), 2, 3)))
    low, high = values.sort(1).values.gather(1, ends["ends"]).double().split(1, 1)
    # Not 255 / span, which torch takes for 255 · (1 / span).
    scale = torch.where(high > low, torch.div(torch.full_like(high, 255), high - low), 1)
    offset = torch.where(high > low, -low * scale, 0)
    return (values * scale + offset).clamp_(0, 255).to(torch.uint8).view(images.shape)


def _inside(box: Tensor, height: int, width: int) -> Tensor:
    """Which pixels lie in the boxes (n, 4) of top, left, bottom and right: (n, H, W, 1)."""
    top, left, bottom, right = box[..., None].unbind(1)
    y, x = (torch.arange(side, device=box.device) for side in (height, width))
    within, beside = (y >= top) & (y < bottom), (x >= left) & (x < right)
    return (within[:, :, None] & beside[:, None, :])[..., None]


def random_words(key: Key, indices: Tensor, firsts: Tensor, count: int) -> Tensor:
    """The first words of Philox from a block on, as `pixmix._common.philox` has them for the stream of the masks.

    Args:
        key: seed and epoch.
        indices: (n,) int64.
        firsts: (n,) int64, the block at which each begins.
        count: how many words each gets.

    Returns:
        (n, count) int64, below 2**32.
    """
    k0, k1 = key.seed & _LOW, key.seed >> 32
    c2 = firsts[:, None] + torch.arange(-(-count // 4), device=firsts.device)
    c0 = indices[:, None].expand_as(c2)
    c1, c3 = torch.full_like(c2, key.epoch), torch.full_like(c2, philox.IPMIX_MASKS)
    for _ in range(10):
        p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57  # modulo 2**64, as signed numbers
        c0, c1, c2, c3 = (p1 >> 32 & _LOW) ^ c1 ^ k0, p1 & _LOW, (p0 >> 32 & _LOW) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = k0 + 0x9E3779B9 & _LOW, k1 + 0xBB67AE85 & _LOW
    return torch.stack([c0, c1, c2, c3], dim=-1).flatten(1)[:, :count]
