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
from ._job.own import (
    register_family as register_family,
)
from ._job.recipe import (
    SetRecipe as SetRecipe,
)
from ._job.rendering import (
    render as render,
)
from ._procedural.recipes import (
    DeadLeavesRecipe as DeadLeavesRecipe,
    JuliaRecipe as JuliaRecipe,
    MoireRecipe as MoireRecipe,
    PlasmaRecipe as PlasmaRecipe,
    ProgramsRecipe as ProgramsRecipe,
    SpectrumRecipe as SpectrumRecipe,
    VisualAtomRecipe as VisualAtomRecipe,
)
