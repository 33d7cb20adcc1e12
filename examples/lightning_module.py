"""PixMix in Lightning: a data module whose images are a function of (seed, epoch, index) for any number of workers.

    python examples/lightning_module.py --data FOLDER --size 64 --mixing-set MY-SET --epochs 30

FOLDER has train/ and test/ with a folder a class. Without --mixing-set, a set of fractals is made on first use.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, models
from torchvision.transforms import v2

import mixset.generate
import pixmix

try:
    import lightning
except ImportError:
    sys.exit("this example needs Lightning: pip install lightning")


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mixing-set", nargs="+", help="folders of images, or sets that `mixset make` made")
    parser.add_argument("--network", default="resnet18", help="a classifier of torchvision")
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="auto", help="auto, cpu, gpu: what Lightning calls an accelerator")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.mixing_set = args.mixing_set or mixset.generate.default_set(args.size)
    return args


class MixedImages(lightning.LightningDataModule):
    """An image folder, with PixMix done to its training images; all images are float tensors in [0, 1]."""

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__()
        self.args = args
        fit = [v2.Resize(args.size), v2.CenterCrop(args.size)]
        # These draw from torch's generator; PixMixDataset keys them by (seed, epoch, index), too.
        cut = v2.Compose([*fit, v2.RandomCrop(args.size, padding=args.size // 8), v2.RandomHorizontalFlip()])
        images = datasets.ImageFolder(args.data / "train", cut)
        self.classes = len(images.classes)
        self.train = pixmix.PixMixDataset(images, args.mixing_set, seed=args.seed, size=args.size)
        whole = v2.Compose([*fit, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
        self.test = datasets.ImageFolder(args.data / "test", whole)

    def loader(self, dataset: Any, **options: Any) -> DataLoader:
        workers = self.args.workers
        return DataLoader(dataset, self.args.batch_size, num_workers=workers, persistent_workers=workers > 0, **options)

    def train_dataloader(self) -> DataLoader:
        # Lightning calls the sampler's set_epoch before each epoch.
        sampler = pixmix.EpochSampler(len(self.train), seed=self.args.seed)
        lone = len(sampler) % self.args.batch_size == 1  # batch normalisation cannot train on one image
        return self.loader(self.train, sampler=sampler, drop_last=lone)

    def val_dataloader(self) -> DataLoader:
        return self.loader(self.test)


class Classifier(lightning.LightningModule):
    """A network of torchvision that takes images in [0, 1]: the normaliser is its first layer."""

    def __init__(self, args: argparse.Namespace, classes: int) -> None:
        super().__init__()
        self.args = args
        body = models.get_model(args.network, num_classes=classes)
        self.network = pixmix.Normalized(body, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, labels = batch
        loss = nn.functional.cross_entropy(self.network(images), labels)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        images, labels = batch
        self.log("accuracy", (self.network(images).argmax(1) == labels).float().mean())

    def on_train_epoch_end(self) -> None:
        metrics = self.trainer.callback_metrics
        self.print(f"epoch {self.current_epoch + 1}: loss {metrics['loss']:.3f}, accuracy {metrics['accuracy']:.1%}")

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = torch.optim.SGD(self.parameters(), self.args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
        steps = self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    lightning.seed_everything(args.seed)
    data = MixedImages(args)
    trainer = lightning.Trainer(max_epochs=args.epochs, accelerator=args.device, devices=1)
    trainer.fit(Classifier(args, data.classes), data)


if __name__ == "__main__":
    main()
