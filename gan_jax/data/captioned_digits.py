"""Handwritten digits with captions that are composed of what is measured: "a thin seven, leaning left"."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_jax.data import tfds
from gan_jax.data.dataset import Dataset, Source, from_arrays
from gan_jax.data.vocabulary import vocabulary_of
from gan_jax.types import Float

__all__ = ["DIGITS", "Measures", "compose", "measure", "read_captioned_mnist", "with_captions"]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""Each digit's word, one of which is in every caption."""

# Said of the lowest and the highest third of each digit's images.
_STROKE, _SIZE, _LEAN = ("thin", "thick"), ("small", "large"), ("leaning left", "leaning right")
_UPRIGHT = "upright"
_SAID = 2 / 3  # of what could be said, so much is


class Measures(NamedTuple):
    """What is measured of each image of a digit, float64 (N,).

    Attributes:
      stroke: pixels, its width: twice the ink over the length of its edges, `2 sum w / sum |grad w|`.
      size: pixels, the root mean square distance of the ink from its center.
      lean: pixels to the right for each pixel upwards, `-cov(x, y) / var(y)` of the ink.
    """

    stroke: Float[np.ndarray, " n"]
    size: Float[np.ndarray, " n"]
    lean: Float[np.ndarray, " n"]


def measure(images: np.ndarray) -> Measures:
    """Measure white digits on black, uint8 (N, H, W, 1).

    >>> bar = np.zeros((1, 9, 9, 1), np.uint8)
    >>> bar[0, 1:8, 4] = 255
    >>> [round(float(value[0]), 1) + 0 for value in measure(bar)]
    [0.9, 2.0, 0.0]
    """
    ink = images[..., 0].astype(np.float64) / 255
    total = np.maximum(ink.sum(axis=(1, 2)), 1e-9)
    rows, columns = np.arange(ink.shape[1])[None], np.arange(ink.shape[2])[None]

    # Moments of the ink.
    of_rows, of_columns = ink.sum(axis=2) / total[:, None], ink.sum(axis=1) / total[:, None]
    y, x = (each - (of * each).sum(axis=1)[:, None] for each, of in ((rows, of_rows), (columns, of_columns)))
    var_y, var_x = (of_rows * y**2).sum(axis=1), (of_columns * x**2).sum(axis=1)
    cov = np.einsum("nhw,nh,nw->n", ink, y, x) / total

    # Edges: differences of neighbours, beyond the border too.
    wide = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    down, right = np.diff(wide, axis=1)[:, :, :-1], np.diff(wide, axis=2)[:, :-1]
    edges = np.maximum(np.hypot(down, right).sum(axis=(1, 2)), 1e-9)
    return Measures(2 * ink.sum(axis=(1, 2)) / edges, np.sqrt(var_x + var_y), -cov / np.maximum(var_y, 1e-9))


def compose(digit: int, adjectives: list[str], lean: str, template: int) -> str:
    """Return a caption; the lean may be empty, and the template is 0, 1 or 2.

    >>> compose(7, ["thin"], "leaning left", 0), compose(8, [], "", 0)
    ('a thin seven, leaning left', 'an eight')
    >>> compose(7, ["large", "thin"], "upright", 1), compose(7, ["thin"], "", 2)
    ('the digit seven, large and thin, upright', 'a picture of a thin seven')
    """
    ending = [lean] if lean else []
    if template == 1:
        described = [" and ".join(adjectives)] if adjectives else []
        return ", ".join([f"the digit {DIGITS[digit]}", *described, *ending])
    words = " ".join([*adjectives, DIGITS[digit]])
    words = f"an {words}" if words[0] in "aeiou" and not words.startswith("one") else f"a {words}"
    return ", ".join([f"a picture of {words}" if template == 2 else words, *ending])


def with_captions(data: Dataset, seed: int = 0) -> Dataset:
    """Return labeled digits with a caption of each, the same for the same seed.

    Thin, thick, small, large and leaning are said of the lowest and the highest third of the training images of the
    same digit; one in three of the words that could be said is left out.

    >>> from gan_jax.data.digits import read_digits
    >>> data = with_captions(read_digits())
    >>> data.vocabulary.captions(data.train.batch(slice(0, 2))["tokens"])
    ['the digit four, large and thin, leaning left', 'a thick nine']
    """
    train, held_out = (dict(source.batch(slice(None))) for source in (data.train, data.held_out))
    values = _measured(train["sample"])
    thirds = np.stack(
        [np.quantile(values[train["label"] == k], [1 / 3, 2 / 3], axis=0).T for k in range(len(DIGITS))]
    )  # (digit, measure, lower and upper)
    captions = [
        _captions(values, train["label"], thirds, np.random.default_rng([seed, 0])),
        _captions(_measured(held_out["sample"]), held_out["label"], thirds, np.random.default_rng([seed, 1])),
    ]
    vocabulary = vocabulary_of([*captions[0], *captions[1]])
    parts = [part | {"tokens": vocabulary(said)} for part, said in zip((train, held_out), captions, strict=True)]
    return from_arrays(parts[0], parts[1], data.classes, vocabulary)


def _measured(images: np.ndarray) -> np.ndarray:
    """The measures of images (N, 3), a part of them at a time, since their differences take much memory."""
    parts = np.array_split(images, -(-len(images) // 1000))
    return np.concatenate([np.stack(measure(part), axis=1) for part in parts])


def _captions(values: np.ndarray, labels: np.ndarray, thirds: np.ndarray, rng: np.random.Generator) -> list[str]:
    places = (values[..., None] >= thirds[labels]).sum(axis=2)  # 0, 1 or 2: the third that each value is in
    says, templates = rng.uniform(size=places.shape) < _SAID, rng.integers(3, size=len(labels))

    def word(words: tuple[str, str], i: int, measure: int, middle: str = "") -> str:
        return (words[0], middle, words[1])[places[i, measure]] if says[i, measure] else ""

    return [
        compose(
            int(labels[i]),
            [each for each in (word(_SIZE, i, 1), word(_STROKE, i, 0)) if each],
            word(_LEAN, i, 2, _UPRIGHT),
            int(templates[i]),
        )
        for i in range(len(labels))
    ]


def read_captioned_mnist(data_dir: Path | None = None) -> Dataset:
    """Return MNIST with captions, its 28x28 pixels within 32x32, which halve evenly.

    Raises:
      InputError: TFDS does not find it.
    """
    data = tfds.read_tfds("mnist", data_dir)

    def padded(source: Source) -> dict[str, np.ndarray]:
        arrays = dict(source.batch(slice(None)))
        return arrays | {"sample": np.pad(arrays["sample"], ((0, 0), (2, 2), (2, 2), (0, 0)))}

    return with_captions(from_arrays(padded(data.train), padded(data.held_out), data.classes))
