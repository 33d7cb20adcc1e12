"""The corruptions of ImageNet-C-bar and CIFAR-C-bar."""
