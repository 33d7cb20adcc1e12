"""The sets that suites ask for, by name; free of torch, since flags are named after them."""

from __future__ import annotations

MADE = ("c", "cbar", "p")
"""Those that `pixmix corrupt` makes."""
COLLECTED = ("a", "o", "v2", "sketch")
"""Images of ImageNet's classes that were collected anew; they are brought to the network's size."""
CIFAR10_SETS = ("cifar10_1", "cifar10_2", "cinic10")
"""Images of CIFAR-10's classes that were collected anew."""
KNOWN = (*MADE, "r", "ood", "openood", *COLLECTED, "dcc3", *CIFAR10_SETS)
"""All; "ood" is the suite anomalies'."""
TEMPERED = ("calibration", "c", "cbar", "r", *(name for name in COLLECTED if name != "o"), "dcc3", "w", *CIFAR10_SETS)
"""The suites of labelled images whose calibration is also measured after temperature scaling."""
