from ._cifar_sets import (
    CIFAR10Set as CIFAR10Set,
)
from ._class_maps import (
    read_class_map as read_class_map,
)
from ._classes import (
    read_class_folders as read_class_folders,
)
from ._corrupted import (
    CorruptedSet as CorruptedSet,
)
from ._files import (
    ImageFiles as ImageFiles,
)
from ._imagenet_sets import (
    ImageNetSet as ImageNetSet,
)
from ._labels import (
    imagenet_wnids as imagenet_wnids,
    number_classes as number_classes,
)
from ._openood import (
    OpenOODSet as OpenOODSet,
)
from ._outliers import (
    OutlierSets as OutlierSets,
    open_outliers as open_outliers,
    take as take,
)
from ._perturbed import (
    PerturbedSet as PerturbedSet,
)
from ._renditions import (
    RenditionSet as RenditionSet,
)
from ._transforms import (
    IMAGENET as IMAGENET,
    Transform as Transform,
)
from ._videos import (
    VideoFiles as VideoFiles,
)
