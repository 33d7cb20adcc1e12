"""The corruptions of ImageNet-C and CIFAR-C as their scripts make them, in plain OpenCV, scikit-image and SciPy.

Each takes an image (H, W, 3) uint8, its constants and our fields in the stead of random numbers, and gives uint8.
"""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image
from scipy import stats
from scipy.ndimage import map_coordinates, zoom
from skimage.color import hsv2rgb, rgb2hsv
from skimage.filters import gaussian


def finish(values: np.ndarray) -> np.ndarray:
    """The scripts' cast; of NaN it makes 0 on the processors that made the official archives."""
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


def gaussian_noise(image: np.ndarray, sigma: float, fields: dict[str, np.ndarray]) -> np.ndarray:
    return finish(image / 255.0 + sigma * fields["noise"])


def shot_noise(image: np.ndarray, photons: int, fields: dict[str, np.ndarray]) -> np.ndarray:
    return finish(stats.poisson.ppf(fields["chance"], image / 255.0 * photons) / photons)


def impulse_noise(image: np.ndarray, amount: float, fields: dict[str, np.ndarray]) -> np.ndarray:
    values = image / 255.0
    hit, salt = fields["hit"] <= amount, fields["salt"] <= 0.5
    values[hit & salt], values[hit & ~salt] = 1, 0
    return finish(values)


def speckle_noise(image: np.ndarray, sigma: float, fields: dict[str, np.ndarray]) -> np.ndarray:
    values = image / 255.0
    return finish(values + values * (sigma * fields["noise"]))


def gaussian_blur(image: np.ndarray, sigma: float, fields: dict[str, Any]) -> np.ndarray:
    return finish(gaussian(image / 255.0, sigma=sigma, channel_axis=-1))


def disk(radius: float, sigma: float) -> np.ndarray:
    reach, kernel = (8, (3, 3)) if radius <= 8 else (radius, (5, 5))
    x, y = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    inside = np.array(x**2 + y**2 <= radius**2, np.float32)
    inside /= inside.sum()
    return cv2.GaussianBlur(inside, ksize=kernel, sigmaX=sigma)


def defocus_blur(image: np.ndarray, parameters: tuple[float, float], fields: dict[str, Any]) -> np.ndarray:
    values, kernel = image / 255.0, disk(*parameters)
    return finish(np.stack([cv2.filter2D(values[:, :, d].copy(), -1, kernel) for d in range(3)], axis=2))


def glass_blur(image: np.ndarray, parameters: tuple[float, int, int], fields: dict[str, np.ndarray]) -> np.ndarray:
    sigma, reach, rounds = parameters
    values = np.uint8(gaussian(image / 255.0, sigma=sigma, channel_axis=-1) * 255)
    height, width = image.shape[:2]
    for number in range(rounds):
        for i, h in enumerate(range(height - reach, reach, -1)):
            for j, w in enumerate(range(width - reach, reach, -1)):
                dx, dy = fields["steps"][number, i, j]
                there = h + dy, w + dx
                values[h, w], values[there] = values[there], values[h, w]
    return finish(gaussian(values / 255.0, sigma=sigma, channel_axis=-1))


def motion_blur(image: np.ndarray, parameters: tuple[int, float], fields: dict[str, float | np.ndarray]) -> np.ndarray:
    """ImageMagick's line of pixels from each one on, by fancy indices; values of 16 bits."""
    radius, sigma = parameters
    taps = np.arange(2 * int(np.ceil(radius)) + 1)
    weights = np.exp(-(taps**2) / (2 * sigma**2))
    turn = np.deg2rad(fields["angle"])
    right, down = (np.ceil(taps * part - 0.5).astype(int) for part in (np.cos(turn), np.sin(turn)))
    rows, columns = np.indices(image.shape[:2])
    total = np.zeros(image.shape)
    for weight, x, y in zip(weights / weights.sum(), right, down, strict=True):
        there = np.clip(rows + y, 0, len(image) - 1), np.clip(columns + x, 0, image.shape[1] - 1)
        total += weight * (image[there] * 257.0)
    return np.rint(np.floor(total + 0.5) / 257).astype(np.uint8)


