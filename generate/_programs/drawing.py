"""Programs drawn at random: branches of moves and fields, and joins of what they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mixset._common.elementary import cosine, exp2, log2, sine

from .._drawing.rng import Draws
from .fields import FIELDS
from .interpreter import FIRST_FIELD, FIRST_JOIN, NAMES, NUMBERS, Program
from .joins import JOINS
from .moves import MOVES

_MOVES = {
    "affine": 0.3,
    "polar": 0.5,
    "spiral": 1.2,
    "kaleidoscope": 0.9,
    "repeat": 0.4,
    "mirror": 0.7,
    "swirl": 0.9,
    "waves": 1.3,
    "warp": 1.3,
    "inversion": 0.8,
    "power": 0.6,
    "fold": 0.9,
    "hyperbolic": 0.6,
}
_FIELDS = {
    "sine": 1.0,
    "stripes": 0.7,
    "checks": 0.6,
    "rings": 0.7,
    "crossed": 0.7,
    "star": 0.5,
    "polygons": 0.6,
    "noise": 1.2,
    "ridges": 0.9,
    "mosaic": 0.7,
    "cells": 0.6,
    "edges": 0.8,
    "folded": 0.8,
    "julia": 0.8,
}
LEAST_FIELDS = 4


def draw_program(draws: Draws) -> Program:
    """A program with 4 outputs, yet to be calibrated: hue, light, another hue, and a mask between the two."""
    builder = _Builder(draws)
    for _ in range(draws.whole(1, 3)):
        builder.branch()
    while len(builder.fields) < LEAST_FIELDS:
        builder.field(draws.choice(builder.spaces))
    for _ in range(draws.whole(2, 6)):
        builder.join()
    return builder.program()


class _Builder:
    """A program in the making: its operations, the registers that hold spaces, and those that hold fields."""

    def __init__(self, draws: Draws) -> None:
        self.draws = draws
        self.operations: list[tuple[int, list[int], list[float]]] = []
        self.spaces, self.fields = [0], list[int]()
        self.used: set[int] = set()

    def branch(self) -> None:
        """1 to 4 moves, 1 to 3 fields, and in half of the branches fields of a space that a field has bent."""
        space = self.draws.choice(self.spaces)
        for _ in range(self.draws.whole(1, 4)):
            space = self.move(self.draws.weighted(_MOVES), space)
        for _ in range(self.draws.whole(1, 3)):
            self.field(space)
        if self.draws.chance(0.55):
            space = self.move("feedback", space, self.fields[-1])
            for _ in range(self.draws.whole(1, 2)):
                self.field(space)

    def move(self, name: str, space: int, field: int = 0) -> int:
        self.spaces.append(self._add(MOVES.index(name), [space, field, 0], _moves_numbers(name, self.draws)))
        if name == "feedback":
            self.used.add(field)
        return self.spaces[-1]

    def field(self, space: int) -> None:
        name = self.draws.weighted(_FIELDS)
        numbers = _field_numbers(name, self.draws)
        self.fields.append(self._add(FIRST_FIELD + FIELDS.index(name), [space, 0, 0], numbers))

    def join(self) -> None:
        reads = [self._unused(), self.draws.choice(self.fields), self.draws.choice(self.fields)]
        self.used.update(reads)
        code = FIRST_JOIN + self.draws.whole(0, len(JOINS) - 1)
        d = self.draws
        numbers = [d.sign() * d.uniform(0.4, 1.2), d.sign() * d.uniform(0.4, 1.2), d.uniform(0.25, 0.75)]
        self.fields.append(self._add(code, reads, [*numbers, _log(d, 1.5, 12.0), float(d.whole(2, 5))]))

    def program(self) -> Program:
        """The operations that the outputs depend on: light from one of the last, the others where still unused."""
        light = self.draws.choice(self.fields[-2:])
        self.used.add(light)
        outputs = [light]
        for _ in range(3):
            outputs.append(self._unused(outputs))
            self.used.add(outputs[-1])
        hue, mask, other = outputs[1:]
        return _without_dead(self.operations, [hue, light, other, mask])

    def _unused(self, but: Sequence[int] = ()) -> int:
        """A field that nothing has read, one of the last with preference; any other where there is none."""
        left = [field for field in self.fields if field not in self.used]
        return self.draws.choice(left or [field for field in self.fields if field not in but])

    def _add(self, code: int, reads: list[int], numbers: list[float]) -> int:
        # Register 0 of the spaces is the frame.
        target = len(self.operations) + 1
        self.operations.append((code, [target, *reads], numbers))
        return target


def _without_dead(operations: Sequence[tuple[int, list[int], list[float]]], outputs: list[int]) -> Program:
    needed, kept = set(outputs), []
    for code, registers, numbers in reversed(operations):
        if registers[0] in needed:
            kept.append((code, registers, numbers))
            arity = 2 if NAMES[code] == "feedback" else 1 if code < FIRST_JOIN else 3
            needed.update(registers[1 : 1 + arity])
    kept.reverse()
    # Registers are numbered anew, so that there are no more of them than operations.
    places = {registers[0]: place for place, (_, registers, _) in enumerate(kept, 1)}
    rows = [[places.get(register, 0) for register in registers] for _, registers, _ in kept]
    filled = [[*numbers, *[0.0] * (NUMBERS - len(numbers))] for _, _, numbers in kept]
    return Program(
        np.array([code for code, _, _ in kept], np.int64),
        np.array(rows, np.int64),
        np.array(filled, np.float32),
        np.array([places[register] for register in outputs], np.int64),
    )


def names(program: Program) -> list[str]:
    """The names of a program's operations, in order."""
    return [NAMES[code] for code in program.codes.tolist()]


