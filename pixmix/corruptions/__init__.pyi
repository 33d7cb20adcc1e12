from ._c.suite import (
    EXTRA as EXTRA,
)
from ._c.suite import (
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
)
from ._making.suites import (
    register_corruption as register_corruption,
)
from ._p.base import (
    Perturbation as Perturbation,
)
from ._p.suite import (
    HARDER as HARDER,
)
from ._p.suite import (
    P_EXTRA as P_EXTRA,
)
from ._p.suite import (
    P as P,
)
from ._shared.base import (
    Corruption as Corruption,
)
from ._shared.base import (
    Stream as Stream,
)
from ._shared.base import (
    draws_nothing as draws_nothing,
)
from ._shared.base import (
    to_bytes as to_bytes,
)
