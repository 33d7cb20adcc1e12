"""The transform: every form of an image, composed and pickled."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

import pixmix
from mixset import MixingPool, MixingSet
from mixset._common.decoding import decode
from mixset._common.errors import InputError
from pixmix._augment.draws import Key, draw
from pixmix._augment.settings import MIXINGS, PixMixSettings
from pixmix._augment.transform import PixMix
from pixmix._engines import find_engine


def mixed(transform: PixMix, image: Any) -> dict[str, torch.Tensor | np.ndarray] | torch.Tensor:
    torch.manual_seed(5)
    return transform(image)


def test_all_forms_of_an_image_give_the_same(
    folders: tuple[Path, Path], photographs: Callable[..., np.ndarray]
) -> None:
    transform = PixMix(folders[0], k=4)
    array = photographs(1, 32, 32)[0]
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    expected = mixed(transform, Image.fromarray(array))
    assert expected.shape == (3, 32, 32) and expected.dtype == torch.float32
    assert expected.min() >= 0 and expected.max() <= 1
    assert type(expected) is torch.Tensor
    for form in (array, tensor, tv_tensors.Image(tensor), Image.fromarray(array).convert("RGBA")):
        assert torch.equal(mixed(transform, form), expected)
    assert isinstance(mixed(transform, tv_tensors.Image(tensor)), tv_tensors.Image)


def test_grey_images_become_rgb(folders: tuple[Path, Path], photographs: Callable[..., np.ndarray]) -> None:
    transform = PixMix(folders[0], k=4)
    grey = photographs(1, 32, 32)[0, :, :, 0]
    expected = mixed(transform, np.repeat(grey[:, :, None], 3, axis=2))
    for form in (grey, grey[:, :, None], Image.fromarray(grey), torch.from_numpy(grey)[None], torch.from_numpy(grey)):
        assert torch.equal(mixed(transform, form), expected)


@pytest.mark.parametrize("kind", ["I;16", "F", "transparent palette"])
def test_images_are_decoded_as_in_a_mixing_set(folders: tuple[Path, Path], tmp_path: Path, kind: str) -> None:
    """16 bits and floats are no more cut off at 255 than where a mixing set or a training folder is read."""
    ramp = np.linspace(0, 1, 32 * 32).reshape(32, 32)
    image = Image.fromarray((ramp * 65535).astype(np.uint16) if kind == "I;16" else ramp.astype(np.float32))
    if kind == "transparent palette":
        image = Image.fromarray((ramp * 255).astype(np.uint8)).convert("P")
        image.info["transparency"] = 200
    path = tmp_path / "0.tif" if kind == "F" else tmp_path / "0.png"
    image.save(path)
    made = PixMix(folders[0], k=0, p=0)(Image.open(path))
    np.testing.assert_array_equal(np.rint(made.numpy() * 255).transpose(1, 2, 0), decode(path))
    assert abs(made.mean() - 0.5) < 0.01
    control = PixMix(folders[0], k=0, p=0)(Image.fromarray((ramp * 255).astype(np.uint8)))
    assert abs(control.mean() - 0.5) < 0.01


def test_it_is_draw_and_engine_with_one_torch_number(
    folders: tuple[Path, Path], photographs: Callable[..., np.ndarray]
) -> None:
    array = photographs(1, 32, 32)[0]
    settings = PixMixSettings(k=3, beta=4.0, aug_severity=2.0, all_ops=False, mixings=MIXINGS)
    transform = PixMix(
        folders[0], k=3, beta=4.0, aug_severity=2.0, all_ops=False, mixings=MIXINGS, engine="pillow", size=32
    )
    pool = MixingPool(MixingSet(folders[0]), 32)
    torch.manual_seed(5)
    seeds = [int(torch.randint(2**63 - 1, ())) for _ in range(20)]
    torch.manual_seed(5)
    for seed in seeds:
        draws = draw(settings, Key(seed), np.zeros(1, int), pool)
        expected = find_engine("pillow")(array[None], pool.images, draws)
        np.testing.assert_array_equal(transform(array).numpy(), expected[0])


def test_it_composes_and_leaves_labels_alone(
    folders: tuple[Path, Path], photographs: Callable[..., np.ndarray]
) -> None:
    chain = v2.Compose(
        [v2.RandomHorizontalFlip(), v2.RandomCrop(32, padding=4), PixMix(folders), v2.Normalize([0.5] * 3, [0.5] * 3)]
    )
    photograph = Image.fromarray(photographs(1, 32, 32)[0])
    image, label = chain(photograph, 3)
    assert image.shape == (3, 32, 32) and label == 3 and image.min() < 0
    sample = {"image": tv_tensors.Image(torch.zeros(3, 32, 32, dtype=torch.uint8)), "label": torch.tensor(2)}
    sample["boxes"] = tv_tensors.BoundingBoxes(torch.ones(1, 4), format="XYXY", canvas_size=(32, 32))
    out = chain.transforms[2](sample)
    assert out["image"].dtype == torch.float32 and out["label"] is sample["label"]
    assert torch.equal(out["boxes"], sample["boxes"])
    out = PixMix(folders)((np.zeros((32, 32, 3), np.uint8), torch.tensor(4)))
    assert out[0].dtype == torch.float32 and out[1] == 4


MASK = np.zeros((32, 32), np.uint8)
MASK[8:24, 8:24] = 7
COLOUR = torch.from_numpy(np.arange(3 * 32 * 32, dtype=np.uint16).reshape(3, 32, 32).astype(np.uint8))


@pytest.mark.parametrize(
    "image", [Image.new("RGB", (32, 32)), tv_tensors.Image(COLOUR), COLOUR, COLOUR.permute(1, 2, 0).numpy()]
)
def test_arrays_and_tensors_beside_an_image_pass(folders: tuple[Path, Path], image: Any) -> None:
    """As through torchvision's own transforms; the order in a sample does not matter."""
    beside = {
        "mask": MASK,
        "masks": torch.from_numpy(MASK)[None].repeat(5, 1, 1),
        "key points": np.zeros((5, 2)),
        "boxes": torch.ones(4, 4),
        "heat": np.zeros((32, 32, 17), np.float32),
        "segments": tv_tensors.Mask(torch.from_numpy(MASK)),
        "boxes of v2": tv_tensors.BoundingBoxes(torch.ones(1, 4), format="XYXY", canvas_size=(32, 32)),
        "label": 3,
        "name": "a",
    }
    transform = PixMix(folders[0], size=32)
    for sample in ({"image": image, **beside}, {**beside, "image": image}):
        out = transform(sample)
        assert out["image"].shape == (3, 32, 32) and out["image"].dtype == torch.float32
        assert all(out[name] is beside[name] for name in beside)


