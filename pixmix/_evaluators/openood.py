"""The suite openood: OpenOOD's benchmarks by its own protocol, which is not the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from mixset._common.errors import InputError

from .. import scores
from ..readers import OpenOODSet
from ..readers._labels import Known
from .evaluation import Evaluation, Metrics
from .near_far import measure
from .scoring import prepare
from .sets import done_to


def openood(evaluation: Evaluation) -> Metrics:
    """Near and far outliers of a benchmark of OpenOOD, and the full spectrum where its shifted images are there."""
    reader: OpenOODSet = evaluation.sets["openood"]
    about = reader.benchmark
    classes = evaluation.classes((about.size, about.size))
    check_openood(reader, classes)

    images = dict(reader.images)
    settings = evaluation.scores or scores.ScoreSettings()
    if "training" in settings.needs:
        images["training"] = reader.training()
    groups = {"near": reader.near, "far": reader.far}
    yield (
        "set",
        {
            **reader.source,
            "benchmark": about.name,
            "images": len(reader.images["test"]),
            **{group: list(names) for group, names in groups.items()},
            "absent": reader.absent,
            "problems": list(reader.problems),
            **done_to(reader.images["test"]),
        },
    )

    def ask(name: str) -> scores.Outputs:
        return evaluation.outputs(f"openood-{name}", images[name], f"{name.replace('_', ' ')} images")

    def given(name: str, wanted: bool) -> scores.Outputs | None:
        return ask(name) if wanted and name in images else None

    tuned = any(scores.find_score(name).sweep and name not in settings.settings for name in settings.names)
    material = scores.Material(
        training=given("training", True),
        validation=given("validation", tuned or "validation" in settings.needs),
        head=evaluation.head() if "head" in settings.needs else None,
        seed=evaluation.seed,
    )
    prepared = prepare(settings, material, given("validation_outliers", tuned))
    yield from measure(ask, groups, reader.shifted, prepared, evaluation.seed).items()


def check_openood(reader: OpenOODSet, classes: Known, size: Sequence[int] | None = None) -> None:
    """InputError where a benchmark is of other classes or of images of another size than the network's.

    Args:
        reader: the benchmark.
        classes: the network's.
        size: (H, W) of the images that the network is for, where it is known.
    """
    about = reader.benchmark
    count = classes if classes is None or isinstance(classes, int) else len(classes)
    if count is not None and count != about.classes:
        raise InputError(f"suite openood: {about.name} has {about.classes:,} classes, the network {count:,}")
    if size is not None and tuple(size) != (about.size, about.size):
        raise InputError(
            f"suite openood: {about.name} is measured at {about.size}x{about.size} px, the test images have "
            f"{size[1]}x{size[0]}"
        )
    if classes is None or isinstance(classes, int):
        return
    # Where images lie in a folder a class, as CIFAR's do, the network's names are compared with theirs.
    images = reader.images["test"]
    folders = {name.split("/")[-2]: int(label) for name, label in zip(images.names, images.labels, strict=True)}
    if len(folders) != about.classes:
        return
    if folders.keys().isdisjoint(classes):
        raise InputError(f"suite openood: {about.name} has classes like {min(folders)}, the network like {classes[0]}")
    for name, number in folders.items():
        if name in classes and (own := [*classes].index(name)) != number:
            raise InputError(f"suite openood: class {name} is {number} in {about.name} and {own} in the network")
