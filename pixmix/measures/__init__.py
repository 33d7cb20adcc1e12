"""Safety measures: pure functions over logits, labels and scores. NumPy and scikit-learn, no torch.

An error is a fraction. Bad input (NaN logits, no pictures, one class where two are needed) raises InputError.
"""

from .anomalies import aupr, auroc, fpr95, msp
from .calibration import Bins, confidence_bins, reliability, rms_calibration_error, rms_of_bins
from .errors import error
from .inputs import softmax

__all__ = [
    "Bins",
    "aupr",
    "auroc",
    "confidence_bins",
    "error",
    "fpr95",
    "msp",
    "reliability",
    "rms_calibration_error",
    "rms_of_bins",
    "softmax",
]
