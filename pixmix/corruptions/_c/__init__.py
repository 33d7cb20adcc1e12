"""The corruptions of ImageNet-C and CIFAR-C."""
