"""Settings of the methods: bad values are named, in one line with the flag; good ones, at the edges too, are taken."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, asdict, fields
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mixset._common.errors import InputError
from pixmix.methods import Method
from pixmix.methods._rival_settings import (
    APRSettings,
    HybridAugmentSettings,
    LayerMixSettings,
    LogitNormSettings,
    MoireMixSettings,
    RandAugmentSettings,
    RegMixupSettings,
    RotPredSettings,
    TrivialAugmentSettings,
)
from pixmix.methods._settings import (
    AdversarialSettings,
    ANTSettings,
    AugMixSettings,
    AutoAugmentSettings,
    CutMixSettings,
    CutoutSettings,
    IPMixSettings,
    JSDSettings,
    MethodSettings,
    MixupSettings,
    Noise2NetSettings,
    OESettings,
    PrimeSettings,
    SpeckleSettings,
)

NO_NUMBER = (math.nan, math.inf, -math.inf, "1", None, True, (1.0,))
NOT_POSITIVE = (0, -0.5, *NO_NUMBER)
NO_SHARE = (-0.01, 1.01, *NO_NUMBER)
NOT_WHOLE = (-1, 1.0, 2.5, "2", True, math.nan)
"""No whole numbers from 0 on."""

BAD = [
    (CutoutSettings, "cutout.length", "length", (0, 1, *NOT_WHOLE)),
    (MixupSettings, "mixup.alpha", "alpha", NOT_POSITIVE),
    (CutMixSettings, "cutmix.beta", "beta", NOT_POSITIVE),
    (CutMixSettings, "cutmix.probability", "probability", NO_SHARE),
    (AutoAugmentSettings, "autoaugment.policy", "policy", ("cifar100", "CIFAR10", "", None, 3)),
    (AugMixSettings, "augmix.severity", "severity", (0, 0.09, 10.1, *NO_NUMBER)),
    (AugMixSettings, "augmix.width", "width", (0, 101, None, *NOT_WHOLE)),
    (AugMixSettings, "augmix.depth", "depth", (0, 101, *NOT_WHOLE)),
    (AugMixSettings, "augmix.alpha", "alpha", (0, 0.09, 1001, *NO_NUMBER)),
    (AugMixSettings, "augmix.all_ops", "all_ops", (1, "yes", None)),
    (AugMixSettings, "augmix.jsd", "jsd", (-0.1, *NO_NUMBER)),
    (JSDSettings, "jsd.weight", "weight", [bad for bad in NOT_POSITIVE if bad is not None]),
    (IPMixSettings, "ipmix.severity", "severity", (0, 0.09, 10.1, *NO_NUMBER)),
    (IPMixSettings, "ipmix.beta", "beta", (0, 0.009, 1001, *NO_NUMBER)),
    (IPMixSettings, "ipmix.width", "width", (0, 17, None, *NOT_WHOLE)),
    (IPMixSettings, "ipmix.depth", "depth", (0, 17, None, *NOT_WHOLE)),
    (IPMixSettings, "ipmix.patches", "patches", ((), "4", 4, (4, 1), (8, 2.5))),
    (IPMixSettings, "ipmix.partner", "partner", ("input", "", None, 3)),
    (IPMixSettings, "ipmix.all_ops", "all_ops", (1, "yes", None)),
    (IPMixSettings, "ipmix.wrap", "wrap", (1, "yes", None)),
    (PrimeSettings, "prime.draws", "draws", ("step", 1, None)),
    (PrimeSettings, "prime.filter", "filter", ("middle", 1, None)),
    (PrimeSettings, "prime.sigma", "sigma", (-0.1, *NO_NUMBER)),
    (PrimeSettings, "prime.colour", "colour", (-0.1, math.nan, math.inf, "1", True)),
    (PrimeSettings, "prime.frequencies", "frequencies", (2, 10_001, *NOT_WHOLE)),
    (PrimeSettings, "prime.band", "band", (-1, *NOT_WHOLE)),
    (OESettings, "oe.weight", "weight", NOT_POSITIVE),
    (OESettings, "oe.outliers", "outliers", (0, None, *NOT_WHOLE)),
    (SpeckleSettings, "speckle.sigmas", "sigmas", ((), "0.1", 0.1, None, (0.1, 0.0), (0.1, math.nan), ("a",))),
    (SpeckleSettings, "speckle.share", "share", NO_SHARE),
    (ANTSettings, "ant.epsilon", "epsilon", [bad for bad in NOT_POSITIVE if bad is not None]),
    (ANTSettings, "ant.kernel", "kernel", (0, 2, 5, True, "3", None)),
    (ANTSettings, "ant.lr", "lr", NOT_POSITIVE),
    (ANTSettings, "ant.restart_lr", "restart_lr", NOT_POSITIVE),
    (ANTSettings, "ant.restart_steps", "restart_steps", (None, *NOT_WHOLE)),
    (ANTSettings, "ant.share", "share", NO_SHARE),
    (Noise2NetSettings, "noise2net.epsilon", "epsilon", ((-0.1, 1), (0.5, 0.4), (0.1,), (0, 1, 2), 0.5, ("a", "b"))),
    (Noise2NetSettings, "noise2net.epsilon", "epsilon", ((0, math.inf), (math.nan, 1), (None, 1), None, "ab")),
    (Noise2NetSettings, "noise2net.blocks", "blocks", (0, None, *NOT_WHOLE)),
    (Noise2NetSettings, "noise2net.hidden", "hidden", (0, None, *NOT_WHOLE)),
    (Noise2NetSettings, "noise2net.scale", "scale", (1, None, *NOT_WHOLE)),
    (Noise2NetSettings, "noise2net.share", "share", NO_SHARE),
    (AdversarialSettings, "adversarial.epsilon", "epsilon", [bad for bad in NOT_POSITIVE if bad is not None]),
    (AdversarialSettings, "adversarial.steps", "steps", (0, None, *NOT_WHOLE)),
    (AdversarialSettings, "adversarial.step_size", "step_size", [bad for bad in NOT_POSITIVE if bad is not None]),
    (APRSettings, "apr.severity", "severity", (0, 0.09, 10.1, *NO_NUMBER)),
    (APRSettings, "apr.wrap", "wrap", (1, "yes", None)),
    (APRSettings, "apr.probability", "probability", [bad for bad in NO_SHARE if bad is not None]),
    (APRSettings, "apr.normalised", "normalised", (0, "no")),
    (HybridAugmentSettings, "hybridaugment.severity", "severity", (0, 0.09, 10.1, *NO_NUMBER)),
    (HybridAugmentSettings, "hybridaugment.wrap", "wrap", (1, "yes", None)),
    (HybridAugmentSettings, "hybridaugment.probability", "probability", NO_SHARE),
    (HybridAugmentSettings, "hybridaugment.blur", "blur", (0, 2, 100, None, *NOT_WHOLE)),
    (RegMixupSettings, "regmixup.alpha", "alpha", [bad for bad in NOT_POSITIVE if bad is not None]),
    (LogitNormSettings, "logitnorm.temperature", "temperature", NOT_POSITIVE),
    (RotPredSettings, "rotpred.weight", "weight", (-0.1, *NO_NUMBER)),
    (TrivialAugmentSettings, "trivialaugment.space", "space", ("Wide", "", None, 3)),
    (RandAugmentSettings, "randaugment.ops", "ops", (0, 101, None, *NOT_WHOLE)),
    (RandAugmentSettings, "randaugment.magnitude", "magnitude", (31, None, *NOT_WHOLE)),
    (LayerMixSettings, "layermix.ops", "ops", ("Published", "", None, 3)),
    (LayerMixSettings, "layermix.beta", "beta", (0, 0.009, 1001, *NO_NUMBER)),
    (LayerMixSettings, "layermix.grey", "grey", (1, "yes", None)),
    (MoireMixSettings, "moiremix.frequencies", "frequencies", (2, 10_001, *NOT_WHOLE)),
]

CASES = [(made, flag, field, bad) for made, flag, field, values in BAD for bad in values]


@pytest.mark.parametrize(("made", "flag", "field", "bad"), CASES, ids=[f"{case[1]}={case[3]!r}" for case in CASES])
def test_a_bad_value_is_named_in_one_line(made: type[Any], flag: str, field: str, bad: Any) -> None:
    with pytest.raises(InputError) as caught:
        made(**{field: bad})
    message = str(caught.value)
    assert message.startswith(f"{flag}: ")
    assert "\n" not in message
    # Of a list, the number that is bad, or the list.
    assert any(repr(part) in message for part in (bad, *(bad if isinstance(bad, tuple) else ())))


def test_every_setting_has_bad_values_here() -> None:
    parts = {field.name: type(getattr(MethodSettings(), field.name)) for field in fields(MethodSettings)}
    flags = {f"{name}.{field.name}" for name, part in parts.items() if name != "mix" for field in fields(part)}
    assert flags == {flag for _, flag, _, _ in BAD}


@pytest.mark.parametrize(
    "good",
    [
        CutoutSettings(length=2),
        CutMixSettings(probability=0),
        CutMixSettings(probability=1),
        *(AutoAugmentSettings(policy=name) for name in ("cifar10", "imagenet", "svhn")),
        AugMixSettings(severity=0.1, width=1, depth=1, alpha=0.1, jsd=0),
        AugMixSettings(severity=10, width=100, depth=100, alpha=1000, all_ops=True),
        IPMixSettings(severity=0.1, beta=0.01, width=1, depth=1, patches=(2,)),
        IPMixSettings(severity=10, beta=1000, width=16, depth=16, partner="both", all_ops=True, wrap=True),
        PrimeSettings(draws="batch", filter="published", sigma=0, colour=0, frequencies=3, band=0),
        PrimeSettings(frequencies=10_000, band=10_000),
        OESettings(weight=1e-3, outliers=1),
        SpeckleSettings(share=0),
        ANTSettings(kernel=3, restart_steps=0, share=1),
        Noise2NetSettings(epsilon=(0, 0), blocks=1, hidden=1, scale=2),
        AdversarialSettings(epsilon=1, steps=1, step_size=0.1),
        APRSettings(severity=10, wrap=True, probability=0, normalised=False),
        HybridAugmentSettings(severity=0.1, wrap=True, probability=1, blur=99),
        RotPredSettings(weight=0),
        TrivialAugmentSettings(space="standard"),
        RandAugmentSettings(ops=1, magnitude=0),
        RandAugmentSettings(ops=100, magnitude=30),
        LayerMixSettings(ops="published", beta=0.01, grey=True),
        LayerMixSettings(beta=1000),
        MoireMixSettings(frequencies=3),
        MoireMixSettings(frequencies=10_000),
    ],
    ids=str,
)
def test_the_edges_are_taken(good: Any) -> None:
    assert type(good)(**asdict(good)) == good


def test_settings_come_back_from_json() -> None:
    settings: tuple[Any, ...] = (
        SpeckleSettings(sigmas=(0.1, 0.2)),
        Noise2NetSettings(epsilon=(0.1, 0.2)),
        AugMixSettings(depth=2),
        IPMixSettings(patches=(4, 8)),
    )
    for made in settings:
        again = type(made)(**json.loads(json.dumps(asdict(made))))
        assert again == made
        assert hash(again) == hash(made)  # tuples, not lists


def test_defaults_are_the_originating_codes() -> None:
    settings = MethodSettings()
    assert settings.augmix == AugMixSettings(severity=3, width=3, depth=None, alpha=1, all_ops=False, jsd=12)
    assert settings.jsd == JSDSettings(weight=None) and Method.jsd_weight == 12
    assert settings.ipmix == IPMixSettings(severity=3, beta=3, width=3, depth=3, partner="mixing_set", wrap=False)
    chosen = PrimeSettings(draws="image", filter="centred", sigma=4, colour=None, frequencies=None, band=None)
    assert settings.prime == chosen
    assert settings.oe == OESettings(weight=0.5, outliers=2)
    assert settings.autoaugment == AutoAugmentSettings(policy="cifar10")
    assert settings.cutmix == CutMixSettings(beta=1, probability=0.5)
    assert settings.mixup == MixupSettings(alpha=1)
    assert settings.speckle == SpeckleSettings(sigmas=(0.15, 0.2, 0.35, 0.45, 0.6), share=0.5)
    assert (settings.ant.kernel, settings.ant.lr, settings.ant.restart_lr) == (1, 1e-4, 5e-4)
    assert (settings.ant.restart_steps, settings.ant.share) == (1000, 0.5)
    assert settings.noise2net == Noise2NetSettings(epsilon=(0.375, 0.75), blocks=4, hidden=16, scale=4, share=0.5)
    assert settings.adversarial.steps == 3


@given(st.floats(0.1, 10), st.integers(1, 100), st.floats(0.1, 1000), st.floats(0, 1e6))
def test_any_value_within_the_ranges_is_taken(severity: float, width: int, alpha: float, jsd: float) -> None:
    made = AugMixSettings(severity=severity, width=width, alpha=alpha, jsd=jsd)
    assert (made.severity, made.width, made.alpha, made.jsd) == (severity, width, alpha, jsd)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        MethodSettings().augmix.jsd = 3
