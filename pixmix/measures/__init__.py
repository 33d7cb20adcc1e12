"""Safety measures: pure functions of logits, labels, rankings and anomaly scores, in NumPy and scikit-learn.

Errors and rates are fractions. Invalid input, such as NaN logits or no images, raises InputError; a statistic that is
not defined for so few images raises its subclass Undefined.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
