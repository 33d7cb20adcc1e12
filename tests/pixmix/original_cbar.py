"""The corruptions of C-bar as their script makes them, pixel by pixel, with SciPy and scikit-image where it has them.

Each takes an image (H, W, 3) uint8, the raw severity, our fields in the stead of random numbers and the places (row,
column) that are wanted, and gives their values (len(places), 3) uint8. Where the script has one side for both, shares
are taken of the shorter one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.fftpack import ifft2
from scipy.ndimage import gaussian_filter, rotate, zoom
from skimage.draw import line_aa

LUMA = np.array([0.2126, 0.7152, 0.0722])


def finish(values: list[list[int] | np.ndarray] | np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


def at(image: np.ndarray, indices: list[tuple[int, int]]) -> np.ndarray:
    return np.array([image[y, x] for y, x in indices])


def bilinear(image: np.ndarray, point: tuple[float, float] | np.ndarray) -> np.ndarray:
    def value(row: int, column: int) -> np.ndarray:
        inside = 0 <= row < image.shape[0] and 0 <= column < image.shape[1]
        return image[row, column].astype(float) if inside else np.zeros(3)

    row, column = math.floor(point[0]), math.floor(point[1])
    down, right = point[0] - row, point[1] - column
    above = value(row, column) * (1 - right) + value(row, column + 1) * right
    below = value(row + 1, column) * (1 - right) + value(row + 1, column + 1) * right
    return above * (1 - down) + below * down


def spectral_noise(image: np.ndarray, left: np.ndarray, power: Callable[..., Any]) -> np.ndarray:
    """One channel of noise: the phases of `left`, the left half (and middle column) of the spectrum, mirrored."""
    height, width = image.shape[:2]
    side = min(height, width)
    spectrum = np.zeros((height, width), complex)
    for y in range(height):
        for x in range(width):
            radius = math.hypot((y - height / 2) / height * side, (x - width / 2) / width * side)
            if x < width // 2:
                phase = left[y, x]
            elif x >= width - width // 2:
                phase = left[height - 1 - y, width - 1 - x]
            elif y < height // 2:
                phase = left[y, x]
            else:
                phase = left[height - 1 - y, x] if y >= height - height // 2 else 0.0
            spectrum[(y + height // 2) % height, (x + width // 2) % width] = power(radius) * np.exp(1j * phase)
    noise = np.real(ifft2(spectrum))
    return noise / np.std(noise)


def blue_noise_sample(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    noise = spectral_noise(image, fields["phases"][0], lambda radius: radius)
    return at(image * (noise > severity * 3 / 10 - 2.5)[..., None], indices)


def brownish_noise(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    noise = [spectral_noise(image, left, lambda radius: 1 / (radius**2 + 1)) for left in fields["phases"]]
    return at(finish(image + severity * 64 / 10 * np.stack(noise, axis=2)), indices)


def checkerboard_cutout(
    image: np.ndarray, severity: float, fields: dict[str, Any], indices: list[tuple[int, int]]
) -> np.ndarray:
    angle, side, hidden = fields["angle"], fields["side"], fields["hidden"]

    def stays(y: int, x: int) -> bool:
        down = (math.cos(angle) * y + math.sin(angle) * x) / side
        right = (-math.sin(angle) * y + math.cos(angle) * x) / side
        return int(down % 2) != int(right % 2) or not hidden[int(down), int(right)]

    return finish([image[y, x] if stays(y, x) else [128, 128, 128] for y, x in indices])


def light_of(index: tuple[int, int], centre: np.ndarray, lengths: np.ndarray, power: float) -> float:
    down, right = np.array(index) - centre
    turns = (math.atan2(right, down) + math.pi) / (2 * math.pi) * len(lengths)
    ray = int(turns)
    past = turns - ray
    here, following = lengths[ray % len(lengths)], lengths[(ray + 1) % len(lengths)]
    length = here + past * (following - here)
    brightness = (length**2 / (math.hypot(down, right) ** 2 + 1e-4)) ** power
    return np.clip((1 - (past - 0.5) ** 2) * brightness, 0, 1)


def sparkles(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    stars = list(zip(fields["centres"], fields["rays"], fields["lengths"], strict=True))

    def kernel(index: tuple[int, int]) -> np.ndarray:
        value = image[index].astype(np.float32)
        for centre, rays, lengths in stars:
            value = value.astype(np.float32)
            value = value + light_of(index, centre, lengths[:rays], (100 - 50) / 50) * (255 - value.astype(float))
        return value

    return finish([kernel(index) for index in indices])


def inverse_sparkles(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    amount = 100 - severity * 65 / 10

    def kernel(index: tuple[int, int]) -> np.ndarray:
        light = light_of(index, fields["centre"], fields["lengths"], (100 - amount) / 50)
        return 255 + light * (image[index].astype(float) - 255)

    return finish([kernel(index) for index in indices])


def single_frequency_greyscale(
    image: np.ndarray, severity: float, fields: dict[str, Any], indices: list[tuple[int, int]]
) -> np.ndarray:
    across, down = fields["frequencies"]
    waves = [math.sin(x * across + y * down + fields["phase"]) for y, x in indices]
    return finish(at(image, indices) + severity * 196 / 10 * np.array(waves)[:, None])


def cocentric_sine_waves(
    image: np.ndarray, severity: float, fields: dict[str, Any], indices: list[tuple[int, int]]
) -> np.ndarray:
    x0, y0 = fields["centre"]

    def kernel(y: int, x: int) -> float:
        angle = math.atan2(x - x0, y - y0) * fields["frequency"]
        radius = math.sqrt((x - x0) ** 2 + (y - y0) ** 2) + math.sin(angle) * fields["amplitude"]
        return float((radius % fields["width"]) / fields["width"] - 1 / 2)

    return finish(at(image, indices) + severity * 128 / 10 * np.array([kernel(*index) for index in indices])[:, None])


def plasma_noise(
    image: np.ndarray, severity: float, fields: dict[str, float], indices: list[tuple[int, int]]
) -> np.ndarray:
    time, intensity = fields["time"], severity * 64 / 10

    def kernel(y: float, x: float) -> list[float]:
        x, y = x / fields["scale"], y / fields["scale"]
        state = np.array([1.0, 1.0, 1.0])
        for _ in range(fields["rounds"]):
            push = np.array([np.cos(y * state[0] + time / state[1]), np.sin(x * state[0] + time / state[1])]) / state[2]
            push = push + 0.3 * np.array([-push[1], push[0]])
            x, y = x + push[0], y + push[1]
            state = state * [1.93, 1.15, 2.25 - fields["sharpness"]]
        return [math.sin(x - time), math.sin((x + y + math.sin(time)) / 2), math.sin(y + time)]

    colours = np.array([kernel(*index) for index in indices])
    return finish((1 - intensity / 255) * at(image, indices) + intensity * colours)


def perlin_noise(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    share, cell = severity * 0.5 / 10, 32 * min(image.shape[:2]) / 224
    table = [*fields["permutation"].tolist()] * 2
    gradients = fields["gradients"]

    def smooth(t: float) -> float:
        return t * t * (3 - 2 * t)

    def noise(point: tuple[float, float]) -> float:
        start, past = [int(p + 4096) % 256 for p in point], [p % 1 for p in point]
        corners = {}
        for i in (0, 1):
            for j in (0, 1):
                gradient = gradients[table[table[(start[0] + i) % 256] + (start[1] + j) % 256]]
                corners[i, j] = np.dot(gradient, [past[0] - i, past[1] - j])
        near, far = (corners[0, j] + smooth(past[0]) * (corners[1, j] - corners[0, j]) for j in (0, 1))
        return 1.5 * (near + smooth(past[1]) * (far - near))

    def turbulence(y: int, x: int) -> float:
        return sum(abs(noise((octave * y / cell, octave * x / cell))) / octave for octave in (1, 2, 4, 8, 16))

    grey = np.clip([0.5 * turbulence(*index) + 0.5 for index in indices], 0, 1)[:, None]
    return finish((1 - share) * at(image, indices).astype(np.float32) + 255 * share * grey)


def caustics_of(size: tuple[int, int], time: float, side: float) -> np.ndarray:
    y, x = np.meshgrid(np.arange(size[0]), np.arange(size[1]), indexing="ij")
    p = [(axis / side % 1) * 6.28318530718 - 250 for axis in (y, x)]
    i, c = p, np.ones(size)
    for n in range(5):
        t = time * (1 - 3.5 / (n + 1))
        i = [p[0] + np.cos(t - i[0]) + np.sin(t + i[1]), p[1] + np.sin(t - i[1]) + np.cos(t + i[0])]
        c = c + 1 / np.sqrt((p[0] / (np.sin(i[0] + t) / 0.005)) ** 2 + (p[1] / (np.cos(i[1] + t) / 0.005)) ** 2)
    c = np.clip(np.abs(1.17 - (c / 5) ** 1.4) ** 8, 0, 1)
    return gaussian_filter(np.stack([c, c, c], axis=2), sigma=1)


def refracted(normal: np.ndarray, ratio: float) -> np.ndarray:
    """A ray (0, 0, 1) after a surface: turned about the axis across the normal, by the angles of Snell's law."""
    incident = np.array([0.0, 0.0, 1.0])
    if abs(incident @ normal) >= 1 - 1e-3:
        return incident
    angle = math.asin(math.sin(math.acos(incident @ normal)) / ratio)
    axis = np.cross(incident, normal)
    axis /= np.linalg.norm(axis)
    basis = np.stack([normal, np.cross(normal, axis), axis])
    return np.linalg.inv(basis) @ [math.cos(angle), math.sin(angle), 0.0]


