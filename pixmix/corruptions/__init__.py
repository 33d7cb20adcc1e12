"""The benchmark corruptions (ImageNet-C, C-bar and P and their CIFAR forms) for any picture; no torch."""
