"""The perturbation sequences of ImageNet-P and CIFAR-P."""
