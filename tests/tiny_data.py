"""Small data of their own: captioned images, and images with hints."""

import numpy as np

from gan_jax import from_arrays
from gan_jax.data.vocabulary import vocabulary_of

CAPTIONS = ("a dark one", "a light one, leaning left", "a dark two", "a light two")


def captioned():
    """4x4 images of two classes, each with one of four captions."""
    chosen = np.arange(24) % 4
    images = np.random.default_rng(0).integers(0, 40, (24, 4, 4, 1), dtype=np.uint8)
    images[chosen % 2 == 1] += 120  # light
    images[chosen < 2, :, :2] += 80  # one
    images[chosen >= 2, :2] += 80  # two
    vocabulary = vocabulary_of(CAPTIONS)
    arrays = {
        "sample": images,
        "label": (chosen // 2).astype(np.int32),
        "tokens": vocabulary([CAPTIONS[i] for i in chosen]),
    }
    held_out = {name: array[:8] for name, array in arrays.items()}
    return from_arrays({name: array[8:] for name, array in arrays.items()}, held_out, ("one", "two"), vocabulary)


def hinted():
    """4x4 images in colour, whose hints are a gray version."""
    images = np.random.default_rng(0).integers(0, 256, (24, 4, 4, 3), dtype=np.uint8)
    arrays = {"sample": images, "hint": images[..., :1].copy()}
    return from_arrays({k: v[8:] for k, v in arrays.items()}, {k: v[:8] for k, v in arrays.items()})
