"""The examples: each trains as it stands, and what it feeds its network is PixMix's images, normalised once."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch_threads import one_thread as one_thread

FOLDER = Path(__file__).parents[2] / "examples"
CLASSES = {"blue": (0, 60, 255), "brown": (200, 120, 0)}
"""Flat colours: whatever else is in a training image is the border of its crop or was mixed in."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an example writes beside its output goes into the test's folder."""
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two classes of flat images, six coarse random mixing images, and the flags for a short run on them."""
    root = tmp_path_factory.mktemp("images")
    for part, count in {"train": 24, "test": 8, "val": 8}.items():
        for name, colour in CLASSES.items():
            (root / part / name).mkdir(parents=True)
            for index in range(count):
                Image.new("RGB", (20, 18), colour).save(root / part / name / f"{index}.png")
    (root / "mixing").mkdir()
    random = np.random.default_rng(3)
    for index in range(6):
        coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3)).astype(np.uint8))
        coarse.resize((40, 40)).save(root / "mixing" / f"{index}.png")
    flags = {"--data": root, "--mixing-set": root / "mixing", "--size": 16, "--epochs": 4, "--batch-size": 8}
    flags |= {"--lr": 0.002, "--workers": 0, "--device": "cpu"}
    return [str(part) for pair in flags.items() for part in pair]


@dataclass(frozen=True)
class Example:
    """A program of examples/ and how to get at its training images."""

    name: str
    needs: str
    batches: Callable[[ModuleType, list[str]], Any]
    """Its loader of training batches, from its module and its arguments."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """What its images are normalised with before they come to the network."""
    arguments: tuple[str, ...] = ()

    def load(self) -> ModuleType:
        if importlib.util.find_spec(self.needs) is None:
            pytest.skip(f"{self.needs} is not installed")
        spec = importlib.util.spec_from_file_location(f"example_{self.name}", FOLDER / f"{self.name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module


def timms(module: ModuleType, arguments: list[str]) -> Any:
    args = module.parse(arguments)
    return module.make_loaders(args, module.make_model(args))[0]


class Mixed:
    """The plain loop's batches as they come to the network, mixed on the device where that is asked for."""

    def __init__(self, module: ModuleType, arguments: list[str]) -> None:
        args = module.parse(arguments)
        self.loader, self.mixer = module.make_loaders(args)[0], module.make_mixer(args)

    def __iter__(self) -> Iterator[Any]:
        return ((self.mixer(images), labels) for images, labels in self.loader)


class Lightnings:
    """The loader as Lightning reads it, which tells the sampler each epoch."""

    def __init__(self, module: ModuleType, arguments: list[str]) -> None:
        self.loader, self.epoch = module.MixedImages(module.parse(arguments)).train_dataloader(), 0

    def __iter__(self) -> Iterator[Any]:
        self.loader.sampler.set_epoch(self.epoch)
        self.epoch += 1
        return iter(self.loader)


EXAMPLES = [
    Example("torchvision_loop", "torchvision", Mixed, (0.5,) * 3, (0.5,) * 3),
    Example("torchvision_loop", "torchvision", Mixed, (0.5,) * 3, (0.5,) * 3, arguments=("--on-device",)),
    Example("timm_loader", "timm", timms, (0.5,) * 3, (0.5,) * 3, arguments=("--model", "test_resnet")),
    Example("lightning_module", "lightning", Lightnings, (0.0,) * 3, (1.0,) * 3),
]
examples = pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: " ".join((example.name, *example.arguments))
)


@examples
@pytest.mark.filterwarnings("ignore")
def test_it_trains(example: Example, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    example.load().main([*arguments, *example.arguments])
    lines = re.findall(r"epoch (\d): loss (\d+\.\d+), accuracy (\d+\.\d)%", capsys.readouterr().out)
    assert [line[0] for line in lines] == ["1", "2", "3", "4"]
    # Two dozen steps go up and down, by how a processor rounds, too: the best epoch counts. A guess has a loss of 0.69.
    losses = [float(line[1]) for line in lines]
    assert min(losses) < 0.55 and max(losses) < 5
    assert max(float(line[2]) for line in lines) > 60


@pytest.mark.filterwarnings("ignore")
def test_lightnings_own_checkpoint_is_measured(arguments: list[str], tmp_path: Path) -> None:
    """The file that it leaves by itself, whose names begin with the example's and the normaliser's."""
    from pixmix.train._evaluation.models import load_model

    example = next(example for example in EXAMPLES if example.needs == "lightning")
    module = example.load()
    module.main([*arguments, "--epochs", "1"])
    (path,) = tmp_path.rglob("*.ckpt")
    state = torch.load(path, weights_only=False)["state_dict"]
    body = load_model(str(path), network="resnet18").network.body
    assert all(torch.equal(value, state[f"network.body.{name}"]) for name, value in body.state_dict().items())


def epoch(batches: Any) -> tuple[Tensor, Tensor]:
    images, labels = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(labels)


@examples
def test_its_images_are_mixed_anew_each_epoch(example: Example, arguments: list[str]) -> None:
    torch.manual_seed(0)
    batches = example.batches(example.load(), [*arguments, *example.arguments])
    (first, labels), (second, _) = epoch(batches), epoch(batches)
    assert first.shape == (48, 3, 16, 16) and first.dtype == torch.float32
    assert torch.bincount(labels).tolist() == [24, 24]
    for images in (first, second):
        colours = [len(torch.unique(image.flatten(1), dim=1).T) for image in images]
        # Of the rounds, 61 % mix an image in; a flat one and its border have two colours.
        assert sum(count > 20 for count in colours) > 20
    contents = [{image.numpy().tobytes() for image in images} for images in (first, second)]
    assert len(contents[0] - contents[1]) > 30


@examples
def test_its_images_are_normalised_once(example: Example, arguments: list[str]) -> None:
    torch.manual_seed(0)
    images, labels = epoch(example.batches(example.load(), [*arguments, *example.arguments]))
    mean, std = (torch.tensor(values)[None, :, None, None] for values in (example.mean, example.std))
    restored = images * std + mean
    assert -1e-6 <= restored.min() <= 0.01 and 0.99 <= restored.max() <= 1 + 1e-6
    # About every tenth image is not changed at all: it has its class's colour exactly.
    for label, colour in enumerate(CLASSES.values()):
        flat = torch.tensor(colour)[:, None, None] / 255
        assert any((image - flat).abs().max() < 1e-6 for image in restored[labels == label][:, :, 4:-4, 4:-4])


@examples
@pytest.mark.filterwarnings("ignore")
def test_a_last_batch_of_one_image_kills_none(example: Example, arguments: list[str]) -> None:
    """Of 48 images; batch normalisation cannot train on one."""
    flags = [*arguments, *example.arguments, "--batch-size", "47"]
    sizes = [len(labels) for _, labels in example.batches(example.load(), flags)]
    assert sizes == [47]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_it_uses_public_names_alone(path: Path) -> None:
    assert path.stem in {example.name for example in EXAMPLES}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in ("pixmix", "mixset")
        elif isinstance(node, ast.Import):
            own = [alias.name for alias in node.names if alias.name.split(".")[0] in ("pixmix", "mixset")]
            assert set(own) <= {"pixmix", "mixset", "mixset.generate"}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pixmix":
            import pixmix

            assert node.attr in pixmix.__all__  # type: ignore[attr-defined]


@pytest.mark.parametrize("missing", ["timm", "lightning"])
def test_what_is_missing_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    example = next(example for example in EXAMPLES if example.needs == missing)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    with pytest.raises(SystemExit, match=f"pip install {missing}"):
        example.load()
