"""A network that cannot be used is refused before the first step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError
from pixmix.train._runs.trials import try_network


def network(classes: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Dropout(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, classes),
    )


class Aux(nn.Module):
    """Gives two tensors in training, as Inception does."""

    def __init__(self) -> None:
        super().__init__()
        self.body = network()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        logits = self.body(x)
        return (logits, logits) if self.training else logits


def broken() -> nn.Module:
    body = network()
    nn.init.constant_(body[-1].weight, float("nan"))
    return body


def test_a_good_one_is_left_as_it_was() -> None:
    body = network().train()
    body[0].eval()
    before, state = {name: value.clone() for name, value in body.state_dict().items()}, torch.get_rng_state()
    assert try_network(body, 16, 3, training=True) == 3
    assert all(torch.equal(value, before[name]) for name, value in body.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in body][:2] == [False, True]
    assert try_network(torch.jit.script(network().eval()), 16, 3, training=True) == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (network(4), "gives 4 logits, but there are 3 classes"),
        (network()[:-3], r"makes \(2, 4, 14, 14\) of 2 images"),
        (Aux(), "gives a tuple, not a tensor"),
        (broken(), "logits that are not finite"),
        (nn.Sequential(nn.Flatten(), nn.Linear(5, 3)), "fails on images of 16x16 px"),
        (nn.Sequential(network(), nn.Flatten(0)), r"makes \(6,\) of 2 images"),
    ],
)
def test_others_are_refused(body: nn.Module, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        try_network(body, 16, 3, training=True)
    assert "\n" not in str(caught.value)
