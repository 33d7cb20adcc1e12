from ._base import (
    DeviceDraws as DeviceDraws,
    Key as Key,
    Method as Method,
    Setting as Setting,
    StepDraws as StepDraws,
    StepKey as StepKey,
    as_float as as_float,
    as_images as as_images,
    generator as generator,
    uniforms as uniforms,
)
from ._making import (
    compose as compose,
    find_parts as find_parts,
    find_row as find_row,
    make_method as make_method,
    make_part as make_part,
)
from ._settings import (
    MethodSettings as MethodSettings,
)
from ._table import (
    METHODS as METHODS,
    MethodRow as MethodRow,
    register_method as register_method,
)