def clipped_zoom(values: np.ndarray, factor: float) -> np.ndarray:
    height, width = values.shape[:2]
    part = [int(np.ceil(side / factor)) for side in (height, width)]
    top, left = (height - part[0]) // 2, (width - part[1]) // 2
    zoomed = zoom(values[top : top + part[0], left : left + part[1]], (factor, factor, 1), order=1)
    top, left = (zoomed.shape[0] - height) // 2, (zoomed.shape[1] - width) // 2
    return zoomed[top : top + height, left : left + width]


def zoom_blur(image: np.ndarray, factors: tuple[float, ...], fields: dict[str, Any]) -> np.ndarray:
    values = (image / 255.0).astype(np.float32)
    total = np.zeros_like(values)
    for factor in factors:
        total += clipped_zoom(values, factor)
    return finish((values + total) / (len(factors) + 1))


def snow(image: np.ndarray, parameters: tuple[float, ...], fields: dict[str, float | np.ndarray]) -> np.ndarray:
    mean, spread, factor, threshold, radius, sigma, share = parameters
    values = np.array(image, np.float32) / 255.0
    layer = clipped_zoom((mean + spread * fields["flakes"])[..., None], factor).squeeze(2)
    layer[layer < threshold] = 0
    layer = motion_blur(finish(layer), (radius, sigma), fields)[..., None] / 255.0
    pale = cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)[..., None] * 1.5 + 0.5
    values = share * values + (1 - share) * np.maximum(values, pale)
    return finish(values + layer + np.rot90(layer, k=2))


def frost(
    image: np.ndarray,
    parameters: tuple[float, float, int],
    fields: dict[str, float],
    photographs: tuple[np.ndarray, ...],
) -> np.ndarray:
    share, frost_share, every = parameters
    photograph = photographs[fields["photograph"]]
    if every > 1:
        photograph = cv2.resize(photograph, (0, 0), fx=1 / every, fy=1 / every)
    height, width = image.shape[:2]
    top = int(fields["top"] * (photograph.shape[0] - height))
    left = int(fields["left"] * (photograph.shape[1] - width))
    laid_over = photograph[top : top + height, left : left + width]
    return np.clip(share * image + frost_share * laid_over, 0, 255).astype(np.uint8)


def plasma(chances: np.ndarray, decay: float) -> np.ndarray:
    """Diamond-square by whole arrays that are rolled over the torus, as the original has it."""
    size = int((len(chances) + 1) ** 0.5)
    heights, step, spread, used = np.zeros((size, size)), size, 100.0, 0

    def jitter(total: np.ndarray) -> np.ndarray:
        nonlocal used
        part = chances[used : used + total.size].reshape(total.shape)
        used += total.size
        return total / 4 + spread * (spread * (2 * part - 1))

    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        total = corners + np.roll(corners, -1, axis=0)
        heights[half::step, half::step] = jitter(total + np.roll(total, -1, axis=1))
        middles, corners = heights[half::step, half::step], heights[::step, ::step]
        level = (middles + np.roll(middles, 1, axis=0)) + (corners + np.roll(corners, -1, axis=1))
        heights[::step, half::step] = jitter(level)
        upright = (middles + np.roll(middles, 1, axis=1)) + (corners + np.roll(corners, -1, axis=0))
        heights[half::step, ::step] = jitter(upright)
        step, spread = half, spread / decay
    assert used == len(chances)
    heights -= heights.min()
    return heights / heights.max()


def fog(image: np.ndarray, parameters: tuple[float, float], fields: dict[str, np.ndarray]) -> np.ndarray:
    strength, decay = parameters
    values = image / 255.0
    brightest = values.max()
    values += strength * plasma(fields["chances"], decay)[: len(image), : image.shape[1]][..., None]
    return finish(values * brightest / (brightest + strength))


