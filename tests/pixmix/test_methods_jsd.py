"""`A+jsd`: three views of any method of images, the Jensen-Shannon term, and what does not go with it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pixmix_samples import ArrayPool
from torch.nn import functional

from mixset._common.errors import InputError
from pixmix._augment.settings import PixMixSettings
from pixmix._common.philox import Key
from pixmix.methods import METHODS, MethodSettings, compose, find_parts, make_method
from pixmix.methods._base import Method, StepKey, as_float, uniforms
from pixmix.methods._composed import key_of_part
from pixmix.methods._jsd import Consistent, Jsd, jensen_shannon
from pixmix.methods._settings import AugMixSettings, JSDSettings, PrimeSettings

SIZE = (16, 16)
OF_IMAGES = [
    name for name, row in METHODS.items() if row.changes == "images" and not row.in_training and not row.needs_outliers
]


@pytest.fixture
def make(array_pool: Callable[..., ArrayPool]) -> Callable[..., Method]:
    def made(name: str, **chosen: Any) -> Method:
        settings = MethodSettings(**{"augmix": AugMixSettings(jsd=0.0), **chosen})
        half = (0.5,) * 3
        return make_method(
            name, classes=10, size=SIZE, mean=half, std=half, settings=settings, pool=array_pool(SIZE, margin=4)
        )

    return made


@pytest.mark.parametrize("name", [*OF_IMAGES, "prime+pixmix"])
def test_the_network_sees_each_image_and_two_copies_drawn_apart(
    name: str, make: Callable[..., Method], photographs: Callable[..., np.ndarray]
) -> None:
    method, alone = pickle.loads(pickle.dumps(make(f"{name}+jsd"))), make(name)
    assert (method.name, method.views, method.keys) == (f"{name}+jsd", 3, ("image",))
    assert (method.in_loader, method.on_device) == (alone.in_loader, alone.on_device)
    batch, key, indices = photographs(40, *SIZE), Key(2**64 - 1, 3), np.arange(40) + 5
    rows = method.augment_array(batch, key, indices)
    assert rows.shape == (120, 3, *SIZE) and rows.dtype == np.float32
    clean, first, second = rows.reshape(3, 40, 3, *SIZE)
    np.testing.assert_array_equal(clean, as_float(batch))
    np.testing.assert_array_equal(first, alone.augment_array(batch, key, indices))
    alike = [np.array_equal(one, two) for one, two in zip(first, second, strict=True)]
    assert np.mean(alike) < 0.5
    again = method.augment_array(batch[7:9], key, indices[7:9]).reshape(3, 2, 3, *SIZE)
    np.testing.assert_array_equal(again, rows.reshape(3, 40, 3, *SIZE)[:, 7:9])
    for other in (Key(2**64 - 2, 3), Key(2**64 - 1, 4)):
        third = method.augment_array(batch, other, indices).reshape(3, 40, 3, *SIZE)[2]
        assert not np.array_equal(third, second)


@pytest.mark.parametrize(
    "name", [name for name in OF_IMAGES if name not in ("autoaugment", "trivialaugment", "randaugment")]
)
def test_tensors_are_the_arrays(name: str, make: Callable[..., Method], photographs: Callable[..., np.ndarray]) -> None:
    method, batch, key, indices = make(f"{name}+jsd"), photographs(30, *SIZE), Key(4), np.arange(30)
    made = method.augment_tensor(torch.from_numpy(batch.copy()), key, indices)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert np.mean(np.abs(made.numpy() - method.augment_array(batch, key, indices)) > 1.001 / 255) <= 1e-3


def test_both_copies_are_mixed_with_the_same_crop_of_the_same_image(make: Callable[..., Method]) -> None:
    """What is added to grey images is the mixing image times a weight, one for each copy."""
    method = make("mix-aug+jsd", mix=PixMixSettings(k=1, mixings=("add",)))
    grey = np.full((300, *SIZE, 3), 128, np.uint8)
    first, second = method.augment_array(grey, Key(1), np.arange(300)).reshape(3, 300, -1)[1:]
    related = []
    for one, two in zip(first, second, strict=True):
        kept = (one > 0) & (one < 1) & (two > 0) & (two < 1)  # what is not clipped
        if kept.sum() > 300 and one[kept].std() > 0.02 and two[kept].std() > 0.02:
            related.append(abs(np.corrcoef(one[kept], two[kept])[0, 1]))
    assert len(related) > 20
    assert np.median(related) > 0.999


def test_parts_share_what_copies_share_and_draw_the_rest_apart() -> None:
    """PixMix after PRIME mixes one image into both copies, and changes each in its own way."""
    key = Key(5, 2)
    parts = [key_of_part(key.of_copy(copy), 1) for copy in (0, 1)]
    assert parts[0].shared == parts[1].shared == key_of_part(key, 1) and parts[0] != parts[1]
    assert key_of_part(key.of_copy(1), 0) == key.of_copy(1)
    keys = [key_of_part(key.of_copy(copy), number) for copy in (0, 1, 2) for number in (0, 1, 2)]
    assert len({one.seed for one in keys}) == 9


def test_augmix_is_augmix_alone_with_the_term(
    make: Callable[..., Method], photographs: Callable[..., np.ndarray]
) -> None:
    batch, key, indices = photographs(20, *SIZE), Key(9, 1), np.arange(20)
    usual, composed = make("augmix", augmix=AugMixSettings()), make("augmix+jsd")
    np.testing.assert_array_equal(usual.augment_array(batch, key, indices), composed.augment_array(batch, key, indices))
    logits, targets = torch.randn(60, 10), torch.arange(20) % 10
    assert usual.loss(logits, targets) == composed.loss(logits, targets)
    with pytest.raises(InputError, match=r"augmix\+jsd: augmix shows the network 3 images .*; `augmix.jsd` 0 leaves"):
        make("augmix+jsd", augmix=AugMixSettings())


def test_a_method_of_ones_own_has_three_views(photographs: Callable[..., np.ndarray]) -> None:
    class Darker(Method):
        keys = ("image",)

        def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
            return as_float(batch) * uniforms(key, indices, 1).astype(np.float32)[:, :, None, None]

    method = Consistent("darker+jsd", Darker(), Jsd(12.0))
    clean, first, second = method.augment_array(photographs(50, *SIZE), Key(1), np.arange(50)).reshape(3, 50, -1)
    factors = [view.mean(axis=1) / clean.mean(axis=1) for view in (first, second)]
    np.testing.assert_allclose(factors[0], uniforms(Key(1), np.arange(50), 1)[:, 0], rtol=1e-4)
    assert abs(np.corrcoef(factors)[0, 1]) < 0.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jsd", r"goes with a method that changes each image, as in pixmix\+jsd"),
        ("sin+jsd", r"goes with a method that changes each image, as in pixmix\+jsd"),
        ("pixmix+jsd+cutmix", "compares views of one image, and cutmix changes whole batches; leave one of them out"),
        ("jsd+mixup", "compares views of one image, and mixup changes whole batches"),
        ("pixmix+jsd+jsd", "names jsd twice"),
        ("baseline+jsd", "baseline changes nothing"),
    ],
)
def test_what_does_not_go_with_it_is_refused_and_why(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_parts(name)


def test_the_data_may_change_too(make: Callable[..., Method]) -> None:
    assert find_parts("jsd+pixmix+sin") == ("sin", "pixmix", "jsd")
    assert type(make("sin+pixmix+jsd")) is Consistent


def test_methods_that_do_not_draw_for_each_image_are_refused(make: Callable[..., Method]) -> None:
    class Steps(Method):
        name = "cutout"
        keys = ("step",)

    class Both(Method):
        name = "cutout"
        keys = ("image", "step")

        def batch(self, images: Any, labels: Any, **given: Any) -> tuple[torch.Tensor, torch.Tensor]:
            return images, labels

    refused: list[Method] = [Steps(), Both()]
    with pytest.raises(InputError, match=r"prime\+jsd: jsd compares copies"):
        make("prime+jsd", prime=PrimeSettings(draws="batch"))
    for method in refused:
        with pytest.raises(InputError, match=r"x\+jsd: jsd compares copies .* cutout does not draw for each"):
            compose("x+jsd", [method, Jsd(12.0)])


def test_the_weight_is_the_settings(make: Callable[..., Method]) -> None:
    logits, targets = torch.randn(12, 10, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    plain = functional.cross_entropy(logits[:4], targets)
    term = jensen_shannon(logits.view(3, 4, 10))
    for weight in (12.0, 3.0):
        chosen = {} if weight == 12 else {"jsd": JSDSettings(weight=weight)}
        torch.testing.assert_close(make("cutout+jsd", **chosen).loss(logits, targets), plain + weight * term)


def test_the_loss_is_that_of_the_originals_code() -> None:
    """Numbers of the original's code, six digits."""
    views = [[2, -1, 0.5], [0, 1, -2]], [[1.5, -0.5, 0], [0.3, 0.2, -1]], [[-1, 2, 0.5], [0, 3, -2]]
    logits, targets = torch.tensor(views), torch.tensor([0, 1])
    assert functional.cross_entropy(logits[0], targets).item() == pytest.approx(0.2951618, abs=1e-6)
    assert jensen_shannon(logits).item() == pytest.approx(0.2321541, abs=1e-6)
    assert Jsd(12.0).loss(logits.flatten(0, 1), targets).item() == pytest.approx(3.0810103, abs=1e-5)


