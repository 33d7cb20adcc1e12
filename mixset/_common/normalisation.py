"""The channel means and standard deviations that networks are usually given, in units of [0, 1] images."""

Channels = tuple[float, float, float]

HALF: Channels = (0.5, 0.5, 0.5)
"""The paper's mean and standard deviation for images of CIFAR's size."""
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