def caustic_refraction(
    image: np.ndarray, severity: float, fields: dict[str, float], indices: list[tuple[int, int]]
) -> np.ndarray:
    caustics = caustics_of(image.shape[:2], fields["time"], fields["side"])
    lens, lighting = severity * 0.5 * min(image.shape[:2]) / 10, severity * 2 / 10
    values = image.astype(np.float32) / 255

    def luma(y: int, x: int) -> float:
        inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
        return caustics[y, x] @ LUMA if inside else 0.0

    def kernel(y: int, x: int) -> np.ndarray:
        north, south, west, east = luma(y, x - 1), luma(y, x + 1), luma(y - 1, x), luma(y + 1, x)
        normal = np.array([east - west, south - north, 1.0])
        ray = np.round(refracted(normal / np.linalg.norm(normal), 4.0) * lens, 3)
        value = bilinear(values, (y + ray[0], x + ray[1]))
        return np.clip(value + (north - south) * lighting + (east - west) * lighting, 0, 1)

    return (np.array([kernel(*index) for index in indices]) * 255).astype(np.uint8)


def pinch_and_twirl(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    across, down = fields["signs"].shape
    side = min(image.shape[0] // down, image.shape[1] // across)
    radius, amount = side / 2, severity * 0.4 / 10 + 0.1

    def source(index: tuple[int, int], centre: np.ndarray, angle: float) -> np.ndarray:
        offset = np.array(index) - centre
        distance = np.linalg.norm(offset)
        if distance > radius or round(float(distance), 3) == 0:
            return np.array(index)
        share = distance / radius
        angle = angle * (1 - share) ** 2
        y, x = offset * math.sin(math.pi * share / 2) ** -amount
        turned = np.array([y * math.cos(angle) - x * math.sin(angle), y * math.sin(angle) + x * math.cos(angle)])
        return centre + turned

    out = image.astype(np.float32)
    for i in range(across):
        for j in range(down):
            centre = np.array([j * side + radius, i * side + radius])
            angle = fields["signs"][i, j] * severity * math.pi / 2 / 10
            cell = [(y, x) for y, x in indices if y // side == j and x // side == i]
            values = [bilinear(out, source(index, centre, angle)) for index in cell]
            for index, value in zip(cell, values, strict=True):
                out[index] = value
    return at(finish(out), indices)


def ripple(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    amplitude = severity * 0.025 / 10 * min(image.shape[:2])
    points = [
        np.array(index) + amplitude * np.sin(2 * np.pi * np.array(index) / fields["wavelengths"] + fields["phases"])
        for index in indices
    ]
    return finish([bilinear(image, point) for point in points])


def circular_motion_blur(
    image: np.ndarray, severity: float, fields: dict[str, Any], indices: list[tuple[int, int]]
) -> np.ndarray:
    values, amount = image.astype(np.float32) / 255, severity * 15 / 10
    total, weights = np.zeros_like(values), []
    for i in range(21):
        weights.append(np.exp(-2 * (2 * i / 20 - 1) ** 2))
        total += np.float32(weights[-1]) * rotate(values, (2 * i / 20 - 1) * amount, reshape=False)
    return at(finish(total / np.float32(sum(weights)) * 255), indices)


def lines(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    out, half = image.copy(), min(image.shape[:2])
    for (row, column), angle in zip(fields["points"], fields["angles"], strict=True):
        across, along = np.sin(angle) * half, np.cos(angle) * half
        rows, columns, cover = line_aa(int(row - along), int(column - across), int(row + along), int(column + across))
        inside = (rows >= 0) & (columns >= 0) & (rows < image.shape[0]) & (columns < image.shape[1])
        rows, columns, cover = rows[inside], columns[inside], cover[inside][:, None]
        out[rows, columns] = (1 - cover) * out[rows, columns].astype(np.float32) + cover * 128
    return at(out, indices)


def transverse_chromatic_abberation(
    image: np.ndarray, severity: float, fields: dict[str, np.ndarray], indices: list[tuple[int, int]]
) -> np.ndarray:
    out = np.empty_like(image)
    for channel, scale in enumerate(fields["scales"]):
        large = zoom(image[..., channel], scale, prefilter=False)
        top, left = (large.shape[0] - image.shape[0]) // 2, (large.shape[1] - image.shape[1]) // 2
        out[..., channel] = large[top : top + image.shape[0], left : left + image.shape[1]]
    return at(out, indices)
