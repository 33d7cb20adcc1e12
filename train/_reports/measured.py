"""The measures by name: what each is called in every table and page, and where its value lies in `metrics.json`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A measure of a run."""

    name: str
    path: tuple[str, ...]
    """Where its value lies in `metrics.json`."""
    meaning: str = ""
    higher_is_better: bool = False
    percent: bool = True
    """Whether a fraction is shown in per cent."""
    places: int | None = None
    """Decimals; by default one of what is shown in per cent, else two."""

    @property
    def decimals(self) -> int:
        """How many decimals are shown."""
        return self.places if self.places is not None else 1 if self.percent else 2

    @property
    def heading(self) -> str:
        """The name with an arrow in the direction that is better."""
        return f"{self.name} {'↑' if self.higher_is_better else '↓'}"

    @property
    def joined(self) -> str:
        """The heading, whose arrow never stands on a line of its own."""
        return "\u00a0".join(self.heading.rsplit(" ", 1))


_ALEXNET = "relative to AlexNet's, as in ImageNet's tables"
_SCALED = "after temperature scaling on held-out images"
_CODE = "as the paper's code computes it"
_OPENOOD = "of MSP by OpenOOD's protocol, mean over its sets of outliers"
SHOWN = (
    Measure("Clean error", ("clean", "error"), "share of test images that are misclassified"),
    Measure("C mCE", ("c", "mce"), "mean error over the corruptions of C"),
    Measure("C mCE/AlexNet", ("c", "mce_alexnet"), f"C mCE {_ALEXNET}"),
    Measure("RobustBench mCE", ("c", "mce_robustbench"), "the same on RobustBench's images, as in its tables"),
    Measure("C̄ mCE", ("cbar", "mce"), "mean error over the corruptions of C̄"),
    Measure("R error", ("r", "error"), "share of ImageNet-R's renditions that are misclassified"),
    Measure("A error", ("a", "error"), "share of ImageNet-A's images that are misclassified"),
    Measure("V2 error", ("v2", "matched_frequency", "error"), "the same of ImageNet-V2, matched frequency"),
    Measure("V2 error (0.7)", ("v2", "threshold_0.7", "error"), "the same of V2's threshold 0.7"),
    Measure("V2 error (top)", ("v2", "top_images", "error"), "the same of V2's top images"),
    Measure("Sketch error", ("sketch", "error"), "the same of ImageNet-Sketch"),
    Measure("3DCC mCE", ("dcc3", "mce"), "mean error over the corruptions of ImageNet-3DCC"),
    Measure("3DCC mCE/AlexNet", ("dcc3", "mce_alexnet"), f"3DCC mCE {_ALEXNET}"),
    Measure("W error", ("w", "error"), "the same under ImageNet-W's watermark"),
    Measure("W gap", ("w", "gap"), "accuracy with the watermark minus that without, in points", True),
    Measure("Carton gap", ("w", "carton_gap"), "what the watermark adds to the recall of cartons, in points"),
    Measure("CIFAR-10.1 error", ("cifar10_1", "error"), "share of CIFAR-10.1's images that are misclassified"),
    Measure("CIFAR-10.2 error", ("cifar10_2", "error"), "the same of CIFAR-10.2's test images"),
    Measure("CINIC-10 error", ("cinic10", "error"), "the same of CINIC-10's test images"),
    Measure("CINIC-10 shift", ("cinic10", "imagenet", "error"), "CINIC-10 error without CIFAR-10's own images"),
    Measure("mFR", ("p", "mfr"), "mean share of the frames of P's sequences at which the answer flips"),
    Measure("mFR/AlexNet", ("p", "mfr_alexnet"), f"mFR {_ALEXNET}"),
    Measure("mT5D", ("p", "mt5d"), "mean distance of the top five classes from frame to frame", percent=False),
    Measure("mT5D/AlexNet", ("p", "mt5d_alexnet"), f"mT5D {_ALEXNET}; good to about 1 %"),
    Measure("PGD error", ("adversaries", "pgd_error_corrected"), "error under attack, by default in ℓ∞ within 2/255"),
    Measure("PGD error (ref.)", ("adversaries", "pgd_error_reference"), f"PGD error {_CODE}: within up to 4/255"),
    Measure("AutoAttack error", ("autoattack", "error_linf_2/255"), "error under AutoAttack, in ℓ∞ within 2/255"),
    Measure("RMS", ("calibration", "rms_all_bins"), "root mean square calibration error over all bins"),
    Measure("RMS (ref.)", ("calibration", "rms_reference"), f"RMS {_CODE}: without the last bin"),
    Measure("C RMS", ("c", "rms_all_bins_by_corruption"), "mean RMS over C's corruptions, severities together"),
    Measure("C̄ RMS", ("cbar", "rms_all_bins_by_corruption"), "the same over C̄'s corruptions"),
    Measure("R RMS", ("r", "rms_all_bins"), "RMS on ImageNet-R"),
    Measure("A RMS", ("a", "rms_all_bins"), "RMS on ImageNet-A"),
    Measure("ECE", ("calibration", "ece"), "expected calibration error over 15 bins of equal width"),
    Measure("ECE (T)", ("calibration", "ece_ts"), f"ECE {_SCALED}"),
    Measure("NLL", ("calibration", "nll"), "negative log-likelihood of the label, nats", percent=False),
    Measure("NLL (T)", ("calibration", "nll_ts"), f"NLL {_SCALED}", percent=False),
    Measure("Brier", ("calibration", "brier"), "squared error of the probabilities, 200 at most"),
    Measure("Brier (T)", ("calibration", "brier_ts"), f"Brier {_SCALED}"),
    Measure("AURC", ("calibration", "aurc"), "mean risk over all coverages", places=2),
    Measure("AUGRC", ("calibration", "augrc"), "mean share of errors that pass, over all coverages", places=2),
    Measure(
        "Coverage at 5 %",
        ("calibration", "coverage_at_5_risk"),
        "largest coverage with 5 % of errors",
        True,
    ),
    Measure("O AUROC", ("o", "auroc"), "detection of ImageNet-O among test images of its 200 classes", True),
    Measure("O AUPR", ("o", "aupr"), "the same as average precision; chance gives 16.7", True),
    Measure("AUROC", ("anomalies", "mean", "auroc"), "anomaly detection, mean over the outlier sets", True),
    Measure("AUPR", ("anomalies", "mean", "aupr"), "the same as the area under precision and recall", True),
    Measure("OpenOOD near", ("openood", "scores", "msp", "near", "auroc"), f"AUROC {_OPENOOD} like the classes", True),
    Measure("OpenOOD far", ("openood", "scores", "msp", "far", "auroc"), f"AUROC {_OPENOOD} unlike them", True),
)
"""The measures of a run's table, in its order."""
_BY_CODE = (
    Measure("C RMS (ref.)", ("c", "rms_reference_by_corruption"), f"C RMS {_CODE}"),
    Measure("C̄ RMS (ref.)", ("cbar", "rms_reference_by_corruption"), f"C̄ RMS {_CODE}"),
    Measure("C RMS (ref., by severity)", ("c", "rms_reference_by_severity"), f"C RMS {_CODE} for ImageNet"),
    Measure("C̄ RMS (ref., by severity)", ("cbar", "rms_reference_by_severity"), f"C̄ RMS {_CODE} for ImageNet"),
    Measure("R RMS (ref.)", ("r", "rms_reference"), f"R RMS {_CODE}"),
)
"""Measures that only the paper's tables show."""
MEASURES = {measure.path: measure for measure in (*SHOWN, *_BY_CODE)}
"""Every named measure by its path."""


def words(name: str) -> str:
    """A corruption's or perturbation's name as it is read: "gaussian noise" for `gaussian_noise`."""
    return name.replace("_", " ")
