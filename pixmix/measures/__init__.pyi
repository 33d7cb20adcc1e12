from ._anomalies import (
    DETECTION as DETECTION,
)
from ._anomalies import (
    SCORES as SCORES,
)
from ._anomalies import (
    aupr as aupr,
)
from ._anomalies import (
    auroc as auroc,
)
from ._anomalies import (
    energy as energy,
)
from ._anomalies import (
    fpr95 as fpr95,
)
from ._anomalies import (
    fpr95_reference as fpr95_reference,
)
from ._anomalies import (
    max_logit as max_logit,
)
from ._anomalies import (
    msp as msp,
)
from ._calibration import (
    CALIBRATION as CALIBRATION,
)
from ._calibration import (
    Answers as Answers,
)
from ._calibration import (
    Bins as Bins,
)
from ._calibration import (
    answers as answers,
)
from ._calibration import (
    confidence_bins as confidence_bins,
)
from ._calibration import (
    ece as ece,
)
from ._calibration import (
    equal_width_bins as equal_width_bins,
)
from ._calibration import (
    mad_of_bins as mad_of_bins,
)
from ._calibration import (
    max_of_bins as max_of_bins,
)
from ._calibration import (
    pooled_calibration as pooled_calibration,
)
from ._calibration import (
    reliability as reliability,
)
from ._calibration import (
    rms_calibration_error as rms_calibration_error,
)
from ._calibration import (
    rms_of_bins as rms_of_bins,
)
from ._consistency import (
    flip_probability as flip_probability,
)
from ._consistency import (
    flip_rates as flip_rates,
)
from ._consistency import (
    is_noise as is_noise,
)
from ._consistency import (
    mfr as mfr,
)
from ._consistency import (
    mt5d as mt5d,
)
from ._consistency import (
    sequence_flips as sequence_flips,
)
from ._consistency import (
    sequence_t5d as sequence_t5d,
)
from ._consistency import (
    t5d as t5d,
)
from ._corruptions import (
    corruption_errors as corruption_errors,
)
from ._corruptions import (
    mce as mce,
)
from ._corruptions import (
    relative_mce as relative_mce,
)
from ._errors import (
    error as error,
)
from ._inputs import (
    Undefined as Undefined,
)
from ._inputs import (
    softmax as softmax,
)
from ._intervals import (
    bootstrap as bootstrap,
)
from ._intervals import (
    error_interval as error_interval,
)
from ._intervals import (
    mean_of as mean_of,
)
from ._outlier_exposure import (
    detection as detection,
)
from ._outlier_exposure import (
    outlier_count as outlier_count,
)
from ._outlier_exposure import (
    outlier_indices as outlier_indices,
)
from ._rankings import (
    top_classes as top_classes,
)
from ._references import (
    SEVERITIES as SEVERITIES,
)
from ._references import (
    alexnet_clean_error as alexnet_clean_error,
)
from ._references import (
    alexnet_errors as alexnet_errors,
)
from ._references import (
    alexnet_flip_probabilities as alexnet_flip_probabilities,
)
from ._references import (
    alexnet_t5d as alexnet_t5d,
)
from ._references import (
    constants as constants,
)
from ._renditions import (
    imagenet_r_classes as imagenet_r_classes,
)
from ._renditions import (
    imagenet_r_logits as imagenet_r_logits,
)
from ._resampled import (
    average as average,
)
from ._resampled import (
    detection_intervals as detection_intervals,
)
from ._resampled import (
    rms_of as rms_of,
)
