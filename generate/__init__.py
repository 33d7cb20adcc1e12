"""mixset.generate: the makers of mixing sets, and the job that turns a recipe into shards."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
