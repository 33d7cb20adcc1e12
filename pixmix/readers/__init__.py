"""Readers of the picture sets that users already have, in their official layouts."""

from .classes import imagenet_wnids

__all__ = ["imagenet_wnids"]
