"""Programs of moves, fields and joins, run over a row of the frame at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .fields import FIELDS, measure
from .joins import JOINS, join
from .moves import MOVES, move

FIRST_FIELD, FIRST_JOIN = len(MOVES), len(MOVES) + len(FIELDS)
NAMES = (*MOVES, *FIELDS, *JOINS)
"""Names of the operations, by their codes."""

NUMBERS = 8
"""Numbers of an operation; of fields and joins the last two stretch what they give to [0, 1]."""

_PROBES = 24
_FINEST = 1 / 64
"""The length that still shows, in units of the frame (half its side): images have no noise that smaller ones lack."""


class Program(NamedTuple):
    """A straight-line program: each operation writes a register that none before has written."""

    codes: np.ndarray
    """(n,) int64, indices in NAMES."""
    registers: np.ndarray
    """(n, 4) int64: the register that is written, a space's of moves, else a field's; what is read: a space and a field
    by moves, a space by fields, three fields by joins."""
    numbers: np.ndarray
    """(n, NUMBERS) float32."""
    outputs: np.ndarray
    """(k,) int64, the fields that are the program's result."""


@kernel(error_model="numpy")
def _step(program: Program, i: int, spaces: np.ndarray, fields: np.ndarray, noise: np.ndarray, finest: float) -> None:
    code, numbers = program.codes[i], program.numbers[i]
    target, first, second, third = (
        program.registers[i, 0],
        program.registers[i, 1],
        program.registers[i, 2],
        program.registers[i, 3],
    )
    if code < FIRST_FIELD:
        move(code, spaces[first], spaces[target], numbers, fields[second], noise)
    elif code < FIRST_JOIN:
        measure(code - FIRST_FIELD, spaces[first], fields[target], numbers, noise, np.float32(finest))
    else:
        join(code - FIRST_JOIN, fields[first], fields[second], fields[third], fields[target], numbers)


@kernel(error_model="numpy")
def _stretch(row: np.ndarray, low: np.float32, scale: np.float32) -> None:
    for x in range(len(row)):
        row[x] = min(max((row[x] - low) * scale, np.float32(0.0)), np.float32(1.0))


@kernel(error_model="numpy")
def calibrate(program: Program, noise: np.ndarray) -> None:
    """Fit a program's numbers to what it does, over 24 × 24 places of the frame.

    A field's frequency is divided by the median scale of its space, so that neither repeats nor inversions before it
    make it noise; and what fields and joins give is stretched from their 2 % and 98 % to [0, 1].
    """
    count = _PROBES * _PROBES
    registers = len(program.codes) + 1
    spaces, fields = np.empty((registers, 3, count), np.float32), np.zeros((registers, count), np.float32)
    for k in range(count):
        spaces[0, 0, k] = np.float32((2 * (k % _PROBES) + 1) / _PROBES - 1.0)
        spaces[0, 1, k] = np.float32((2 * (k // _PROBES) + 1) / _PROBES - 1.0)
        spaces[0, 2, k] = np.float32(1.0)
    for i in range(len(program.codes)):
        code, numbers = program.codes[i], program.numbers[i]
        if FIRST_FIELD <= code < FIRST_JOIN:
            scales = np.sort(spaces[program.registers[i, 1], 2])
            numbers[0] /= max(scales[count // 2], np.float32(1e-3))
        _step(program, i, spaces, fields, noise, _FINEST)
        if code >= FIRST_FIELD:
            row = fields[program.registers[i, 0]]
            ordered = np.sort(row)
            low, high = ordered[count // 50], ordered[count - 1 - count // 50]
            numbers[NUMBERS - 2] = low
            numbers[NUMBERS - 1] = np.float32(1.0) / max(high - low, np.float32(1e-4))
            _stretch(row, numbers[NUMBERS - 2], numbers[NUMBERS - 1])


@kernel(error_model="numpy")
def run(program: Program, noise: np.ndarray, out: np.ndarray) -> None:
    """The outputs of a calibrated program over the frame: out (k, S, S) float32 in [0, 1]."""
    side = out.shape[1]
    registers = len(program.codes) + 1
    spaces, fields = np.empty((registers, 3, side), np.float32), np.zeros((registers, side), np.float32)
    finest = max(2.0 / side, _FINEST)
    for x in range(side):
        spaces[0, 0, x] = np.float32((2 * x + 1) / side - 1.0)
        spaces[0, 2, x] = np.float32(1.0)
    for y in range(side):
        spaces[0, 1, :] = np.float32((2 * y + 1) / side - 1.0)
        for i in range(len(program.codes)):
            _step(program, i, spaces, fields, noise, finest)
            if program.codes[i] >= FIRST_FIELD:
                numbers = program.numbers[i]
                _stretch(fields[program.registers[i, 0]], numbers[NUMBERS - 2], numbers[NUMBERS - 1])
        for k in range(len(out)):
            out[k, y] = fields[program.outputs[k]]
