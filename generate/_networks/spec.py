"""Networks by name with fresh weights, built from a name and its arguments alone; a run's `config.json` keeps both."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixset._common.errors import InputError, reason
from mixset._common.normalisation import Channels

if TYPE_CHECKING:
    from torch import nn

CONFIG, WEIGHTS = "config.json", "weights.safetensors"
"""What a run folder has of its network."""
OLD_WEIGHTS = "weights.pt"
"""The weights in those of 0.1.0."""

LITE = "efficientnet_lite0"
MOST_CLASSES = 100_000
MOST_PARAMETERS = 10**9
"""Most parameters of a Wide ResNet: 4 GB; WRN-106-16 has less than half of it."""


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """What builds a network.

    Raises:
        InputError: an unknown name, or arguments that are unknown, of the wrong type or out of range.
    """

    name: str
    """`wrn-DEPTH-WIDTH`, a classifier of torchvision, `timm:NAME`, `efficientnet_lite0`, `module:function` or
    `FILE.py:function`."""
    arguments: dict[str, Any]
    """`num_classes`, the length of the logits; of Wide ResNets `dropout`, of timm's networks `drop_path_rate`, too."""

    def __post_init__(self) -> None:
        known = {"num_classes"} | ({"dropout"} if self.wide else {"drop_path_rate"} if self.of_timm else set())
        if unknown := sorted(set(self.arguments) - known):
            raise InputError(f"network {self.name}: takes no argument {unknown[0]!r}")
        classes = self.arguments.get("num_classes")
        if type(classes) is not int or not 1 <= classes <= MOST_CLASSES:
            raise InputError(f"network {self.name}: num_classes {classes!r} must be a number from 1 to {MOST_CLASSES}")
        for name in ("dropout", "drop_path_rate"):
            share = self.arguments.get(name, 0.0)
            if type(share) not in (int, float) or not 0 <= share < 1:
                raise InputError(f"network {self.name}: {name} {share!r} must be a number from 0, below 1")
        if self.wide:
            depth, width = self.wide
            if depth < 10 or (depth - 4) % 6 or width < 1:
                raise InputError(f"network {self.name}: depths are 10, 16, 22, 28, 34, 40, ..., widths from 1 on")
            if self.parameters() > MOST_PARAMETERS:
                raise InputError(f"network {self.name}: has more than {MOST_PARAMETERS:,} parameters; name a smaller")
        elif not self.foreign:
            _check_known(self.name)

    @property
    def wide(self) -> tuple[int, int] | None:
        """Depth and width of a Wide ResNet; None for other networks."""
        match = re.fullmatch(r"wrn-([0-9]+)-([0-9]+)", self.name)
        # Of a number of thousands of digits the first ones will do to refuse it.
        return (int(match[1][:12]), int(match[2][:12])) if match else None

    @property
    def of_timm(self) -> bool:
        """Whether timm builds it."""
        return self.name.startswith("timm:")

    @property
    def foreign(self) -> bool:
        """Whether code or files of others build it, for which a file's word is not enough."""
        return foreign(self.name)

    def parameters(self) -> int:
        """How many parameters a Wide ResNet has, batch norms left out; 0 for other networks, whose sizes are known."""
        if not self.wide:
            return 0
        blocks, total, inputs = (self.wide[0] - 4) // 6, 27 * 16, 16
        for outputs in (16 * self.wide[1], 32 * self.wide[1], 64 * self.wide[1]):
            total += 9 * inputs * outputs + (2 * blocks - 1) * 9 * outputs**2
            total += 0 if inputs == outputs else inputs * outputs
            inputs = outputs
        return total + inputs * self.arguments["num_classes"]

    def build(self) -> nn.Module:
        """The network with fresh weights, drawn from torch's global generator."""
        classes = self.arguments["num_classes"]
        if self.wide:
            from .wide_resnet import WideResNet

            return WideResNet(*self.wide, self.arguments.get("dropout", 0.0), classes)
        if self.name == LITE:
            return lite_class(self.name).from_name("efficientnet-lite0", num_classes=classes)
        if self.of_timm:
            return _timms(self.name, self.arguments)
        if ":" in self.name:
            from .code import build

            return build(self.name, {"num_classes": classes})
        import torchvision

        return torchvision.models.get_model(self.name, weights=None, num_classes=classes)

    def normalisation(self) -> tuple[Channels, Channels] | None:
        """Mean and standard deviation that the network's own authors take, which timm knows; None for others."""
        if not self.of_timm:
            return None
        need_timm(self.name)
        import timm

        known: Any = timm.get_pretrained_cfg(self.name.removeprefix("timm:"))
        return None if known is None else (known.mean, known.std)

    def to_json(self) -> dict[str, Any]:
        """What `recorded` reads."""
        return {"name": self.name, "arguments": self.arguments}


