"""Logits that are computed once and used again: in memory and in the run folder."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mixset._common.arrays import read_archive
from mixset._common.errors import InputError
from mixset._common.seals import write_sealed

from .._common.distributed import first, rank_and_world
from ..scores import Head
from .image_sets import Images

Arrays = dict[str, np.ndarray]
"""`logits` and `labels`, and `features` where they are kept."""

LOGITS = ("logits", "labels")


class LogitsStore:
    """Logits by name, with a folder in `NAME.npz` files that the next evaluation finds.

    A file is used again only where its key is the same, the SHA-256 of network, images and protocol, and its bytes are
    those that were written. Where images have no fingerprint files are written but not used again. Of several processes
    the first reads and writes.

    Features lie in `features/NAME.npz`, under the same key with what is said of them (`kind`), because they may be a
    hundred times as large as the logits, which are read alone.

    Args:
        network: the network's fingerprint.
    """

    def __init__(self, folder: Path | None, network: str) -> None:
        self.folder, self.network = folder, network
        self.kept: dict[str, Arrays] = {}

    def find(self, name: str, protocol: str, images: Images, kind: str = "") -> tuple[str | None, Arrays | None]:
        """The key of some logits, None where the images have no fingerprint, and the arrays where they are stored.

        Args:
            name: of the file.
            protocol: in words, what the logits depend on beside network and images.
            images: that they are of.
            kind: in words, which features are wanted beside them; none are by default.
        """
        if name in self.kept and (not kind or "features" in self.kept[name]):
            return None, self.kept[name]
        key, arrays = first(lambda: self._find(name, f"{name} {protocol}", images, kind))
        if arrays is not None:
            self._keep(name, arrays)
        return key, arrays

    def write(self, name: str, key: str | None, arrays: Arrays, kind: str = "") -> None:
        """Store arrays under the key that `find` returned."""
        if rank_and_world()[0] == 0:
            self._write(name, key or "", {part: arrays[part] for part in LOGITS})
            if kind:
                self._write(f"features/{name}", _of_kind(key or "", kind), {"features": arrays["features"]})
        self._keep(name, arrays)

    def write_head(self, head: Head, kind: str) -> None:
        """Store a last layer's weight and bias beside its features, as `features/head.npz`."""
        if rank_and_world()[0] == 0:
            self._write("features/head", _of_kind(self.network, kind), head._asdict())

    def _keep(self, name: str, arrays: Arrays) -> None:
        """Hold those of the test images, which several suites ask for; all of ImageNet-C's would be 15 GB."""
        if name == "clean":
            self.kept[name] = arrays

    def _find(self, name: str, protocol: str, images: Images, kind: str) -> tuple[str | None, Arrays | None]:
        if self.folder is None or (fingerprint := images.fingerprint()) is None:
            return None, None
        key = hashlib.sha256("\n".join([self.network, fingerprint, protocol]).encode()).hexdigest()
        arrays = self._read(name, key, LOGITS)
        if arrays is not None and kind:
            features = self._read(f"features/{name}", _of_kind(key, kind), ("features",))
            arrays = None if features is None else arrays | features
        return key, arrays

    def _read(self, name: str, key: str, parts: tuple[str, ...]) -> Arrays | None:
        """The arrays stored under the key. A damaged file is reported and replaced; one that is not ours is refused."""
        assert self.folder is not None
        path = self.folder / f"{name}.npz"
        if not path.exists():
            return None
        try:
            stored = read_archive(path, str(path), "computed again")
            return {part: stored[part] for part in parts} if str(stored["key"]) == key else None
        except InputError as error:
            print(error, file=sys.stderr)
        except KeyError:
            raise InputError(f"{path}: is of something else; move it, or have the measures elsewhere") from None
        return None

    def _write(self, name: str, key: str, arrays: Arrays) -> None:
        if self.folder is None:
            return
        path = self.folder / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        stored: dict[str, Any] = {"key": np.array(key), **arrays}
        np.savez(content, **stored)
        write_sealed(path, content.getbuffer())


def _of_kind(key: str, kind: str) -> str:
    """The key of features: that of their logits, and which they are; empty where nothing is to be used again."""
    return hashlib.sha256(f"{key}\n{kind}".encode()).hexdigest() if key else ""


def network_fingerprint(network: nn.Module) -> str:
    """SHA-256 of the modules' description and of all weights and buffers."""
    digest = hashlib.sha256(repr(network).encode())
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
