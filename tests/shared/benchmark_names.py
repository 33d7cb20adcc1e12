"""Names of the official benchmarks' corruptions and perturbations, not taken from the product's own lists."""

from __future__ import annotations

C: tuple[str, ...] = ("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur")
C += ("zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate")
C += ("jpeg_compression",)