def test_the_first_plain_tensor_is_the_image(folders: tuple[Path, Path]) -> None:
    """torchvision's rule, where no part says that it is an image."""
    first, second = PixMix(folders[0], size=32)((COLOUR, COLOUR))
    assert first.dtype == torch.float32 and second is COLOUR
    image, mask = PixMix(folders[0], size=32)((Image.new("RGB", (32, 32)), COLOUR))
    assert image.dtype == torch.float32 and mask is COLOUR
    one, two = PixMix(folders[0], size=32)((Image.new("RGB", (32, 32)), tv_tensors.Image(COLOUR)))
    assert one.dtype == two.dtype == torch.float32


def test_all_frames_of_a_video_are_mixed_alike(folders: tuple[Path, Path]) -> None:
    transform = PixMix(folders[0], size=32)
    video = tv_tensors.Video(torch.stack([COLOUR, COLOUR.flip(2), COLOUR]))
    made = mixed(transform, video)
    assert isinstance(made, tv_tensors.Video) and made.dtype == torch.float32 and made.shape == (3, 3, 32, 32)
    for frame, image in zip(made, (COLOUR, COLOUR.flip(2), COLOUR), strict=True):
        assert torch.equal(frame, mixed(transform, image))
    out = mixed(transform, {"video": video, "mask": MASK})
    assert out["mask"] is MASK and torch.equal(out["video"], made)


def test_p_is_the_part_of_samples_that_are_mixed(
    folders: tuple[Path, Path], photographs: Callable[..., np.ndarray]
) -> None:
    array = photographs(1, 32, 32)[0]
    always, often, never = (PixMix(folders[0], size=32, p=p) for p in (1, 0.3, 0))
    plain = torch.from_numpy(array.transpose(2, 0, 1) / np.float32(255))
    left = 0
    for seed in range(200):
        images = []
        for transform in (always, often, never):
            torch.manual_seed(seed)
            images.append(transform(array))
        assert torch.equal(images[2], plain)
        # Drawn from the number that all else is drawn from: what is mixed is mixed as ever.
        assert torch.equal(images[1], images[0]) or torch.equal(images[1], plain)
        left += torch.equal(images[1], plain)
    assert 120 < left < 170  # of 140, and a tenth of the rest is mixed with nothing


