from ._augment.batch import (
    PixMixBatch as PixMixBatch,
)
from ._augment.dataset import (
    PixMixDataset as PixMixDataset,
)
from ._augment.draws import (
    Draws as Draws,
    draw as draw,
)
from ._augment.sampler import (
    EpochSampler as EpochSampler,
)
from ._augment.settings import (
    InputError as InputError,
    PixMixSettings as PixMixSettings,
)
from ._augment.transform import (
    PixMix as PixMix,
)
from ._common.attack import (
    PGDSettings as PGDSettings,
)
from ._common.autoattack import (
    AutoAttackSettings as AutoAttackSettings,
)
from ._common.normalized import (
    Normalized as Normalized,
)
from ._common.philox import (
    Key as Key,
)
from ._common.version import (
    __version__ as __version__,
)
from ._evaluators.evaluate import (
    evaluate as evaluate,
)
from .train._evaluation.models import (
    load as load,
)
