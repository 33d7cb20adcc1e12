"""Optimising feature visualisations: lucent's objectives, and nothing left behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from lucent.optvis import objectives as lucent
from lucent.optvis.param import spatial
from torch import Tensor, nn

from mixset._common.errors import InputError
from mixset.generate._fvis import optimise
from mixset.generate._fvis.objectives import OBJECTIVES, Unit, direction_of, scores, similarity
from mixset.generate._fvis.optimise import ATTEMPTS, Visualised, visualise
from mixset.generate._fvis.wobble import RandomAffine

HALF = (0.5, 0.5, 0.5)
ONE = (1.0, 1.0, 1.0)


pytestmark = pytest.mark.usefixtures("one_thread")


def small_network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 6, 3, padding=1, stride=2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(6 * 16 * 16, 5),
    )


def run(body: nn.Module, units: list[Unit], **changes: Any) -> Visualised:
    settings = {"mean": HALF, "std": ONE, "size": 32, "steps": 6} | changes
    return visualise(body, lambda index, attempt: units[index], settings.pop("seeds", range(len(units))), **settings)


class Features:
    """What lucent's objectives are handed: layers by name."""

    def __init__(self, maps: dict[str, Tensor]) -> None:
        self.maps = maps

    def __call__(self, layer: str) -> Tensor:
        return self.maps[layer]


class TestObjectives:
    maps = Features({"a": torch.randn(5, 7, 6, 6), "b": torch.randn(5, 4, 3, 3)})
    units = (Unit("a", 3), Unit("b", 1), Unit("a", 3), Unit("a", 0), Unit("b", 2))

    @pytest.mark.parametrize("name", ["channel", "neuron"])
    def test_channels_and_neurons_are_lucents(self, name: str) -> None:
        found = scores(name, self.maps.maps, self.units)
        theirs = [getattr(lucent, name)(unit.layer, unit.channel, batch=row) for row, unit in enumerate(self.units)]
        assert torch.allclose(found, torch.stack([-one(self.maps) for one in theirs]))

    def test_directions_are_lucents(self) -> None:
        found = scores("direction", self.maps.maps, self.units)
        for row, unit in enumerate(self.units):
            wanted = direction_of(unit, self.maps(unit.layer).shape[1])
            assert torch.allclose(found[row], -lucent.direction(unit.layer, wanted, batch=row)(self.maps))

    def test_directions_are_functions_of_layer_and_number(self) -> None:
        one = direction_of(Unit("a", 3), 16)
        assert torch.equal(one, direction_of(Unit("a", 3), 16))
        assert not torch.equal(one, direction_of(Unit("a", 4), 16))
        assert not torch.equal(one, direction_of(Unit("b", 3), 16))

    def test_deep_dream_is_the_mean_square(self) -> None:
        found = scores("deep-dream", self.maps.maps, self.units)
        assert torch.allclose(found[1], self.maps("b")[1].square().mean())

    def test_similarity_is_lucents_diversity(self) -> None:
        units = [Unit("a", number) for number in range(5)]
        assert torch.allclose(similarity(self.maps.maps, units), -lucent.diversity("a")(self.maps))

    def test_logits_are_layers_of_one_pixel(self) -> None:
        logits = torch.randn(2, 9)
        units = [Unit("fc", 8), Unit("fc", 0)]
        for name in ("channel", "neuron"):
            assert torch.equal(scores(name, {"fc": logits}, units), logits[[0, 1], [8, 0]])
        assert torch.allclose(
            similarity({"fc": logits}, units), torch.cosine_similarity(*logits, dim=0) ** 2, atol=1e-6
        )

    @pytest.mark.parametrize("name", OBJECTIVES)
    def test_optimising_makes_each_score_larger(self, name: str) -> None:
        body = small_network()
        units = [Unit("3", channel) for channel in range(6)]
        begun, done = run(body, units, objective=name, steps=1), run(body, units, objective=name, steps=24)
        assert done.scores.mean() > begun.scores.mean() + 0.1 * abs(begun.scores.mean())


