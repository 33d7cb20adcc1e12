"""The benchmark corruptions (ImageNet-C, C-bar and P and their CIFAR forms) for any image; no torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
