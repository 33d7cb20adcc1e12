"""A network as lucent shall see it: some layers and nothing else, run no further than they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mixset._common.errors import InputError, reason


class _Reached(Exception):
    """Raised in the network's forward pass when nothing more is to be seen."""


class Tapped(nn.Module):
    """A network as lucent shall see it: normalisation in front, a module for each layer looked at, nothing else.

    lucent hooks every module that it sees, on every call, and takes none away: these modules go with this object, and
    the network bears hooks of ours within a forward pass alone.
    """

    def __init__(
        self, body: nn.Module, layers: list[str], mean: Sequence[float], std: Sequence[float], amp: torch.dtype | None
    ) -> None:
        super().__init__()
        self.body: nn.Module
        object.__setattr__(self, "body", body)  # hidden from lucent, which walks `_modules`
        self.layers = layers
        for name in layers:
            self._modules[name] = nn.Identity()  # add_module would refuse dots, lucent takes them
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
        """The output of each layer looked at, (N, C, H, W), where it is first reached."""
        found: dict[str, Tensor] = {}

        def keep(name: str, output: Tensor) -> None:
            if name in found:
                return
            if len(found) + 1 < len(self.layers):
                output = output.clone()  # the network goes on, and may work in place
            found[name] = output
            if len(found) == len(self.layers):
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
            return found
        except RuntimeError as error:
            # lucent takes RuntimeErrors of the network, out of memory among them, for layers that are not needed.
            size = "×".join(map(str, images.shape[2:]))
            raise InputError(f"network: cannot take {len(images)} images of {size} pixels ({reason(error)})") from error
        finally:
            for handle in handles:
                handle.remove()
        lost = ", ".join(name for name in self.layers if name not in found)
        raise InputError(f"network: its forward pass does not reach layer {lost}")
