"""Every measure that `pixmix evaluate` writes, with one line, its unit, direction and source."""

from __future__ import annotations

from typing import Literal, NamedTuple


class MeasureRow(NamedTuple):
    """What is known of a measure."""

    name: str
    """Suite and name as in `metrics.json`; `SET` stands for a set, `CORRUPTION` for a corruption, `RADIUS`
    for one as it is written."""
    summary: str
    """What it is, in a few words."""
    unit: str
    """A fraction, nats, or what else it counts."""
    better: Literal["lower", "higher", ""]
    """Which direction is good; neither for settings."""
    source: str
    """Who proposed it."""


_F = "fraction"
_HENDRYCKS, _ADVERSARIAL = "Hendrycks et al. 2019", "Hendrycks et al. 2021"
_ZHANG, _CROCE, _ROBUSTBENCH = "Zhang et al. 2023", "Croce & Hein 2020", "Croce et al. 2021"
_MADRY, _GEIFMAN, _GIMPEL = "Madry et al. 2018", "Geifman & El-Yaniv 2017", "Hendrycks & Gimpel 2017"
_LI = "Li et al. 2023"

MEASURES = (
    MeasureRow("clean.error", "wrong answers on the test images", _F, "lower", ""),
    MeasureRow("c.mce", "mean error over corruptions and severities", _F, "lower", _HENDRYCKS),
    MeasureRow("c.mce_alexnet", "the same relative to AlexNet's, by corruption", "ratio", "lower", _HENDRYCKS),
    MeasureRow(
        "c.mce_robustbench", "the same by RobustBench's AlexNet, on its images", "ratio", "lower", "Croce et al. 2021"
    ),
    MeasureRow("cbar.mce", "mean error over the corruptions of C-bar", _F, "lower", "Mintun et al. 2021"),
    MeasureRow("c.CORRUPTION", "error under one corruption", _F, "lower", _HENDRYCKS),
    MeasureRow("r.error", "wrong answers on ImageNet-R", _F, "lower", "Hendrycks et al. 2021"),
    MeasureRow("a.error", "wrong answers on ImageNet-A, of its 200 classes", _F, "lower", _ADVERSARIAL),
    MeasureRow("a.aurra", "mean accuracy over all coverages, 1 - AURC", _F, "higher", _ADVERSARIAL),
    MeasureRow("o.aupr", "average precision of ImageNet-O among 10,000 test images", _F, "higher", _ADVERSARIAL),
    MeasureRow("o.auroc", "share of pairs in the right order", _F, "higher", _ADVERSARIAL),
    MeasureRow("o.fpr95", "test images flagged with 95 % of ImageNet-O", _F, "lower", _ADVERSARIAL),
    MeasureRow("v2.VARIANT.error", "wrong answers on a variant of ImageNet-V2", _F, "lower", "Recht et al. 2019"),
    MeasureRow("sketch.error", "wrong answers on ImageNet-Sketch", _F, "lower", "Wang et al. 2019"),
    MeasureRow("sketch.error_top5", "label not among the five first answers", _F, "lower", "Wang et al. 2019"),
    MeasureRow("dcc3.mce", "mean error over the corruptions of ImageNet-3DCC", _F, "lower", "Kar et al. 2022"),
    MeasureRow("dcc3.mce_alexnet", "the same relative to AlexNet's", "ratio", "lower", "Croce et al. 2021"),
    MeasureRow("w.error", "wrong answers under ImageNet-W's watermark", _F, "lower", _LI),
    MeasureRow("w.gap", "accuracy with the watermark minus that without", _F, "higher", _LI),
    MeasureRow("w.carton_gap", "recall of cartons with it minus that without", _F, "lower", _LI),
    MeasureRow("cifar10_1.error", "wrong answers on CIFAR-10.1", _F, "lower", "Recht et al. 2018"),
    MeasureRow("cifar10_2.error", "wrong answers on CIFAR-10.2's test images", _F, "lower", "Lu et al. 2020"),
    MeasureRow("cinic10.error", "wrong answers on CINIC-10's test images", _F, "lower", "Darlow et al. 2018"),
    MeasureRow("cinic10.imagenet.error", "the same on those that are ImageNet's", _F, "lower", "Darlow et al. 2018"),
    MeasureRow("p.mfr", "mean share of answers that flip along sequences", _F, "lower", _HENDRYCKS),
    MeasureRow("p.mfr_alexnet", "the same relative to AlexNet's, by perturbation", "ratio", "lower", _HENDRYCKS),
    MeasureRow("p.mt5d", "mean change of the five first ranks along sequences", "0 to 15", "lower", _HENDRYCKS),
    MeasureRow("adversaries.pgd_error_corrected", "error under PGD around the image", _F, "lower", _MADRY),
    MeasureRow("adversaries.pgd_error_reference", "error under PGD as in PixMix's code", _F, "lower", _MADRY),
    MeasureRow("autoattack.clean_error", "wrong answers on the images that are attacked", _F, "lower", ""),
    MeasureRow("autoattack.error_linf_RADIUS", "error under AutoAttack in l-inf", _F, "lower", _CROCE),
    MeasureRow("autoattack.error_l2_RADIUS", "error under AutoAttack in l2", _F, "lower", _CROCE),
    MeasureRow("calibration.rms_all_bins", "root mean square gap over bins of 100", _F, "lower", _HENDRYCKS),
    MeasureRow("calibration.rms_reference", "the same without the most confident bin", _F, "lower", _HENDRYCKS),
    MeasureRow("calibration.mad_all_bins", "mean absolute gap over bins of 100", _F, "lower", _HENDRYCKS),
    MeasureRow("calibration.mad_reference", "the same without the most confident bin", _F, "lower", _HENDRYCKS),
    MeasureRow("calibration.max_all_bins", "largest gap over bins of 100", _F, "lower", _HENDRYCKS),
    MeasureRow("calibration.max_reference", "the same without the most confident bin", _F, "lower", _HENDRYCKS),
    MeasureRow("calibration.ece", "mean gap over 15 bins of equal width", _F, "lower", "Guo et al. 2017"),
    MeasureRow(
        "calibration.adaptive_ece", "mean gap over 15 bins of equal mass", _F, "lower", "Nguyen & O'Connor 2015"
    ),
    MeasureRow("calibration.classwise_ece", "mean over classes of each one's ECE", _F, "lower", "Kull et al. 2019"),
    MeasureRow("calibration.smooth_ece", "gap smoothed over confidence", _F, "lower", "Błasiok & Nakkiran 2024"),
    MeasureRow("calibration.nll", "negative log-likelihood of the label", "nats", "lower", "Good 1952"),
    MeasureRow("calibration.brier", "squared error of the probabilities", "0 to 2", "lower", "Brier 1950"),
    MeasureRow("calibration.temperature", "divisor of logits, fitted on held-out images", "", "", "Guo et al. 2017"),
    MeasureRow("calibration.aurc", "mean risk over all coverages", _F, "lower", _GEIFMAN),
    MeasureRow("calibration.e_aurc", "the same less that of the best order", _F, "lower", "Geifman et al. 2019"),
    MeasureRow("calibration.augrc", "mean share of errors that pass, over coverages", _F, "lower", "Traub et al. 2024"),
    MeasureRow("calibration.coverage_at_5_risk", "coverage with 5 % of errors", _F, "higher", _GEIFMAN),
    MeasureRow("anomalies.SET.auroc", "share of pairs in the right order", _F, "higher", _GIMPEL),
    MeasureRow("anomalies.SET.aupr", "average precision, outliers positive", _F, "higher", _GIMPEL),
    MeasureRow("anomalies.SET.fpr95", "test images flagged with 95 % of outliers", _F, "lower", _GIMPEL),
    MeasureRow("anomalies.SET.fpr95_reference", "the same as in PixMix's code", _F, "lower", _HENDRYCKS),
    MeasureRow("openood.error", "wrong answers on OpenOOD's test images", _F, "lower", _ZHANG),
    MeasureRow("openood.scores.SCORE.SET.auroc", "share of pairs in the right order", _F, "higher", _ZHANG),
    MeasureRow("openood.scores.SCORE.SET.fpr95_openood", "test images flagged, thinned curve", _F, "lower", _ZHANG),
    MeasureRow("openood.scores.SCORE.SET.aupr_in", "trapezoid area, test images positive", _F, "higher", _ZHANG),
    MeasureRow("openood.scores.SCORE.SET.aupr_out", "trapezoid area, outliers positive", _F, "higher", _ZHANG),
)
"""Every measure. Of calibration errors, NLL and Brier there are `..._ts` after temperature scaling, too. The suites r,
a, v2, sketch, w, cifar10_1, cifar10_2 and cinic10 have those of `calibration` besides the error; c, cbar and dcc3 have
them as `..._by_corruption`."""
