"""A wrapper that exposes selected layers of a network to lucent and runs it only up to the last of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mixset._common.errors import InputError, reason

from .layouts import as_map


class _Reached(Exception):
    """All layers were reached; ends the network's forward pass."""


class Tapped(nn.Module):
    """A network with normalisation in front that shows lucent one module for each selected layer.

    lucent adds hooks to every module that it sees, at every call, and never removes them. Here the hooked modules are
    discarded with this object, and the network itself has hooks only during a forward pass.

    Args:
        body: the network.
        layers: the selected layers, and the layout of each.
        mean: the channel means of the normalisation.
        std: the channel standard deviations of the normalisation.
        amp: the dtype of mixed precision, or None.
    """

    def __init__(
        self,
        body: nn.Module,
        layers: Mapping[str, str],
        mean: Sequence[float],
        std: Sequence[float],
        amp: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.body: nn.Module
        object.__setattr__(self, "body", body)  # hidden from lucent, which walks `_modules`
        self.layers = layers
        for name in layers:
            self._modules[name] = nn.Identity()  # add_module refuses dots, lucent accepts them
        device = next(body.parameters(), torch.empty(0)).device
        self.mean = torch.tensor(mean, device=device).view(1, -1, 1, 1)
        self.std = torch.tensor(std, device=device).view(1, -1, 1, 1)
        self.amp = amp

    def forward(self, images: Tensor) -> None:
        for name, features in self.features(images).items():
            module = self._modules[name]
            assert module is not None
            module(features)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """The output of each selected layer at its first call as a map (N, C, H, W), for images in [0, 1].

        Raises:
            InputError: the network does not accept such images, or does not reach a layer.
        """
        outputs: dict[str, Tensor] = {}

        def keep(name: str, output: Tensor) -> None:
            if name in outputs:
                return
            if len(outputs) + 1 < len(self.layers):
                output = output.clone()  # the network continues, and may change it in place
            outputs[name] = as_map(output, self.layers[name])
            if len(outputs) == len(self.layers):
                raise _Reached

        handles = [
            self.body.get_submodule(name).register_forward_hook(lambda _, __, output, name=name: keep(name, output))
            for name in self.layers
        ]
        inputs = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        try:
            with torch.autocast(images.device.type, dtype=self.amp, enabled=self.amp is not None):
                self.body(inputs)
        except _Reached:
            return outputs
        except RuntimeError as error:
            # lucent ignores RuntimeErrors of the network, including out of memory.
            size = "×".join(map(str, images.shape[2:]))
            raise InputError(f"network: cannot take {len(images)} images of {size} pixels ({reason(error)})") from error
        finally:
            for handle in handles:
                handle.remove()
        missing = ", ".join(name for name in self.layers if name not in outputs)
        raise InputError(f"network: its forward pass does not reach layer {missing}")
