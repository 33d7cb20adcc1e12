"""PixMix in a plain torch loop with torchvision's data sets, transforms and networks.

    python examples/torchvision_loop.py --epochs 30
    python examples/torchvision_loop.py --data FOLDER --size 64 --mixing-set MY-SET
    python examples/torchvision_loop.py --device cuda --on-device     # whole batches are mixed on the GPU

FOLDER has train/ and test/ with a folder a class; without --data it is CIFAR-10, downloaded to ./cifar10. Without
--mixing-set, a set of fractals is made on first use.
"""

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models
from torchvision.transforms import v2

import mixset.generate
import pixmix

MEAN = STD = (0.5, 0.5, 0.5)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--mixing-set", nargs="+", help="folders of images, or sets that `mixset make` made")
    parser.add_argument("--network", default="resnet18", help="a classifier of torchvision")
    parser.add_argument("--size", type=int, default=32, help="side of the images in pixels")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--on-device", action="store_true", help="mix batches there, not images in the workers")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.mixing_set = args.mixing_set or mixset.generate.default_set(args.size)
    return args


def make_loaders(args: argparse.Namespace) -> tuple[DataLoader, DataLoader, int]:
    """Loaders of training and test images, and how many classes there are."""
    fit = [v2.Resize(args.size), v2.CenterCrop(args.size)]
    cut = [v2.RandomCrop(args.size, padding=args.size // 8), v2.RandomHorizontalFlip()]
    if args.on_device:
        train = v2.Compose([*fit, *cut, v2.PILToTensor()])  # uint8, for `make_mixer`
    else:
        # PixMix stands behind crop and flip; it takes the PIL image and gives a float tensor in [0, 1].
        mix = pixmix.PixMix(args.mixing_set, size=args.size, k=4, beta=3, aug_severity=3)
        train = v2.Compose([*fit, *cut, mix, v2.Normalize(MEAN, STD)])
    test = v2.Compose([*fit, v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    if args.data is None:
        sets = [datasets.CIFAR10("cifar10", part, how, download=True) for part, how in ((True, train), (False, test))]
    else:
        sets = [datasets.ImageFolder(args.data / part, how) for part, how in (("train", train), ("test", test))]
    common = {"batch_size": args.batch_size, "num_workers": args.workers, "persistent_workers": args.workers > 0}
    # PixMix draws from torch's generator, which the loader seeds in each worker.
    lone = len(sets[0]) % args.batch_size == 1  # batch normalisation cannot train on one image
    training = DataLoader(sets[0], shuffle=True, drop_last=lone, **common)
    return training, DataLoader(sets[1], **common), len(sets[0].classes)


def make_mixer(args: argparse.Namespace) -> nn.Module:
    """What is left to do to training batches on the device."""
    if not args.on_device:
        return nn.Identity()
    mix = pixmix.PixMixBatch(args.mixing_set, size=args.size, k=4, beta=3, aug_severity=3, seed=args.seed)
    return nn.Sequential(mix, v2.Normalize(MEAN, STD))


def make_network(args: argparse.Namespace, classes: int) -> nn.Module:
    network = models.get_model(args.network, num_classes=classes)
    if isinstance(network, models.ResNet) and args.size <= 64:  # its first layers would leave little of them
        network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    return network.to(args.device, memory_format=torch.channels_last)


@torch.no_grad()
def accuracy(network: nn.Module, loader: DataLoader, device: str) -> float:
    network.eval()
    right = [network(images.to(device)).argmax(1).cpu() == labels for images, labels in loader]
    return torch.cat(right).float().mean().item()


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    torch.manual_seed(args.seed)
    train, test, classes = make_loaders(args)
    mixer, network = make_mixer(args), make_network(args, classes)
    optimizer = torch.optim.SGD(network.parameters(), args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs * len(train))
    for epoch in range(args.epochs):
        network.train()
        total = 0.0
        for images, labels in train:
            images, labels = mixer(images.to(args.device)), labels.to(args.device)
            loss = nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        right = accuracy(network, test, args.device)
        print(f"epoch {epoch + 1}: loss {total / len(train):.3f}, accuracy {right:.1%}", flush=True)


if __name__ == "__main__":
    main()
