"""PixMix in timm's loader, with timm's networks, optimizers and schedules.

    python examples/timm_loader.py --data FOLDER --mixing-set MY-SET --model resnet50 --pretrained --lr 0.01

FOLDER has train/ and val/ with a folder a class. Without --mixing-set, a set of fractals is made on first use.
"""

import argparse
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader

import mixset.generate
import pixmix

try:
    import timm
    from timm.data import create_dataset, create_loader, resolve_model_data_config
    from timm.optim import create_optimizer_v2
    from timm.scheduler import create_scheduler_v2
except ImportError:
    sys.exit("this example needs timm: pip install timm")


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--mixing-set", nargs="+", help="folders of images, or sets that `mixset make` made")
    parser.add_argument("--model", default="resnet50", help="a classifier of timm")
    parser.add_argument("--pretrained", action="store_true", help="begin with its released weights")
    parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.mixing_set = args.mixing_set or mixset.generate.default_set(args.size)
    return args


def make_model(args: argparse.Namespace) -> nn.Module:
    classes = len(create_dataset("", args.data, split="train").reader.class_to_idx)
    return timm.create_model(args.model, pretrained=args.pretrained, num_classes=classes).to(args.device)


def make_loaders(args: argparse.Namespace, model: nn.Module) -> tuple[DataLoader, DataLoader]:
    """timm's loaders of training and validation images, with PixMix in the first."""
    config = resolve_model_data_config(model)
    common = {
        "input_size": (3, args.size, args.size),
        "batch_size": args.batch_size,
        "mean": config["mean"],
        "std": config["std"],
        "num_workers": args.workers,
        "pin_memory": args.device.startswith("cuda"),
        # timm's prefetcher takes whole numbers and would cut PixMix's floats to 0 and 1.
        "use_prefetcher": False,
    }
    train = create_loader(create_dataset("", args.data, split="train"), is_training=True, color_jitter=None, **common)
    steps = train.dataset.transform.transforms  # crop, flip, to tensor, normalise
    # Its result is a tensor in [0, 1], which "to tensor" leaves as it is and "normalise" normalises.
    steps.insert(-2, pixmix.PixMix(args.mixing_set, size=args.size, k=4, beta=4, aug_severity=1))
    return train, create_loader(create_dataset("", args.data, split="validation"), **common)


@torch.no_grad()
def accuracy(model: nn.Module, loader: DataLoader, device: str) -> float:
    model.eval()
    right = [model(images.to(device)).argmax(1).cpu() == labels for images, labels in loader]
    return torch.cat(right).float().mean().item()


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    torch.manual_seed(args.seed)
    model = make_model(args)
    train, validation = make_loaders(args, model)
    optimizer = create_optimizer_v2(model, opt="sgd", lr=args.lr, momentum=0.9, weight_decay=1e-4)
    schedule, epochs = create_scheduler_v2(
        optimizer, sched="cosine", num_epochs=args.epochs, updates_per_epoch=len(train), step_on_epochs=False
    )
    step = 0
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for images, labels in train:
            loss = nn.functional.cross_entropy(model(images.to(args.device)), labels.to(args.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            schedule.step_update(step)
            total += loss.item()
        right = accuracy(model, validation, args.device)
        print(f"epoch {epoch + 1}: loss {total / len(train):.3f}, accuracy {right:.1%}", flush=True)


if __name__ == "__main__":
    main()
