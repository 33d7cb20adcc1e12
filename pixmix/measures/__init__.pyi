from ._anomalies import (
    DETECTION as DETECTION,
    aupr as aupr,
    auroc as auroc,
    energy as energy,
    fpr95 as fpr95,
    fpr95_reference as fpr95_reference,
    max_logit as max_logit,
    msp as msp,
)
from ._bins import (
    Answers as Answers,
    Bins as Bins,
    answers as answers,
    confidence_bins as confidence_bins,
    equal_mass_bins as equal_mass_bins,
    equal_width_bins as equal_width_bins,
)
from ._calibration import (
    CALIBRATION as CALIBRATION,
    ece as ece,
    mad_of_bins as mad_of_bins,
    max_of_bins as max_of_bins,
    pooled_calibration as pooled_calibration,
    reliability as reliability,
    rms_calibration_error as rms_calibration_error,
    rms_of_bins as rms_of_bins,
)
from ._calibration_forms import (
    adaptive_ece as adaptive_ece,
    classwise_ece as classwise_ece,
    smooth_ece as smooth_ece,
)
from ._catalogue import (
    MEASURES as MEASURES,
    MeasureRow as MeasureRow,
)
from ._consistency import (
    flip_probability as flip_probability,
    flip_rates as flip_rates,
    is_noise as is_noise,
    mfr as mfr,
    mt5d as mt5d,
    sequence_flips as sequence_flips,
    sequence_t5d as sequence_t5d,
    t5d as t5d,
)
from ._corruptions import (
    corruption_errors as corruption_errors,
    mce as mce,
    relative_mce as relative_mce,
)
from ._cuts import (
    cut as cut,
    imagenet_a_classes as imagenet_a_classes,
    imagenet_o_classes as imagenet_o_classes,
)
from ._detection_forms import (
    OPENOOD as OPENOOD,
    aupr_in as aupr_in,
    aupr_out as aupr_out,
    fpr95_known as fpr95_known,
    fpr95_openood as fpr95_openood,
)
from ._errors import (
    error as error,
)
from ._inputs import (
    Undefined as Undefined,
    softmax as softmax,
)
from ._intervals import (
    bootstrap as bootstrap,
    error_interval as error_interval,
    mean_of as mean_of,
)
from ._outlier_exposure import (
    detection as detection,
    outlier_count as outlier_count,
    outlier_indices as outlier_indices,
)
from ._proper import (
    brier as brier,
    nll as nll,
    proper_scores as proper_scores,
)
from ._rankings import (
    top_classes as top_classes,
)
from ._references import (
    SEVERITIES as SEVERITIES,
    alexnet_3dcc_errors as alexnet_3dcc_errors,
    alexnet_clean_error as alexnet_clean_error,
    alexnet_errors as alexnet_errors,
    alexnet_flip_probabilities as alexnet_flip_probabilities,
    alexnet_t5d as alexnet_t5d,
    constants as constants,
    robustbench_alexnet_errors as robustbench_alexnet_errors,
)
from ._renditions import (
    imagenet_r_classes as imagenet_r_classes,
    imagenet_r_logits as imagenet_r_logits,
)
from ._resampled import (
    average as average,
    detection_intervals as detection_intervals,
    rms_of as rms_of,
)
from ._selective import (
    RiskCoverage as RiskCoverage,
    augrc as augrc,
    aurc as aurc,
    aurc_trapezoid as aurc_trapezoid,
    coverage_at_risk as coverage_at_risk,
    e_aurc as e_aurc,
    risk_coverage as risk_coverage,
    selection_of as selection_of,
)
from ._temperature import (
    fit_temperature as fit_temperature,
)
