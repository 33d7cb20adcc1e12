"""The ways to load training images that `benchmarks/input_path.py` compares."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from paper import PaperPixMix, photographs, write_like_imagenet
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import pixmix
from mixset import MixingPool, MixingSet
from mixset._common import jpegs
from mixset._common.children import loader_worker
from pixmix._augment.crops import crop_and_flip, random_resized_crop
from pixmix._augment.settings import CIFAR, IMAGENET, PixMixSettings
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._data.labelled import LabelledImages
from pixmix.train._training.batches import Batch, BatchPlan, TrainingSet
from pixmix.train._training.loader import Loader, training_loader

WORKERS = 2
MIXING_IMAGES = 128


class PaperSet(Dataset):
    """Training images by the paper's code, which opens, resizes and crops a mixing image for each."""

    def __init__(self, images: LabelledImages, mixing: list[Path], settings: PixMixSettings) -> None:
        self.images, self.mixing, size = images, mixing, images.size
        small = images.array is not None
        crop = transforms.RandomCrop(size, padding=4) if small else transforms.RandomResizedCrop(size)
        self.crop = transforms.Compose([crop, transforms.RandomHorizontalFlip()])
        self.load = transforms.Compose([transforms.Resize(size * 8 // 7), transforms.RandomCrop(size)])
        self.mix = PaperPixMix(settings, size)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        mixing_image = Image.open(self.mixing[np.random.choice(len(self.mixing))]).convert("RGB")  # noqa: NPY002
        mixed = self.mix(self.crop(opened(self.images, index)), self.load(mixing_image))
        return mixed, int(self.images.labels[index])


class Plain(Dataset):
    """Training images like those of torchvision's data sets, with an optional transform."""

    def __init__(self, images: LabelledImages, transform: Callable[[Image.Image], Any] = lambda image: image) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(opened(self.images, index)), int(self.images.labels[index])


def opened(images: LabelledImages, index: int) -> Image.Image:
    if images.array is not None:
        return Image.fromarray(images.array[index])
    return Image.open(images.files[index]).convert("RGB")


class Before(Dataset):
    """The batches of `pixmix train` as made up to 0.2: files decoded by Pillow, batches handed over by torch."""

    def __init__(self, images: TrainingSet) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        return self.images.batch(0, np.array(indices, np.int64))

    def loader(self, batch: int) -> DataLoader:
        """Its DataLoader."""
        begin = loader_worker()

        def begin_with_pillow(worker: int) -> None:
            begin(worker)
            jpegs.simplejpeg = None

        options: dict[str, Any] = {"num_workers": WORKERS, "persistent_workers": True, "shuffle": True}
        return DataLoader(self, batch, collate_fn=lambda made: made, worker_init_fn=begin_with_pillow, **options)


def training_images(size: int, count: int, folder: Path, own: Sequence[Path] = ()) -> LabelledImages:
    """Parts of a photograph, in memory at 32 px or else in JPEG files like ImageNet's, repeated up to `count`.

    Args:
        own: image files that the JPEG files show instead.
    """
    labels = np.zeros(count, np.int64)
    if size == 32:
        distinct = np.stack([np.asarray(image) for image in photographs("china.jpg", 500, size)])
        return LabelledImages(labels, size, array=distinct[np.arange(count) % len(distinct)])
    files = sorted(folder.glob("training-*.jpg"))
    if not files:
        images = [Image.open(file) for file in own] or photographs("china.jpg", 128, 500)
        files = write_like_imagenet(images, folder)
    return LabelledImages(labels, size, files=[files[number % len(files)] for number in range(count)])


def loaders(
    size: int, folder: Path, batch: int, counts: tuple[int, int], own: Sequence[Path]
) -> dict[str, DataLoader | Loader]:
    """The loader of the paper's code with the first of `counts` images, and ours with the second.

    At 224 px also those for a GPU, which mixes by itself.
    """
    settings, mixing = (CIFAR if size == 32 else IMAGENET), []
    (folder / "mixing").mkdir()
    for number, image in enumerate(photographs("flower.jpg", MIXING_IMAGES, 512)):
        mixing.append(folder / "mixing" / f"{number}.jpg")
        image.save(mixing[-1], quality=90)
    start = time.perf_counter()
    pool = MixingPool(MixingSet(folder / "mixing"), size, cache=folder / "cache", quiet=True)
    print(f"{size} px: the pool of {len(pool)} mixing images was made in {time.perf_counter() - start:.1f} s")
    small = size == 32
    few, many = (training_images(size, count, folder, own) for count in counts)
    cut = transforms.Compose(
        [
            transforms.RandomCrop(size, padding=4) if small else transforms.RandomResizedCrop(size),
            transforms.RandomHorizontalFlip(),
        ]
    )
    mix = pixmix.PixMix(
        pool, k=settings.k, beta=settings.beta, aug_severity=settings.aug_severity, all_ops=settings.all_ops
    )
    keyed = pixmix.PixMixDataset(
        Plain(many),
        pool,
        seed=0,
        **vars(settings),
        crop=crop_and_flip if small else partial(random_resized_crop, size=size),
    )
    plain: dict[str, Any] = {"batch_size": batch, "num_workers": WORKERS, "persistent_workers": True}
    method, plan = PixMixMethod("pixmix", settings=settings, pool=pool), BatchPlan(len(many), batch, seed=0)
    ours = TrainingSet(many, method, seed=0, flip=True)
    found = {
        "paper": DataLoader(PaperSet(few, mixing, settings), shuffle=True, **plain),
        "before": Before(ours).loader(batch),
        "pixmix train": training_loader(ours, plan, workers=WORKERS),
        "PixMixDataset": DataLoader(keyed, sampler=pixmix.EpochSampler(len(keyed), seed=0), **plain),
        "PixMix transform": DataLoader(Plain(many, transforms.Compose([cut, mix])), shuffle=True, **plain),
    }
    if not small:
        crops = TrainingSet(many, method, seed=0, flip=True, tensors=True)
        found["before, crops alone"] = Before(crops).loader(batch)
        found["pixmix train, crops alone"] = training_loader(crops, plan, workers=WORKERS)
    return found