def brightness(image: np.ndarray, amount: float, fields: dict[str, Any]) -> np.ndarray:
    values = rgb2hsv(image / 255.0)
    values[:, :, 2] = np.clip(values[:, :, 2] + amount, 0, 1)
    return finish(hsv2rgb(values))


def saturate(image: np.ndarray, parameters: tuple[float, float], fields: dict[str, Any]) -> np.ndarray:
    values = rgb2hsv(image / 255.0)
    values[:, :, 1] = np.clip(values[:, :, 1] * parameters[0] + parameters[1], 0, 1)
    return finish(hsv2rgb(values))


def contrast(image: np.ndarray, factor: float, fields: dict[str, Any]) -> np.ndarray:
    values = image / 255.0
    means = np.mean(values, axis=(0, 1), keepdims=True)
    return finish((values - means) * factor + means)


def elastic_transform(
    image: np.ndarray, parameters: tuple[float, float, float, float], fields: dict[str, np.ndarray]
) -> np.ndarray:
    alpha, sigma, shift, scale = parameters
    values: np.ndarray = np.array(image, np.float32) / 255.0
    size = image.shape[:2]
    side = min(size) * scale
    middle, reach = np.float32(size) // 2, min(size) // 3
    before = np.float32([middle + reach, [middle[0] + reach, middle[1] - reach], middle - reach])
    after = before + (side * shift * fields["corners"]).astype(np.float32)
    matrix = cv2.getAffineTransform(before, after)
    values = cv2.warpAffine(values, matrix, size[::-1], borderMode=cv2.BORDER_REFLECT_101)
    dx, dy = (
        (gaussian(fields[name], side * sigma, mode="reflect", truncate=3) * side * alpha).astype(np.float32)[..., None]
        for name in ("dx", "dy")
    )
    x, y, z = np.meshgrid(np.arange(size[1]), np.arange(size[0]), np.arange(3))
    indices = np.reshape(y + dy, (-1, 1)), np.reshape(x + dx, (-1, 1)), np.reshape(z, (-1, 1))
    return finish(map_coordinates(values, indices, order=1, mode="reflect").reshape(values.shape))


def pixelate(image: np.ndarray, scale: float, fields: dict[str, Any]) -> np.ndarray:
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((int(width * scale), int(height * scale)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BOX))


def jpeg_compression(image: np.ndarray, quality: int, fields: dict[str, Any]) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def distances(layer: np.ndarray) -> np.ndarray:
    """OpenCV's own, in whole 65536ths; the Intel library in its wheels is 1e-4 off, which moves a byte at times."""
    intel = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    found = cv2.distanceTransform(255 - cv2.Canny(layer, 50, 150), cv2.DIST_L2, 5)
    cv2.ipp.setUseIPP(intel)
    return found


def spatter(image: np.ndarray, parameters: tuple[float | str, ...], fields: dict[str, np.ndarray]) -> np.ndarray:
    mean, spread, sigma, threshold, amount, mud, _ = parameters
    values = np.array(image, np.float32) / 255.0
    layer = gaussian(mean + spread * fields["liquid"], sigma=sigma)
    layer[layer < threshold] = 0
    if mud:
        cover = gaussian(np.where(layer > threshold, 1, 0).astype(np.float32), sigma=amount)
        cover[cover < 0.8] = 0
        brown = (np.array([63, 42, 20]) / 255.0).astype(np.float32)
        return finish(values * (1 - cover[..., None]) + brown * cover[..., None])
    layer = (layer * 255).astype(np.uint8)
    _, distance = cv2.threshold(distances(layer), 20, 20, cv2.THRESH_TRUNC)
    distance = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    distance = cv2.filter2D(distance, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    gloss = layer * cv2.blur(distance, (3, 3)).astype(np.float32)
    with np.errstate(invalid="ignore"):  # where nothing shines 0 is divided by 0
        gloss = gloss / gloss.max() * amount
        return finish(values + gloss[..., None] * (np.array([175, 238, 238], np.float32) / 255))
