"""The official layouts on disk: arrays of small images, folders of large images, and folders of videos."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from mixset._common.arrays import map_array
from mixset._common.errors import InputError, reason
from mixset._common.partials import create_locked, partial_of, sync_folder
from mixset._common.seals import file_hash

from .._p.base import Frames
from .manifest import sealed

IMAGE, VIDEO = ".JPEG", ".mp4"
LABELS = "labels.npy"


class ArrayFile:
    """A `.npy` file of uint8 that several processes fill under a temporary name, and that is renamed when whole.

    Its disk space is allocated at once, so that a full disk is noticed before the work.

    Args:
        path: the final path.
        shape: the array's shape.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path, self.partial = path, partial_of(path)
        header = _header(shape)
        self.start = len(header)
        try:
            self._handle = create_locked(self.partial)
            os.pwrite(self._handle, header, 0)
            length = self.start + int(np.prod(shape))
            if hasattr(os, "posix_fallocate"):  # missing on macOS, where a full disk is noticed while writing
                os.posix_fallocate(self._handle, 0, length)
            else:
                os.ftruncate(self._handle, length)
        except OSError as error:
            self.discard()
            raise InputError(f"cannot write {path}: {reason(error)}; free space or choose another folder") from error

    def sha256(self) -> str:
        """The SHA-256 of the file's content so far, in hexadecimal."""
        return file_hash(self.partial)

    def finish(self) -> None:
        """Sync the file and rename it to its path."""
        os.fsync(self._handle)
        os.replace(self.partial, self.path)
        os.close(self._handle)
        sync_folder(self.path.parent)

    def discard(self) -> None:
        """Remove the temporary file."""
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._handle)
        self.partial.unlink(missing_ok=True)


def _header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()


def write_part(partial: Path, offset: int, values: np.ndarray) -> None:
    """Write uint8 values to an unfinished array file, from byte `offset` on."""
    handle, rest = os.open(partial, os.O_WRONLY), np.ascontiguousarray(values).data.cast("B")
    try:
        while rest:
            written = os.pwrite(handle, rest, offset)
            rest, offset = rest[written:], offset + written
    finally:
        os.close(handle)


def labels_file(labels: np.ndarray, times: int) -> bytes:
    """The content of labels.npy: the set's labels repeated for each severity.

    Args:
        labels: (N,) whole numbers.
        times: the number of severities.

    Returns:
        The file's bytes; its array is (times · N,) uint8 as the official ones, or int64 for more than 256 classes.
    """
    kind = np.uint8 if labels.max() < 256 else np.int64
    file = io.BytesIO()
    np.save(file, np.tile(labels.astype(kind), times), allow_pickle=False)
    return file.getvalue()


def holds_array(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether `path` is a complete uint8 array of this shape, by its header and size."""
    try:
        array = map_array(path, path.name, "")
    except InputError:
        return False
    return array.shape == shape and array.dtype == np.uint8


def write_image(root: Path, name: str, image: np.ndarray, stamp: bytes) -> None:
    """Write an image as in the official archives, a JPEG of quality 85, with a seal.

    Args:
        root: the folder of the set.
        name: the path of the file, relative to `root`.
        image: (H, W, 3) uint8.
        stamp: the stamp of the recipe; see `manifest.sealed`.
    """
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=85, optimize=True)
    _put(root, name, sealed(file.getvalue(), stamp))


def write_video(root: Path, name: str, frames: Frames, stamp: bytes) -> None:
    """Write frames as a lossless video (FFV1), with a seal.

    OpenCV's wheels cannot encode H.264 like the official files, and their lossy codecs remove much of the noise.
    31 frames of 224 pixels take 1 to 3 MB.

    Args:
        root: the folder of the set.
        name: the path of the file, relative to `root`.
        frames: (frames, H, W, 3) uint8.
        stamp: the stamp of the recipe; see `manifest.sealed`.

    Raises:
        InputError: OpenCV is not installed or cannot write such videos here.
    """
    cv2 = opencv()
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, f"frames{VIDEO}")
        codec = cv2.VideoWriter_fourcc(*"FFV1")
        writer = cv2.VideoWriter(file, cv2.CAP_FFMPEG, codec, 1, (frames.shape[2], frames.shape[1]))
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[..., ::-1]))
        writer.release()
        reader = cv2.VideoCapture(file)
        whole = reader.isOpened() and reader.get(cv2.CAP_PROP_FRAME_COUNT) == len(frames)
        reader.release()
        if not whole:  # OpenCV says nothing when the disk is full
            raise InputError(
                f"cannot write {root / name}: this OpenCV makes no FFV1 video, or {folder} has no space; "
                "install opencv-python-headless, free space or set TMPDIR"
            )
        _put(root, name, sealed(Path(file).read_bytes(), stamp))


def opencv() -> ModuleType:
    """Import OpenCV; raises InputError if it is not installed."""
    try:
        import cv2
    except ImportError:
        raise InputError(
            "sequences of large images are videos, made with OpenCV: pip install 'pixmix[video]'"
        ) from None
    return cv2


def _put(root: Path, name: str, content: bytes) -> None:
    """Write a file atomically but without syncing it, which would take days for millions of files."""
    path = root / name
    partial = partial_of(root / "file")  # all in one folder, where `remove_abandoned` finds them
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(create_locked(partial), "wb") as file:
            file.write(content)
            os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {reason(error)}; free space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
