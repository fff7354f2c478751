"""Discs of random colours as images, and their outlines as hints: a made set that shows a ControlNet."""

import numpy as np

from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.types import UInt8

__all__ = ["SIDE", "disc_masks", "overlap", "read_discs"]

SIDE = 16
_FINE = 4  # places of a pixel along each axis
_LINE = 1.0  # width of an outline, pixels


def disc_masks(centers: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of each pixel discs cover, and how much their outlines do: (N, SIDE, SIDE) each, in [0, 1].

    >>> filled, outline = disc_masks(np.array([[8.0, 8.0]]), np.array([4.9]))
    >>> round(float(filled.sum())), float(filled[0, 8, 8]), float(outline[0, 8, 8])
    (76, 1.0, 0.0)
    """
    places = (np.arange(SIDE * _FINE) + 0.5) / _FINE
    down, right = (places[None] - centers[:, axis, None] for axis in (0, 1))
    distance = np.hypot(down[:, :, None], right[:, None])
    inside = distance <= radii[:, None, None]
    line = np.abs(distance - radii[:, None, None]) <= _LINE / 2

    def covered(fine: np.ndarray) -> np.ndarray:
        return fine.reshape(len(fine), SIDE, _FINE, SIDE, _FINE).mean(axis=(2, 4))

    return covered(inside), covered(line)


def read_discs() -> Dataset:
    """Return 8,000 discs, uint8 (N, 16, 16, 3), on black, and 1,000 held out, with an entry "hint", their outlines.

    Radii are from 3 to 6 pixels, the whole disc is in the image, and the brightest channel of its colour is 255.

    >>> data = read_discs()
    >>> data.shape, data.spec["hint"].shape, len(data.held_out)
    ((16, 16, 3), (16, 16, 1), 1000)
    """
    return from_arrays(_drawn(8_000, seed=0), _drawn(1_000, seed=1))


def _drawn(n: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    radii = rng.uniform(3, 6, n)
    centers = radii[:, None] + 0.5 + rng.uniform(size=(n, 2)) * (SIDE - 1 - 2 * radii[:, None])
    colors = rng.uniform(0.2, 1, (n, 3))
    colors /= colors.max(axis=1, keepdims=True)
    filled, outline = disc_masks(centers, radii)
    return {
        "sample": _levels(filled[..., None] * colors[:, None, None]),
        "hint": _levels(outline[..., None]),
    }


def _levels(numbers: np.ndarray) -> np.ndarray:
    return np.round(255 * numbers).astype(np.uint8)


def overlap(images: UInt8[np.ndarray, "n h w c"], others: UInt8[np.ndarray, "n h w c"]) -> np.ndarray:
    """Return intersection over union (N,) of what is bright in two sets of images.

    A pixel is bright where its brightest channel is above 127.

    >>> data = read_discs().held_out.batch(slice(0, 2))["sample"]
    >>> overlap(data, data).tolist()
    [1.0, 1.0]
    """
    one, two = (each.max(axis=3) > 127 for each in (images, others))
    return (one & two).sum(axis=(1, 2)) / np.maximum((one | two).sum(axis=(1, 2)), 1)
