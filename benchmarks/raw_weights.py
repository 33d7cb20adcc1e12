"""A stand-in for the weights that CSAIL has released of a ResNet-18 trained on Places365."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import IO, ClassVar


def write_places_weights(path: Path) -> Path:
    """A ResNet-18 of 365 classes as in CSAIL's `resnet18_places365.pth.tar`, of 2017 and Python 2.

    A dictionary of epoch, arch, state_dict and best_prec1, the names as DataParallel has them and bytes of one byte
    a character, without the batch counts that batch normalisation has had since 2018; not in a zip.
    """
    import torch
    import torchvision

    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=365)
    weights = {
        f"module.{name}": value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    content = {"epoch": 90, "arch": "resnet18", "state_dict": weights, "best_prec1": 54.0}
    torch.save(content, path, _use_new_zipfile_serialization=False, pickle_module=Python2)
    return path


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes text as Python 2 wrote its strings."""

    dispatch: ClassVar[dict] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_str(self, text: str) -> None:
        data = text.encode("ascii")
        short = len(data) < 256
        head = pickle.SHORT_BINSTRING + bytes([len(data)]) if short else pickle.BINSTRING + struct.pack("<i", len(data))
        self.write(head + data)  # type: ignore[attr-defined]
        self.memoize(text)  # type: ignore[attr-defined]

    dispatch[str] = save_str


class Python2:
    """A pickle module as torch.save takes it."""

    Pickler = _Pickler

    @staticmethod
    def dump(value: object, file: IO[bytes], protocol: int = 2) -> None:
        _Pickler(file, 2).dump(value)