def test_several_folders_with_weights(folders: tuple[Path, Path]) -> None:
    only_second = PixMix(folders, weights=(0.0, 1.0), size=32, partner="mixing_set", mixings=("darken_or_lighten",))
    pool = only_second._pool.get((32, 32))
    assert pool.counts == (4, 2) and pool.weights == (0.0, 1.0)
    assert draw(only_second.settings, Key(0), np.arange(1000), pool).image.min() == 4


def test_without_a_mixing_set_it_mixes_the_input(photographs: Callable[..., np.ndarray]) -> None:
    transform = PixMix(None, partner="input")
    assert transform(photographs(1, 20, 24)[0]).shape == (3, 20, 24)
    assert transform(photographs(1, 9, 9)[0]).shape == (3, 9, 9)


def test_repr_and_pickle(folders: tuple[Path, Path], photographs: Callable[..., np.ndarray]) -> None:
    transform = PixMix(folders[0], k=2)
    assert "k=2" in repr(transform) and "mixings=('add', 'multiply')" in repr(transform)
    array = photographs(1, 32, 32)[0]
    for copy in (pickle.loads(pickle.dumps(transform)), pickle.loads(pickle.dumps(transform))):
        assert torch.equal(mixed(copy, array), mixed(transform, array))
    assert len(pickle.dumps(transform)) < 20_000  # the pool goes by its path


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda folder: PixMix(folder, k=-1), "k: "),
        (lambda folder: PixMix(folder, beta=float("nan")), "beta: "),
        (lambda folder: PixMix(folder, mixings=("blend",)), "mixings: .*blend.*known"),
        (lambda folder: PixMix(folder, engine="cuda"), "engine: .*known"),
        (lambda folder: PixMix(None), "mixing set: .*needs one"),
        (lambda folder: PixMix("fractals"), r"mixset\.generate\.default_set"),
        (lambda folder: PixMix(folder / "missing"), "missing"),
        (lambda folder: PixMix(folder.parent / "empty"), "empty"),
        (lambda folder: PixMix(MixingSet(folder), weights=(1.0,)), "weights: "),
        (lambda folder: PixMix(folder, p=1.5), "p: a number from 0 to 1"),
        (lambda folder: PixMix(folder)(np.zeros((32, 32, 3), np.float32)), "float32 array; .*before ToDtype"),
        (lambda folder: PixMix(folder)(np.zeros((32, 32), np.uint16)), "uint16 array; .*divide by 257"),
        (lambda folder: PixMix(folder)(np.zeros((32, 32, 4), np.uint8)), "shape .*alpha"),
        (lambda folder: PixMix(folder)(torch.zeros(3, 32, 32)), "put PixMix before ToDtype, ToTensor and Normalize"),
        (lambda folder: PixMix(folder)(torch.zeros(3, 32, 32).bfloat16()), "put PixMix before ToDtype"),
        (lambda folder: PixMix(folder)((tv_tensors.Image(torch.zeros(3, 9, 9)), MASK)), "put PixMix before ToDtype"),
        (lambda folder: PixMix(folder)(tv_tensors.Video(torch.zeros(2, 3, 9, 9))), "put PixMix before ToDtype"),
        (lambda folder: PixMix(folder)(tv_tensors.Video(COLOUR[None, None])), "video: .*T, 3, H, W"),
        (lambda folder: PixMix(folder)({"label": 3}), "sample: has no image"),
        (lambda folder: PixMix(folder)("a.png"), "sample: has no image"),
        (lambda folder: PixMix(folder)(torch.zeros(4, 32, 32, dtype=torch.uint8)), r"shape \(4, 32, 32\)"),
        (lambda folder: PixMix(folder)(np.zeros((2, 32, 32, 3), np.uint8)), r"shape \(2, 32, 32, 3\)"),
        (lambda folder: PixMix(folder, size=32)(np.zeros((32, 33, 3), np.uint8)), "32×32 pixels are needed, got 32×33"),
        (lambda folder: PixMix(folder, size=0), "size"),
    ],
)
def test_bad_input_is_one_line(folders: tuple[Path, Path], make: Callable[..., Any], line: str) -> None:
    (folders[0].parent / "empty").mkdir()
    with pytest.raises(InputError, match=line) as error:
        make(folders[0])
    assert "\n" not in str(error.value)


def test_the_public_names() -> None:
    assert pixmix.PixMix is PixMix
