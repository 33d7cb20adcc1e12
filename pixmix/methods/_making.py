"""From a method's name to the method: its row, the parts of `A+B`, and the method made."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mixset._common import named
from mixset._common.errors import InputError, perhaps

from ._settings import MethodSettings
from ._table import METHODS, MethodRow

if TYPE_CHECKING:
    import numpy as np

    from mixset import MixingPool

    from ._base import Method, Setting


def find_row(name: str) -> MethodRow:
    """The row of one method: of `METHODS`, or of the code that `module:function` or `FILE.py:function` leads to.

    Raises:
        InputError: an unknown name (lists the known ones), or no such code.
    """
    if name in METHODS:
        return METHODS[name]
    if not named.names_code(name):
        forms = f"{named.FORMS}, or several as A+B"
        raise InputError(
            f"method {name}: unknown{perhaps(name, METHODS)}; the methods are {', '.join(METHODS)}, {forms}"
        )
    maker = named.find("method", name)
    if not callable(maker):
        raise InputError(f"method {name}: leads to a {type(maker).__name__}; name a function or a subclass of Method")
    registered = (row for row in METHODS.values() if row.maker is maker)
    return next(registered, MethodRow(summary=named.first_line(maker), source=name, changes="images", maker=maker))


def find_parts(name: str) -> tuple[str, ...]:
    """The methods that `name` composes, in the order of the data's way: of the data, of images, of batches; those of
    images among themselves in the order written.

    Raises:
        InputError: an unknown name (lists the known ones), or methods that do not compose (says why).

    Example:
        >>> from pixmix import methods
        >>> methods.find_parts("cutmix+pixmix")
        ('pixmix', 'cutmix')
        >>> methods.find_parts("cutmix+prime+pixmix")
        ('prime', 'pixmix', 'cutmix')
    """
    parts = name.split("+")
    for part in parts:
        if part not in METHODS and not named.names_code(part):
            forms = f"{named.FORMS}, or several as A+B"
            near = perhaps(part, METHODS)
            raise InputError(f"method {name}: unknown {part!r}{near}; the methods are {', '.join(METHODS)}, {forms}")
    changes = {part: find_row(part).changes for part in parts}
    changed = [changes[part] for part in parts]
    if len(parts) > 1 and "" in changed:
        raise InputError(f"method {name}: {parts[changed.index('')]} changes nothing; leave it out")
    if twice := next((part for part in parts if parts.count(part) > 1), None):
        raise InputError(f"method {name}: names {twice} twice; name each method once")
    for what in changed:
        if what != "images" and changed.count(what) > 1:
            one, other = [part for part, change in zip(parts, changed, strict=True) if change == what][:2]
            things = {"data": "the data", "views": "the views", "batch": "each batch or its loss"}[what]
            raise InputError(
                f"method {name}: {one} and {other} both change {things}; compose one that changes images with one "
                "that changes batches"
            )
    if "views" in changed:
        part = parts[changed.index("views")]
        if "batch" in changed:
            raise InputError(
                f"method {name}: {part} compares views of one image, and {parts[changed.index('batch')]} changes whole "
                "batches; leave one of them out"
            )
        if "images" not in changed:
            raise InputError(f"method {name}: {part} goes with a method that changes each image, as in pixmix+{part}")
    return tuple(sorted(parts, key=lambda part: ("", "data", "images", "views", "batch").index(changes[part])))


def make_method(
    name: str,
    *,
    classes: int,
    size: tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    settings: MethodSettings | None = None,
    pool: MixingPool | None = None,
    outliers: np.ndarray | None = None,
    engine: str = "numba",
) -> Method:
    """Make the method called `name`, ready to be pickled into loader workers.

    Args:
        name: of `METHODS`, `module:function` or `FILE.py:function`, or several joined by `+`.
        classes: how many classes the data set has.
        size: (H, W) of the training images.
        mean, std: the normaliser's, per channel, in units of [0, 1] images.
        settings: of the methods; default: their originators'.
        pool: the mixing images; needed where the method's row says `needs_pool`, left aside elsewhere.
        outliers: (M, H, W, 3) uint8; needed where it says `needs_outliers`, left aside elsewhere.
        engine: which of `pixmix._engines.ENGINES` mixes on the CPU.

    Raises:
        InputError: an unknown name (lists the known ones), parts that do not compose, a missing pool or set of
            outliers, or a method that lives in a training.

    Example:
        >>> import numpy as np
        >>> import pixmix
        >>> from pixmix import methods
        >>> cutout = methods.make_method("cutout", classes=10, size=(32, 32), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> batch = np.zeros((2, 32, 32, 3), np.uint8)
        >>> cutout.augment_array(batch, pixmix.Key(seed=0), np.arange(2)).shape
        (2, 3, 32, 32)
    """
    parts = find_parts(name)
    # Here, because names are looked up before torch and numba are wanted.
    from ._base import Setting

    setting = Setting(
        classes=classes,
        size=size,
        mean=tuple(mean),
        std=tuple(std),
        settings=settings or MethodSettings(),
        pool=pool,
        outliers=outliers,
        engine=engine,
    )
    return compose(name, [make_part(part, setting) for part in parts])


def compose(name: str, made: Sequence[Method]) -> Method:
    """The parts of `find_parts(name)`, made, as one method.

    Raises:
        InputError: they do not compose.
    """
    from ._composed import Chained, Composed
    from ._jsd import Consistent

    kinds = ("images", "views", "batch")
    images, views, batches = ([part for part in made if find_row(part.name).changes == kind] for kind in kinds)
    if len(images) > 1:
        images = [Chained("+".join(part.name for part in images), images)]
    if views:
        return Consistent(name, *images, *views)
    if images and batches:
        return Composed(name, *images, *batches)
    (method,) = images or batches or made[:1]
    method.name = name
    return method


def make_part(name: str, setting: Setting) -> Method:
    """One method, as `find_row` finds it.

    Raises:
        InputError: a missing pool or set of outliers, a method that lives in a training, or code that fails or makes
            something else than a `Method`.
    """
    row = find_row(name)
    if row.in_training:
        raise InputError(
            f"method {name} looks at the network in training; only `pixmix train --method {name}` makes it"
        )
    if row.needs_pool and setting.pool is None:
        raise InputError(f"method {name} needs a mixing set; give a pool")
    if row.needs_outliers and setting.outliers is None:
        raise InputError(f"method {name} needs outliers; give a set of images as outliers")
    if isinstance(row.maker, str):
        module, _, function = row.maker.partition(":")
        return getattr(importlib.import_module(f".{module}", __package__), function)(name, setting)
    return _made_elsewhere(name, row.maker, setting)


def _made_elsewhere(name: str, maker: Callable[..., Method], setting: Setting) -> Method:
    from ._base import Method

    method = named.call("method", name, maker, *(() if isinstance(maker, type) else (setting,)))
    if not isinstance(method, Method):
        raise InputError(f"method {name}: makes a {type(method).__name__}, not a pixmix.methods.Method")
    method.name = name
    return method