def _log(draws: Draws, low: float, high: float) -> float:
    """A number from low to high whose logarithm is uniform."""
    return low * exp2(draws.uniform() * log2(high / low))


def _moves_numbers(name: str, d: Draws) -> list[float]:
    """The numbers of a move, in the order in which `moves` reads them; see there."""
    numbers = _PLANES.get(name) or _BENDS[name]
    return numbers(d)


def _affine(d: Draws) -> list[float]:
    scale, turn = _log(d, 0.6, 2.0), d.uniform()
    return [scale * cosine(turn), scale * sine(turn), d.uniform(-0.5, 0.5), d.uniform(-0.5, 0.5), scale]


def _bend(amount: float, steepness: float) -> float:
    """What a bend multiplies scales by, as a factor for all places."""
    return 1.0 + amount * steepness


def _waves(d: Draws) -> list[float]:
    a, b, c, e = d.uniform(0.05, 0.4), _log(d, 0.4, 1.6), d.uniform(0.05, 0.4), _log(d, 0.4, 1.6)
    return [a, b, d.uniform(), c, e, d.uniform(), 0.0, _bend(max(a * b, c * e), 3.0)]


def _warp(d: Draws) -> list[float]:
    reach, cells = d.uniform(0.2, 1.2), _log(d, 0.5, 1.8)
    return [reach, cells, d.uniform(0, 256), d.uniform(0, 256), 97.0, 31.0, 0.0, _bend(reach * cells, 1.0)]


def _hyperbolic(d: Draws) -> list[float]:
    """A tiling {n, m} of the disc: the circle that cuts the angle π/n off at the angle π/m."""
    n, m = d.choice(((3, 7), (3, 8), (4, 5), (4, 6), (5, 4), (5, 5), (6, 4)))
    cos, sin = cosine(0.5 / m) ** 2, sine(0.5 / n) ** 2
    square = cos / (cos - sin)
    return [cosine(0.5 / n), sine(0.5 / n), square**0.5, square - 1.0, d.uniform(1.0, 2.0)]


def _feedback(d: Draws) -> list[float]:
    reach, turn = d.uniform(0.15, 0.6), d.uniform()
    return [reach * cosine(turn), reach * sine(turn), 0, 0, 0, 0, 0, _bend(reach, 3.0)]


def _fold(d: Draws) -> list[float]:
    turn = d.uniform()
    return [d.uniform(0.2, 0.6), d.uniform(0.2, 0.6), cosine(turn), sine(turn), float(d.whole(3, 6))]


_PLANES: dict[str, Callable[[Draws], list[float]]] = {
    "affine": _affine,
    "polar": lambda d: [float(d.whole(1, 6)), _log(d, 0.8, 2.0), d.uniform(0.5, 2.0), d.uniform()],
    "spiral": lambda d: [
        float(d.whole(1, 8)),
        d.uniform(-1.5, 1.5),
        d.uniform(0.4, 1.0),
        d.uniform(0.5, 1.5),
        d.uniform(),
    ],
    "kaleidoscope": lambda d: [float(d.whole(3, 10)), d.uniform(), d.uniform(-0.8, 0.2), d.uniform(-0.3, 0.3)],
    "repeat": lambda d: [_log(d, 0.6, 1.5), d.choice((0.0, 0.5)), d.uniform(), d.uniform()],
    "mirror": lambda d: [_log(d, 1.2, 3.5), 0.0, d.uniform(), d.uniform()],
}
_BENDS: dict[str, Callable[[Draws], list[float]]] = {
    "swirl": lambda d: [
        d.sign() * d.uniform(0.3, 1.2),
        _log(d, 0.8, 4.0),
        d.uniform(-0.5, 0.5),
        d.uniform(-0.5, 0.5),
    ],
    "waves": _waves,
    "warp": _warp,
    "inversion": lambda d: [_log(d, 0.3, 1.0), 0.0, d.uniform(-0.9, 0.9), d.uniform(-0.9, 0.9)],
    "power": lambda d: [float(d.whole(0, 4))],
    "fold": _fold,
    "hyperbolic": _hyperbolic,
    "feedback": _feedback,
}


def _field_numbers(name: str, d: Draws) -> list[float]:
    """The numbers of a field, in the order in which `fields` reads them; see there."""
    frequency, turn = _log(d, 0.6, 2.6), d.uniform()
    if name in ("star", "polygons"):
        count = d.whole(1, 8) if name == "star" else d.whole(3, 8)
        return [frequency, float(count), 0.0, d.uniform(), _log(d, 0.8, 4.0)]
    if name in ("noise", "ridges"):
        return [0.7 * frequency, d.uniform(0, 256), d.uniform(0, 256)]
    if name in ("mosaic", "cells", "edges"):
        return [1.3 * frequency, d.uniform(0, 64), d.uniform(0, 64), float(d.whole(0, 2**20))]
    if name == "folded":
        return [_log(d, 0.5, 1.2), float(d.whole(7, 12)), d.uniform(0.4, 0.9), d.uniform(0.3, 0.9)]
    if name == "julia":
        # c on a cardioid somewhat larger than the Mandelbrot set's, where Julia sets are rich.
        cu, cv = 0.55 * cosine(turn) - 0.275 * cosine(2 * turn), 0.55 * sine(turn) - 0.275 * sine(2 * turn)
        point = d.uniform()
        return [_log(d, 0.7, 1.3), float(d.whole(8, 16)), cu, cv, 0.5 * cosine(point), 0.5 * sine(point)]
    hard = {"sine": 1.0, "crossed": 1.0}.get(name) or _log(d, 0.8, 6.0)
    return [frequency, cosine(turn), sine(turn), d.uniform(), hard]
