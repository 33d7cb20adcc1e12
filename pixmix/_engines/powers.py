"""x to the power of a, in float32, in a form that vectorises: 2^(a · log2 x) by two polynomials.

Strict IEEE arithmetic, so the same on every machine; the error is below 7e-6 of the value for |a| ≤ 2, nearly all of it
the rounding of a · log2 x.
"""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

# log2(1 + t) / t for 1 + t from √½ to √2 (error of the product 1.2e-7), lowest power first.
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7 = (
    np.float32(c)
    for c in (1.4426949, -0.72135276, 0.48092404, -0.36024198, 0.2870756, -0.24882181, 0.23420985, -0.14620353)
)
# 2^t for |t| ≤ ½ (error 7.7e-8).
_E0, _E1, _E2, _E3, _E4, _E5 = (
    np.float32(c) for c in (1.0000001, 0.6931472, 0.24022107, 0.05550327, 0.009676037, 0.0013400433)
)
_SMALLEST = np.float32(1.1754944e-38)  # of the normal numbers
_ROOT_HALF = np.int32(0x3F3504F3)  # √½ as bits
_MANTISSA = np.int32(23)  # bits
_BIAS = np.int32(127)


@kernel
def power(x: np.float32, a: np.float32, zero: np.float32) -> np.float32:
    """x^a, all float32; `zero` where x is 0 (or below the normal numbers)."""
    bits = np.float32(x).view(np.int32)
    exponent = np.int32(np.int32(bits - _ROOT_HALF) >> _MANTISSA)
    t = np.int32(bits - np.int32(exponent << _MANTISSA)).view(np.float32) - np.float32(1)  # x / 2^exponent − 1
    log = np.float32(exponent) + t * (
        _L0 + t * (_L1 + t * (_L2 + t * (_L3 + t * (_L4 + t * (_L5 + t * (_L6 + t * _L7))))))
    )
    y = min(max(a * log, np.float32(-126)), np.float32(127))
    rounded = y + np.float32(0.5)
    whole = np.int32(rounded)  # towards 0; then its floor, as CUDA's Numba has no np.floor
    whole = np.int32(whole - np.int32(np.float32(whole) > rounded))
    t = y - np.float32(whole)
    scale = np.int32(np.int32(whole + _BIAS) << _MANTISSA).view(np.float32)  # 2^whole
    result = (_E0 + t * (_E1 + t * (_E2 + t * (_E3 + t * (_E4 + t * _E5))))) * scale
    return result if x >= _SMALLEST else zero


@kernel
def power_of_zero(a: np.float32) -> np.float32:
    """0^a for a ≥ 0, float32: 1 where a is so small that float32 has it as 0."""
    return np.float32(1) if a == 0 else np.float32(0)
