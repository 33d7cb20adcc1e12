"""Sequences in video files, decoded by OpenCV on access."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.errors import InputError, reading
from mixset._common.regular import open_regular

from ..corruptions._making.layouts import opencv
from ._files import stamped

SUFFIXES = (".mp4",)


class VideoFiles(Sequence[np.ndarray]):
    """Sequences of equal length in video files, as a sequence of (frames, H, W, 3) uint8 RGB arrays.

    Args:
        root: the folder that holds the files.
        names: the path of each file, relative to `root`.
        check: raises InputError if a file is damaged; default: files are not checked. See `Manifest.check`.

    Raises:
        InputError: on access, if a video cannot be decoded or differs in shape from the first.
    """

    def __init__(self, root: Path, names: Sequence[str], check: Callable[[Path], None] | None = None) -> None:
        self.root, self.names, self.check = root, names, check

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        frames = self._read(index)
        if frames.shape != self.shape:
            raise InputError(
                f"video {self.root / self.names[index]}: {_form(frames.shape)}, but {self.names[0]} has "
                f"{_form(self.shape)}; fetch it again"
            )
        return frames

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """(frames, H, W, 3) of the first video, which all others must have, too."""
        return self._read(0).shape

    def _read(self, index: int) -> np.ndarray:
        path = self.root / self.names[index]
        if self.check is not None:
            self.check(path)
        return read_video(path)

    def fingerprint(self) -> str:
        """A SHA-256 of the files' names, sizes and times; reads no video."""
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(stamped(name, self.root / name))
        return digest.hexdigest()


def read_video(path: Path) -> np.ndarray:
    """Read all frames of a video as (frames, H, W, 3) uint8 RGB.

    Raises:
        InputError: it cannot be decoded, or OpenCV is not installed.
    """
    cv2 = opencv()
    with reading(f"video {path}", "fetch it again"):
        open_regular(path).close()
        video = cv2.VideoCapture(str(path))
        try:
            expected = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
            frames = []
            while True:
                success, frame = video.read()
                if not success:
                    break
                frames.append(frame[..., ::-1])
        finally:
            video.release()
    if not frames or len(frames) < expected:
        raise InputError(f"video {path}: broken or truncated ({len(frames)} of {expected} frames); fetch it again")
    return np.stack(frames)


def _form(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} frames of {shape[2]}x{shape[1]} px"
