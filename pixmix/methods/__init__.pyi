from ._base import (
    Method as Method,
)
from ._base import (
    Setting as Setting,
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
    compose as compose,
)
from ._table import (
    find_parts as find_parts,
)
from ._table import (
    make_method as make_method,
)
from ._table import (
    make_part as make_part,
)
