"""The rows of the paper's tables as methods: `METHODS` lists them, `make_method` makes one by its name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
