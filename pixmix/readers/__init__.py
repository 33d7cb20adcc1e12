"""Readers of the image sets that users already have, in their official layouts, and of those this package makes.

What they give is what `pixmix.evaluate` takes: memory-mapped (N, H, W, 3) uint8 arrays with labels, or sequences of
(image, label) that are read from files when asked for. What is missing or wrong is an InputError that names all of
it, or, with `partial=True`, is left out and listed in `problems`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
