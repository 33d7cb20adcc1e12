"""mixset: make, store and read mixing sets, the structurally complex images that PixMix mixes into others."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