class TestVisualise:
    def test_a_score_is_the_finished_images_own(self) -> None:
        body = small_network().eval()
        units = [Unit("0", 4), Unit("3", 2)]
        done = run(body, units)
        inputs = torch.from_numpy(done.images).permute(0, 3, 1, 2) / 255 - 0.5
        with torch.no_grad():
            wanted = body[0](inputs)[0, 4].mean(), body[:4](inputs)[1, 2].mean()
        assert np.allclose(done.scores, wanted, atol=1e-6)

    def test_the_same_bits_whatever_happened_before(self) -> None:
        body, units = small_network(), [Unit("3", channel) for channel in range(4)]
        first = run(body, units)
        torch.manual_seed(99)
        np.random.seed(99)  # noqa: NPY002
        run(body, [Unit("0", 1)] * 3)
        again = run(body, units)
        assert np.array_equal(first.images, again.images)
        assert np.array_equal(first.scores, again.scores)

    def test_an_image_does_not_depend_on_its_neighbours(self) -> None:
        body = small_network()
        one = run(body, [Unit("3", 0), Unit("3", 1), Unit("3", 2)], seeds=[7, 8, 9])
        two = run(body, [Unit("3", 5), Unit("3", 1), Unit("3", 4)], seeds=[17, 8, 19])
        assert np.array_equal(one.images[1], two.images[1])
        assert not np.array_equal(one.images[0], two.images[0])

    def test_seeds_make_different_images_of_one_unit(self) -> None:
        done = run(small_network(), [Unit("3", 0)] * 3)
        assert len({image.tobytes() for image in done.images}) == 3

    def test_nothing_of_the_network_or_the_random_states_is_touched(self) -> None:
        body = small_network().train()
        body[1].eval()
        body[3].weight.requires_grad_(False)
        body(torch.randn(4, 3, 32, 32)).sum().backward()
        state = {name: value.clone() for name, value in body.state_dict().items()}
        modes = [module.training for module in body.modules()]
        wanted = [weights.requires_grad for weights in body.parameters()]
        gradients = [None if weights.grad is None else weights.grad.clone() for weights in body.parameters()]
        random = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        device = spatial.device
        run(body, [Unit("0", 0), Unit("3", 1)])
        with pytest.raises(InputError):
            run(body, [Unit("6", 0)], size=20)
        assert all(torch.equal(value, state[name]) for name, value in body.state_dict().items())
        assert [module.training for module in body.modules()] == modes
        assert [weights.requires_grad for weights in body.parameters()] == wanted
        for weights, gradient in zip(body.parameters(), gradients, strict=True):
            assert (weights.grad is None) if gradient is None else torch.equal(weights.grad, gradient)
        assert torch.equal(torch.get_rng_state(), random[0])
        assert np.array_equal(np.random.get_state()[1], random[1])  # noqa: NPY002
        assert not any(module._forward_hooks or module._backward_hooks for module in body.modules())
        assert spatial.device == device

    def test_the_network_sees_images_of_their_own_size_and_stops_after_the_layer(self) -> None:
        class Beyond(nn.Module):
            def forward(self, x: torch.Tensor) -> None:
                raise AssertionError("the network went on")

        class Looking(nn.Conv2d):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                assert x.shape[1:] == (3, 40, 40)
                return super().forward(x)

        run(nn.Sequential(Looking(3, 4, 3), Beyond()), [Unit("0", 1)] * 2, size=40)

    def test_layers_in_one_batch_are_seen_before_they_are_changed_in_index(self) -> None:
        body = small_network()
        both = run(body, [Unit("1", 2), Unit("3", 1)])
        alone = run(body, [Unit("1", 2), Unit("1", 1)])
        assert np.allclose(both.scores[0], alone.scores[0], atol=1e-4)

    def test_a_layer_that_comes_twice_is_seen_first(self) -> None:
        class Twice(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3, padding=1)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.conv(self.conv(x) * 100 + 100)

        torch.manual_seed(0)
        body = Twice()
        done = run(body, [Unit("conv", 0)])
        inputs = torch.from_numpy(done.images).permute(0, 3, 1, 2) / 255 - 0.5
        with torch.no_grad():
            assert np.allclose(done.scores, body.conv(inputs)[0, 0].mean(), atol=1e-5)

    def test_diversity_makes_a_batch_less_alike(self) -> None:
        body, units = small_network(), [Unit("3", 2)] * 4

        def likeness(done: Visualised) -> float:
            inputs = torch.from_numpy(done.images).permute(0, 3, 1, 2) / 255 - 0.5
            with torch.no_grad():
                return float(similarity({"3": body.eval()[:4](inputs)}, units))

        assert likeness(run(body, units, steps=24, diversity=5.0)) < likeness(run(body, units, steps=24)) - 0.05

    def test_mixed_precision_gives_images(self) -> None:
        done = run(small_network(), [Unit("3", 2)] * 2, amp=torch.bfloat16)
        assert np.isfinite(done.scores).all()
        assert done.images.std() > 10

    def test_one_optimisation_serves_a_whole_batch(self) -> None:
        body, calls = small_network(), []
        body[0].register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
        run(body, [Unit("0", channel) for channel in range(8)], steps=5)
        assert calls == [8] * 6  # the last one scores the finished images


