from ._directions import (
    fdbd as fdbd,
    mean_feature as mean_feature,
    nci as nci,
    nnguide as nnguide,
    nnguide_bank as nnguide_bank,
    she as she,
    she_means as she_means,
)
from ._distances import (
    ClassStatistics as ClassStatistics,
    class_statistics as class_statistics,
    knn as knn,
    mds as mds,
    rmds as rmds,
)
from ._from_logits import (
    energy as energy,
    gen as gen,
    klm as klm,
    klm_templates as klm_templates,
    max_logit as max_logit,
    msp as msp,
    rotpred as rotpred,
    temperature_scaled as temperature_scaled,
)
from ._making import (
    Choice as Choice,
    choose_settings as choose_settings,
    find_score as find_score,
    make_score as make_score,
)
from ._odin import (
    odin as odin,
)
from ._outputs import (
    Head as Head,
    Outputs as Outputs,
    logits_of as logits_of,
)
from ._residual import (
    Residual as Residual,
    vim as vim,
    vim_residual as vim_residual,
)
from ._settings import (
    ScoreSettings as ScoreSettings,
)
from ._shaping import (
    ash_b as ash_b,
    ash_s as ash_s,
    react as react,
    react_threshold as react_threshold,
    scale as scale,
)
from ._table import (
    SCORES as SCORES,
    Material as Material,
    Score as Score,
    ScoreRow as ScoreRow,
    register_score as register_score,
)
