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