class TestTransformations:
    class Fixed:
        """Draws that are all the same: 0.5 is the middle of each range."""

        def __init__(self, value: float) -> None:
            self.value = value

        def random(self, shape: tuple[int, int], dtype: type[Any]) -> np.ndarray:
            return np.full(shape, self.value, dtype)

    def test_the_middle_of_the_ranges_shifts_right_and_down_alone(self) -> None:
        images = torch.rand(2, 3, 224, 224)
        wobble = RandomAffine([self.Fixed(0.5)] * 2, 1, torch.device("cpu"))  # type: ignore[list-item]
        moved = wobble(images)  # by 4 of 0 to 7 pixels, and 2 of 0 to 3
        assert torch.allclose(moved[..., 6:, 6:], images[..., :-6, :-6], atol=1e-3)

    def test_images_move_within_lucents_ranges_and_each_by_itself(self) -> None:
        randoms = [np.random.default_rng(seed) for seed in range(50)]
        wobble = RandomAffine(randoms, 40, torch.device("cpu"))
        turns = torch.atan2(wobble.rows[..., 1, 0], wobble.rows[..., 0, 0]).rad2deg()
        scales = 1 / wobble.rows[..., :2].det().sqrt()
        for values, low, high in ((turns, -10, 10), (scales, 0.9, 1.1)):
            assert low <= values.min() < low + 0.05 * (high - low)
            assert high >= values.max() > high - 0.05 * (high - low)
        shifts = -wobble.rows[..., 2] / 2 * 224  # in pixels of such an image
        found, counts = shifts.round(decimals=3).unique(return_counts=True)
        assert found.tolist() == list(range(11))
        # Of 8 sizes and then of 4, each alike: 0 and 10 in one way, 3 to 7 in four.
        assert torch.allclose(counts / 4000, torch.tensor([1, 2, 3, 4, 4, 4, 4, 4, 3, 2, 1]) / 32, atol=0.02)
        first = wobble(torch.rand(1, 3, 32, 32).expand(50, -1, -1, -1))
        assert len({image.numpy().tobytes() for image in first}) == 50

    def test_they_are_torchs_affine_ones(self) -> None:
        wobble = RandomAffine([np.random.default_rng(seed) for seed in range(3)], 2, torch.device("cpu"))
        images = torch.rand(3, 3, 20, 20)
        for rows in wobble.rows:
            grid = torch.nn.functional.affine_grid(rows, [3, 3, 20, 20], align_corners=False)
            wanted = torch.nn.functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
            assert torch.allclose(wobble(images), wanted, atol=1e-4)

    def test_what_comes_in_at_the_border_is_image(self) -> None:
        wobble = RandomAffine([np.random.default_rng(0)], 20, torch.device("cpu"))
        assert min(float(wobble(torch.ones(1, 3, 32, 32)).min()) for _ in range(20)) > 0.999


class TestRefused:
    def network(self) -> nn.Sequential:
        body = small_network()
        with torch.no_grad():
            body[3].bias[:3] = -1e4  # channels 0, 1, 2 of layer 4 are dead
            body[3].bias[3:] = 1.0
        return body

    def test_a_dead_unit_gives_way_at_once(self) -> None:
        asked = []

        def choose(index: int, attempt: int) -> Unit:
            asked.append((index, attempt))
            return Unit("4", (0, 5, 1)[index] if attempt == 0 else 3 + attempt)

        done = visualise(self.network(), choose, [1, 2, 3], mean=HALF, std=ONE, size=32, steps=6)
        assert done.refused == [["dead"], [], ["dead"]]
        assert [unit.channel for unit in done.units] == [4, 5, 4]
        assert sorted(asked) == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]

    def test_where_all_are_dead_the_last_one_stays(self) -> None:
        done = run(self.network(), [Unit("4", 0), Unit("4", 4)])
        assert done.refused == [["dead"] * (ATTEMPTS - 1), []]
        assert done.scores[0] == 0

    def test_a_flat_image_is_made_again(self) -> None:
        class Grey(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return -(x**2)  # largest where the image is grey

        body = nn.Sequential(nn.Conv2d(3, 3, 1), Grey())
        with torch.no_grad():
            body[0].weight.copy_(torch.eye(3)[:, :, None, None])
            body[0].bias.zero_()

        def choose(index: int, attempt: int) -> Unit:
            return Unit("0", 1) if index or attempt else Unit("1", 0)

        done = visualise(body, choose, [5, 6], mean=HALF, std=ONE, size=32, steps=16)
        assert done.refused == [["flat"], []]
        assert done.units == [Unit("0", 1)] * 2
        assert (done.scores > 0.05).all()

    def test_flat_ones_are_refused_by_their_looks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(optimise, "FLAT", 1e6)
        done = run(small_network(), [Unit("3", 0)] * 2, steps=2)
        assert done.refused == [["flat"] * (ATTEMPTS - 1)] * 2


class TestErrors:
    def test_what_the_network_cannot_take(self) -> None:
        with pytest.raises(InputError, match=r"^network: cannot take 2 images of 20×20 pixels \(.*\)$"):
            run(small_network(), [Unit("6", 0)] * 2, size=20)

    def test_a_layer_that_is_not_reached(self) -> None:
        class Unused(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.a, self.b = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.a(x)

        with pytest.raises(InputError, match=r"^network: its forward pass does not reach layer b$"):
            run(Unused(), [Unit("b", 0)])
