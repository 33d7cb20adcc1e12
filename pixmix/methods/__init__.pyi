from ._base import (
    Key as Key,
)
from ._base import (
    Method as Method,
)
from ._base import (
    Setting as Setting,
)
from ._base import (
    StepKey as StepKey,
)
from ._base import (
    as_float as as_float,
)
from ._base import (
    as_images as as_images,
)
from ._base import (
    generator as generator,
)
from ._base import (
    uniforms as uniforms,
)
from ._making import (
    compose as compose,
)
from ._making import (
    find_parts as find_parts,
)
from ._making import (
    find_row as find_row,
)
from ._making import (
    make_method as make_method,
)
from ._making import (
    make_part as make_part,
)
from ._settings import (
    MethodSettings as MethodSettings,
)
from ._table import (
    METHODS as METHODS,
)
from ._table import (
    MethodRow as MethodRow,
)
from ._table import (
    register_method as register_method,
)
