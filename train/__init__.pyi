from ._ablations import (
    ablate as ablate,
)
from ._ablations.config import (
    AblateConfig as AblateConfig,
)
from ._command.corrupt import (
    CorruptConfig as CorruptConfig,
    corrupt as corrupt,
)
from ._command.show import (
    ShowConfig as ShowConfig,
)
from ._evaluation.config import (
    EvaluateConfig as EvaluateConfig,
)
from ._evaluation.evaluate import (
    evaluate as evaluate,
)
from ._figures.figures import (
    show as show,
)
from ._reports.report import (
    ReportConfig as ReportConfig,
    report as report,
)
from ._runs.config import (
    TrainConfig as TrainConfig,
)
from ._training.run import (
    train as train,
)
