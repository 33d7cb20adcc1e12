"""Sequences in video files, decoded by OpenCV when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from mixset._common.errors import InputError, reading
from mixset._common.regular import open_regular

from ..corruptions._making.layouts import opencv
from ._files import stamped

SUFFIXES = (".mp4",)


class VideoFiles(Sequence[np.ndarray]):
    """Sequences of equal length in video files; `self[i]` is one, (frames, H, W, 3) uint8 RGB.

    Args:
        root: the folder they are below.
        names: where each is below it.
        check: raises for a file that is damaged, where that can be known; see `Made.check`.
    """

    def __init__(self, root: Path, names: Sequence[str], check: Callable[[Path], None] | None = None) -> None:
        self.root, self.names, self.check = root, names, check

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index):
        frames = self._read(index)
        if frames.shape != self.shape:
            raise InputError(
                f"video {self.root / self.names[index]}: {_form(frames.shape)}, but {self.names[0]} has "
                f"{_form(self.shape)}; fetch it again"
            )
        return frames

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """(frames, H, W, 3) of the first video, which all must have."""
        return self._read(0).shape

    def _read(self, index: int) -> np.ndarray:
        path = self.root / self.names[index]
        if self.check is not None:
            self.check(path)
        return read_video(path)

    def fingerprint(self) -> str:
        """SHA-256 of names, lengths and times of the files; reads no video."""
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(stamped(name, self.root / name))
        return digest.hexdigest()


def read_video(path: Path) -> np.ndarray:
    """All frames of a video: (frames, H, W, 3) uint8 RGB.

    Raises:
        InputError: it cannot be decoded, or OpenCV is not installed.
    """
    cv2 = opencv()
    with reading(f"video {path}", "fetch it again"):
        open_regular(path).close()
        video = cv2.VideoCapture(str(path))
        try:
            said = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
            frames = []
            while True:
                found, frame = video.read()
                if not found:
                    break
                frames.append(frame[..., ::-1])
        finally:
            video.release()
    if not frames or len(frames) < said:
        raise InputError(f"video {path}: broken or cut short ({len(frames)} of {said} frames); fetch it again")
    return np.stack(frames)


def _form(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} frames of {shape[2]}x{shape[1]} px"