def plain_loss(logits: torch.Tensor, targets: torch.Tensor, weight: float) -> torch.Tensor:
    """The original's lines."""
    clean, first, second = (functional.softmax(part, dim=1) for part in logits.chunk(3))
    mixture = torch.clamp((clean + first + second) / 3, 1e-7, 1).log()
    spread = sum(functional.kl_div(mixture, part, reduction="batchmean") for part in (clean, first, second)) / 3
    return functional.cross_entropy(logits.chunk(3)[0], targets) + weight * spread


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("weight", [12.0, 0.5])
def test_the_loss_is_the_originals(scale: float, weight: float) -> None:
    logits = scale * torch.randn(3 * 50, 10, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50) % 10
    method = Jsd(weight)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, expected = method.loss(ours, targets), plain_loss(theirs, targets, weight)
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)


def test_views_that_agree_cost_nothing() -> None:
    logits = 5 * torch.randn(20, 7, generator=torch.Generator().manual_seed(1))
    assert abs(jensen_shannon(logits.expand(3, -1, -1)).item()) < 1e-6
    targets = torch.arange(20) % 7
    loss = Jsd(12.0).loss(logits.repeat(3, 1), targets)
    torch.testing.assert_close(loss, functional.cross_entropy(logits, targets), atol=2e-5, rtol=0)
    # Three views that are sure of three classes: the most there is, log 3.
    apart = 100 * torch.eye(3).view(3, 1, 3)
    assert jensen_shannon(apart).item() == pytest.approx(np.log(3), rel=1e-5)


