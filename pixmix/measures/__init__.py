"""Safety measures: pure functions over logits, labels, answers, ranks and scores. NumPy and scikit-learn, no torch.

An error is a fraction. Bad input (NaN logits, no images) raises InputError; a statistic that so few images do not have
raises its subclass Undefined.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
