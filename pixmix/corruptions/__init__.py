"""The corruptions of ImageNet-C, C̄ and P and their CIFAR forms, for any image; torch is not needed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
