"""What `pixmix train --help METHOD` shows."""

from __future__ import annotations

from pixmix.methods._table import METHODS

_SHARED = {
    **dict.fromkeys(("pixmix", "mix-input", "mix-aug"), ("mix",)),
    "iterative": ("iterative", "mix"),
    "pixprime": ("mix", "prime"),
    **dict.fromkeys(("adversarial-linf", "adversarial-l2"), ("adversarial",)),
    **dict.fromkeys(("apr-s", "apr-p"), ("apr",)),
    **dict.fromkeys(("hybridaugment-s", "hybridaugment-p", "hybridaugmentpp-s"), ("hybridaugment",)),
    "hybridaugmentpp-p": ("hybridaugment", "apr"),
    "moiremix": ("moiremix", "mix"),
}
"""Methods whose settings are not in a group of their own name alone."""

TOPICS = {name: _SHARED.get(name, (name,)) for name in METHODS}
"""The groups of settings that a method looks at."""