def network_spec(name: str, *, classes: int, dropout: float = 0.0, drop_path: float = 0.0) -> NetworkSpec:
    """The spec of a network that the user names.

    Args:
        name: as `NetworkSpec.name`; a name that only timm knows needs no `timm:`.
        classes: length of the logits.
        dropout: for Wide ResNets; others have none of it.
        drop_path: for timm's networks.

    Raises:
        InputError: also of drop path for a network that is not timm's.
    """
    arguments: dict[str, Any] = {"num_classes": classes}
    if name.startswith("wrn-"):
        arguments["dropout"] = dropout
    elif name not in torchvision_names() and name in timm_names():
        name = f"timm:{name}"
    if drop_path:
        if not name.startswith("timm:"):
            raise InputError(f"network {name}: has no drop path, which timm's networks have; give `drop_path` 0")
        arguments["drop_path_rate"] = drop_path
    return NetworkSpec(name=name, arguments=arguments)


def recorded(entry: Any) -> tuple[str, dict[str, Any]]:
    """The name and arguments of the network in a run's `config.json`; of a `foreign` one nothing is built unasked.

    Runs of 0.1.0 have the import path of a factory in place of a name.

    Raises:
        KeyError, TypeError, AttributeError: it holds something else.
    """
    arguments = dict(entry["arguments"])
    if "name" in entry:
        name = entry["name"]
    else:
        module, _, name = entry["factory"].partition(":")
        if module == "pixmix.train.networks.wide_resnet":
            name = f"wrn-{arguments.pop('depth')}-{arguments.pop('width')}"
        elif module != "torchvision.models" or name not in torchvision_names():
            name = entry["factory"]
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no network's name")
    return name, arguments


def foreign(name: str) -> bool:
    """Whether a name leads to code or files of others: `module:function`, `FILE.py:function`, `run:PATH`,
    `timm:hf-hub:...`."""
    return ":" in name and not re.fullmatch(r"timm:[\w.]+", name)


def torchvision_names() -> list[str]:
    """Its classifiers: networks of other kinds take other inputs than a batch of images."""
    import torchvision

    return torchvision.models.list_models(module=torchvision.models)


def timm_names() -> list[str]:
    """None where timm is not installed."""
    try:
        import timm
    except ImportError:
        return []
    return timm.list_models()


def lite_class(name: str) -> Any:
    """EfficientNet's class in its wheel."""
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise InputError(f'network {name}: is not installed; pip install "pixmix[networks]"') from None
    return EfficientNet


def need_timm(name: str) -> None:
    """InputError where timm is not installed."""
    with contextlib.suppress(ImportError, ValueError):
        if importlib.util.find_spec("timm") is not None:
            return
    raise InputError(f'network {name}: timm is not installed; pip install "pixmix[networks]"')


def near(name: str, known: Iterable[str]) -> str:
    """The known names that are like `name`, as the end of an error."""
    near = difflib.get_close_matches(name, known)
    return f"; near are {', '.join(near)}" if near else ""


def _check_known(name: str) -> None:
    if name.startswith("timm:"):
        need_timm(name)
        return
    if name != LITE and name not in torchvision_names():
        known = near(name, dict.fromkeys([LITE, *torchvision_names(), *timm_names()]))
        forms = f"use wrn-DEPTH-WIDTH, a torchvision name, timm:NAME, {LITE}, module:function or FILE.py:function"
        raise InputError(f"network {name!r}: unknown{known}; {forms}")


def _timms(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    need_timm(name)
    import timm

    model = name.removeprefix("timm:")
    try:
        return timm.create_model(model, pretrained=False, **arguments)
    except Exception as error:
        if isinstance(error, TypeError) and "drop_path_rate" in f"{error}":
            raise InputError(f"network {name}: has no drop path; give `drop_path` 0") from error
        advice = near(model, timm_names())
        raise InputError(f"network {name}: timm does not make it ({reason(error)}){advice}") from error
