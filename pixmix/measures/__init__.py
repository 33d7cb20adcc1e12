"""Safety measures: pure functions over logits, labels, answers, ranks and scores. NumPy and scikit-learn, no torch.

An error is a fraction. Bad input (NaN logits, no images) raises InputError; a statistic that so few images do not have
raises its subclass Undefined.
"""

from .anomalies import DETECTION, SCORES, aupr, auroc, energy, fpr95, fpr95_reference, max_logit, msp
from .calibration import (
    CALIBRATION,
    Answers,
    Bins,
    answers,
    confidence_bins,
    ece,
    equal_width_bins,
    mad_of_bins,
    max_of_bins,
    pooled_calibration,
    reliability,
    rms_calibration_error,
    rms_of_bins,
)
from .consistency import flip_probability, flip_rates, is_noise, mfr, mt5d, sequence_flips, sequence_t5d, t5d
from .corruptions import corruption_errors, mce, relative_mce
from .errors import error
from .inputs import Undefined, softmax
from .intervals import bootstrap, error_interval, mean_of
from .outlier_exposure import detection, outlier_count, outlier_places
from .ranks import top_classes
from .references import (
    SEVERITIES,
    alexnet_clean_error,
    alexnet_errors,
    alexnet_flip_probabilities,
    alexnet_t5d,
    constants,
)
from .renditions import imagenet_r_classes, imagenet_r_logits
from .resampled import average, detection_intervals, rms_of

__all__ = [
    "CALIBRATION",
    "DETECTION",
    "SCORES",
    "SEVERITIES",
    "Answers",
    "Bins",
    "Undefined",
    "alexnet_clean_error",
    "alexnet_errors",
    "alexnet_flip_probabilities",
    "alexnet_t5d",
    "answers",
    "aupr",
    "auroc",
    "average",
    "bootstrap",
    "confidence_bins",
    "constants",
    "corruption_errors",
    "detection",
    "detection_intervals",
    "ece",
    "energy",
    "equal_width_bins",
    "error",
    "error_interval",
    "flip_probability",
    "flip_rates",
    "fpr95",
    "fpr95_reference",
    "imagenet_r_classes",
    "imagenet_r_logits",
    "is_noise",
    "mad_of_bins",
    "max_logit",
    "max_of_bins",
    "mce",
    "mean_of",
    "mfr",
    "msp",
    "mt5d",
    "outlier_count",
    "outlier_places",
    "pooled_calibration",
    "relative_mce",
    "reliability",
    "rms_calibration_error",
    "rms_of",
    "rms_of_bins",
    "sequence_flips",
    "sequence_t5d",
    "softmax",
    "t5d",
    "top_classes",
]
