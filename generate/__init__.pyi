from ._fractals.recipe import (
    FractalRecipe as FractalRecipe,
)
from ._fvis.recipe import (
    FVisRecipe as FVisRecipe,
)
from ._job.defaults import (
    default_set as default_set,
)
from ._job.job import (
    make as make,
)
from ._procedural.recipes import (
    DeadLeavesRecipe as DeadLeavesRecipe,
)
from ._procedural.recipes import (
    JuliaRecipe as JuliaRecipe,
)
from ._procedural.recipes import (
    PlasmaRecipe as PlasmaRecipe,
)
from ._procedural.recipes import (
    SpectrumRecipe as SpectrumRecipe,
)
