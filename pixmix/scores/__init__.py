"""Post-hoc anomaly scores: pure functions of logits, features and the last layer of a trained network, in NumPy.

A score is higher for images that look out of distribution. `SCORES` lists them with what each needs and its settings;
`make_score` prepares one by its name, `choose_settings` picks its settings on validation images. All is computed in
float64, in blocks of rows, so that the memory does not grow with the number of training images.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
