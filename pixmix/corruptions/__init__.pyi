from ._c.suite import (
    EXTRA as EXTRA,
    C as C,
)
from ._cbar.suite import (
    CBAR as CBAR,
)
from ._making.job import (
    corrupt as corrupt,
)
from ._making.sources import (
    Source as Source,
)
from ._making.suites import (
    SUITES as SUITES,
    register_corruption as register_corruption,
)
from ._p.base import (
    Perturbation as Perturbation,
)
from ._p.suite import (
    HARDER as HARDER,
    P_EXTRA as P_EXTRA,
    P as P,
)
from ._shared.base import (
    Corruption as Corruption,
    Stream as Stream,
    draws_nothing as draws_nothing,
    to_bytes as to_bytes,
)
