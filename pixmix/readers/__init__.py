"""Readers of the picture sets that users already have, in their official layouts, and of those this package makes.

What they give is what `pixmix.evaluate` takes: memory-mapped (N, H, W, 3) uint8 arrays with labels, or sequences of
(picture, label) that are read from files when asked for. What is missing or wrong is an InputError that names all of
it, or, with `partial=True`, is left out and listed in `problems`.
"""

from .classes import read_class_folders
from .corrupted import CorruptedSet
from .files import PictureFiles
from .labels import imagenet_wnids, number_classes, read_class_map
from .outliers import OutlierSets, open_outliers, take
from .perturbed import PerturbedSet
from .renditions import RenditionSet
from .transforms import IMAGENET, Transform
from .videos import VideoFiles

__all__ = [
    "IMAGENET",
    "CorruptedSet",
    "OutlierSets",
    "PerturbedSet",
    "PictureFiles",
    "RenditionSet",
    "Transform",
    "VideoFiles",
    "imagenet_wnids",
    "number_classes",
    "open_outliers",
    "read_class_folders",
    "read_class_map",
    "take",
]
