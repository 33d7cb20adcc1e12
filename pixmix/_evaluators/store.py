"""Logits that were made once and are used again: in memory and in the run folder."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mixset._common.arrays import read_archive
from mixset._common.errors import InputError
from mixset._common.seals import write_sealed

from .._common.distributed import first, rank_and_count


class LogitsStore:
    """Logits by name, with a folder in `NAME.npz` files that the next evaluation finds.

    A file is used again only where its key is the same, the SHA-256 of network, data and protocol, and its bytes are
    those that were written. Where the data have
    no fingerprint (see `ImageSet.fingerprint`) files are written but not used again. Of several processes the first
    reads and writes.
    """

    def __init__(self, folder: Path | None, network: str) -> None:
        self.folder, self.network = folder, network
        self.kept: dict[str, dict[str, np.ndarray]] = {}

    def fetch(
        self,
        name: str,
        protocol: str,
        fingerprint: Callable[[], str | None],
        compute: Callable[[], dict[str, np.ndarray]],
        keep: bool = False,
    ) -> dict[str, np.ndarray]:
        """The arrays called `name`.

        Args:
            protocol: in words, what else they depend on, such as a seed.
            fingerprint: of the data; asked for only where there is a folder.
            compute: makes them, in all processes together.
            keep: hold them in memory, too, for the next who asks; all of ImageNet-C's would be 15 GB.
        """
        if name in self.kept:
            return self.kept[name]
        key, arrays = first(lambda: self._find(name, protocol, fingerprint))
        if arrays is None:
            arrays = compute()
            if rank_and_count()[0] == 0:
                self._write(name, key, arrays)
        if keep:
            self.kept[name] = arrays
        return arrays

    def _find(
        self, name: str, protocol: str, fingerprint: Callable[[], str | None]
    ) -> tuple[str | None, dict[str, np.ndarray] | None]:
        """The key, where the data have one, and the arrays that are there under it."""
        if self.folder is None or (data := fingerprint()) is None:
            return None, None
        key = hashlib.sha256("\n".join([self.network, data, protocol]).encode()).hexdigest()
        return key, self._read(name, key)

    def _read(self, name: str, key: str) -> dict[str, np.ndarray] | None:
        """What is kept under the key; what is damaged is said, and made again; what is not ours is refused."""
        assert self.folder is not None
        path = self.folder / f"{name}.npz"
        if not path.exists():
            return None
        try:
            kept = read_archive(path, str(path), "computed again")
            return {part: kept[part] for part in ("logits", "labels")} if str(kept["key"]) == key else None
        except InputError as error:
            print(error, file=sys.stderr)
        except KeyError:
            raise InputError(f"{path}: is of something else; move it, or have the measures elsewhere") from None
        return None

    def _write(self, name: str, key: str | None, arrays: dict[str, np.ndarray]) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        np.savez(content, key=np.array(key or ""), logits=arrays["logits"], labels=arrays["labels"])
        write_sealed(self.folder / f"{name}.npz", content.getbuffer())


def network_fingerprint(network: nn.Module) -> str:
    """SHA-256 of the modules' description and of all weights and buffers."""
    digest = hashlib.sha256(repr(network).encode())
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