def test_the_gradient_is_finite_where_probabilities_are_none() -> None:
    """The original's is not: the logarithm of a probability that is 0 in float32 makes it NaN."""
    gradients = []
    for loss in (Jsd(12.0).loss, lambda logits, targets: plain_loss(logits, targets, 12.0)):
        logits = torch.zeros(3 * 4, 10)
        logits[:4, 0], logits[4:8, 1], logits[8:, 2] = 1000, 300, -1000
        logits.requires_grad_()
        loss(logits, torch.zeros(4, dtype=torch.long)).backward()
        gradients.append(logits.grad)
    assert torch.isfinite(gradients[0]).all()
    assert gradients[0].abs().max() > 0
    assert not torch.isfinite(gradients[1]).all()


@pytest.mark.parametrize("gap", [20.0, 103.0, 104.0, 1e4, 3e38])
def test_any_finite_logits_have_a_term_and_a_gradient(gap: float) -> None:
    logits = torch.zeros(3, 2, 4)
    logits[0, :, 0], logits[1, :, 1], logits[2, :, 2], logits[1:, 1, 3] = gap, gap, gap, -gap
    logits.requires_grad_()
    term = jensen_shannon(logits)
    term.backward()
    assert 0 <= term.item() <= np.log(3) + 1e-6
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_the_gradient_reaches_all_views() -> None:
    logits = torch.randn(3, 5, 10, generator=torch.Generator().manual_seed(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(jensen_shannon, logits)
    jensen_shannon(logits).backward()
    assert (logits.grad.abs().amax(dim=(1, 2)) > 1e-4).all()


def test_nothing_is_done_to_batches(make: Callable[..., Method]) -> None:
    images, labels = torch.rand(6, 3, *SIZE), torch.arange(2)
    method = make("pixmix+jsd")
    step = StepKey(seed=0, epoch=0, step=0)
    made = method.batch(images, labels, network=torch.nn.Identity(), key=step, classes=10)
    assert made[0] is images and made[1] is labels
    assert method.extend(torch.nn.Identity()).__class__ is torch.nn.Identity
