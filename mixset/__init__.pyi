from ._common.errors import (
    DamagedImage as DamagedImage,
    InputError as InputError,
)
from ._common.memory import (
    keep_freed_memory as keep_freed_memory,
)
from ._common.version import (
    __version__ as __version__,
)
from ._store.check import (
    check as check,
)
from ._store.exporting import (
    export_images as export_images,
)
from ._store.importing import (
    import_images as import_images,
)
from ._store.mixing_set import (
    MixingSet as MixingSet,
)
from ._store.pool import (
    MixingPool as MixingPool,
)
from ._store.shard_writer import (
    ShardWriter as ShardWriter,
)
from ._store.sheet import (
    sheet as sheet,
)
