"""The ascent: octave by octave, tile by tile, under a random roll in every step."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.tree_util import Partial

from gan_jax.dream.bands import equalized
from gan_jax.dream.objectives import Objective, Picture
from gan_jax.errors import InputError
from gan_jax.numerics import safe_divide
from gan_jax.types import Array, Float, Key

__all__ = ["dream", "mean_value", "octave_shapes", "tiled_gradient", "zoom_frames"]

_SMALLEST = 32  # pixels, of which the network's last layers make one


def dream(
    objective: Objective,
    key: Key,
    image: Picture,
    *,
    octaves: int = 4,
    octave_scale: float = 1.4,
    steps: int = 50,
    step_size: float = 2.0,
    jitter: int = 32,
    bands: int = 4,
    tile: int = 512,
    advance: Callable[[int], None] | None = None,
) -> Picture:
    """Change a picture until an objective of it is large: `x <- clip(x + step_size g / mean |g|)`, octave by octave.

    An octave begins with the picture in its size and the detail that the smaller ones have added, enlarged. The
    gradient g is taken of the picture rolled by a random shift, and each band of its frequencies is made as strong as
    the others. The steps of an octave are one compiled loop, which the next picture of that size shares.

    Args:
      objective: of pictures; as a `jax.tree_util.Partial` of its parameters, these are no constants of the program.
      key: for the shifts.
      image: grey levels, 0 to 255.
      octaves: sizes of the picture, the last its own.
      octave_scale: of each size to the one before.
      steps: of an octave.
      step_size: mean change of a pixel in a step, in grey levels.
      jitter: largest shift, in pixels; half a tile where there are several, if that is more.
      bands: split off the gradient; 0 leaves it as it is.
      tile: longest side of what the network sees at once, in pixels: memory grows with it.
      advance: is called with the number of steps that are done.

    Raises:
      InputError: the picture is too small for one octave, or for as many; the scale is not above 1.

    Source: Mordvintsev, Olah, Tyka (2015), Inceptionism: going deeper into neural networks (where an octave has 10
    steps of 1.5); bands and tiles: TensorFlow's examples, deepdream.ipynb, by Mordvintsev.

    >>> bright = dream(lambda x: x.mean(axis=(1, 2, 3)), jax.random.key(0), jnp.zeros((40, 40, 3)), octaves=1, steps=10)
    >>> round(bright.mean().item(), 3)
    20.0
    """
    objective = _partial(objective)
    options = {"jitter": jitter, "bands": bands, "tile": tile}
    detail = picture = jnp.zeros_like(image)
    for i, shape in enumerate(octave_shapes(*image.shape[:2], octaves=octaves, octave_scale=octave_scale)):
        plain, detail = (jax.image.resize(each, (*shape, 3), "cubic") for each in (image, detail))
        picture = plain + detail
        # Whoever watches is told of each step; the program is the same.
        for first, last in [(j, j + 1) for j in range(steps)] if advance else [(0, steps)]:
            picture = _ascend(objective, jax.random.fold_in(key, i), picture, first, last, step_size, **options)
            if advance:
                jax.block_until_ready(picture)
                advance(last - first)
        detail = picture - plain
    return picture


def zoom_frames(
    objective: Objective, key: Key, image: Picture, *, frames: int, zoom: float = 1.05, **options: Any
) -> Iterator[Picture]:
    """Yield frames of a flight into a dream: each is the one before, enlarged around its middle and dreamed on.

    Args:
      objective: as for `dream`.
      key: frame i takes the i-th of it, so that fewer frames are the first of more.
      image: that the first frame is a dream of.
      frames: how many.
      zoom: from each frame to the next.
      options: of `dream`.

    Raises:
      InputError: as for `dream`.

    >>> images = zoom_frames(lambda x: x.mean(axis=(1, 2, 3)), jax.random.key(0), jnp.zeros((40, 40, 3)), frames=2,
    ...     octaves=1, steps=2)
    >>> [round(image.mean().item(), 3) for image in images]
    [4.0, 8.0]
    """
    for i in range(frames):
        image = dream(objective, jax.random.fold_in(key, i), image, **options)
        yield image
        middle = jnp.array(image.shape[:2], jnp.float32) / 2
        scale = jnp.full(2, zoom, jnp.float32)
        image = jax.image.scale_and_translate(image, image.shape, (0, 1), scale, middle * (1 - scale), "cubic")


def octave_shapes(height: int, width: int, *, octaves: int = 4, octave_scale: float = 1.4) -> list[tuple[int, int]]:
    """Return the sizes of a picture in which it is dreamed on, each `octave_scale` times the one before.

    Raises:
      InputError: the smallest has fewer than 32 pixels a side; the scale is not above 1.

    >>> octave_shapes(427, 640)
    [(156, 233), (218, 327), (305, 457), (427, 640)]
    """
    shortest = min(height, width)
    if shortest < _SMALLEST:
        raise InputError(f"a picture of {width}x{height} is too small; give one of at least {_SMALLEST}x{_SMALLEST}")
    if not octave_scale > 1:
        raise InputError(f"octaves grow by more than 1, got {octave_scale}", field="octave_scale")
    most = 1 + int(math.log(shortest / _SMALLEST) / math.log(octave_scale))
    if octaves > most:
        reason = f"the smallest of {octaves} would have fewer than {_SMALLEST} pixels a side; give at most {most}"
        raise InputError(reason, field="octaves")
    scales = [octave_scale**i for i in reversed(range(octaves))]
    return [(round(height / scale), round(width / scale)) for scale in scales]


def tiled_gradient(objective: Objective, image: Picture, *, tile: int = 512) -> Picture:
    """Return the gradient of an objective of the tiles of a picture, in the memory that one of them takes.

    Tiles are equal, of at most `tile` pixels a side; where they overlap, the gradient is that of the last of them.

    >>> gradient = tiled_gradient(lambda x: (x**2).sum(axis=(1, 2, 3)) / 2, jnp.ones((50, 40, 3)), tile=32)
    >>> bool((gradient == 1).all())
    True
    """
    corners, shape = _tiles(image, tile)

    def add(gradient: Array, corner: Array) -> tuple[Array, None]:
        part = jax.grad(lambda part: objective(part[None])[0])(lax.dynamic_slice(image, corner, shape))
        return lax.dynamic_update_slice(gradient, part, corner), None

    return lax.scan(add, jnp.zeros_like(image), corners)[0]


def mean_value(objective: Objective, image: Picture, *, tile: int = 512) -> Float[Array, ""]:
    """Return an objective's mean over tiles of a picture, as `dream` cuts it, but without a roll.

    >>> mean_value(lambda x: x.mean(axis=(1, 2, 3)), jnp.ones((40, 40, 3))).item()
    1.0
    """
    return _mean_value(_partial(objective), image, tile=tile)


@partial(jax.jit, static_argnames="tile")
def _mean_value(objective: Partial, image: Picture, *, tile: int) -> Float[Array, ""]:
    corners, shape = _tiles(image, tile)
    return lax.map(lambda corner: objective(lax.dynamic_slice(image, corner, shape)[None])[0], corners).mean()


def _partial(objective: Objective) -> Partial:
    """An objective as an argument of compiled functions: a tree of its parameters."""
    return objective if isinstance(objective, Partial) else Partial(objective)


def _tiles(image: Picture, tile: int) -> tuple[Array, tuple[int, int, int]]:
    """The first corner of each tile, and the shape of all."""
    height, width, _ = image.shape
    h, w = _length(height, tile), _length(width, tile)
    rows, columns = (min(i, height - h) for i in range(0, height, h)), [min(i, width - w) for i in range(0, width, w)]
    return jnp.array([(row, column, 0) for row in rows for column in columns]), (h, w, 3)


def _length(side: int, tile: int) -> int:
    """How long the tiles of an axis are: a multiple of 32 where there are several."""
    count = -(-side // tile)
    return side if count == 1 else min(-(-side // (_SMALLEST * count)) * _SMALLEST, tile)


def _reach(side: int, length: int, jitter: int) -> int:
    """The largest shift along an axis: edges between tiles would show, did they not move over whole tiles."""
    return max(jitter, length // 2) if length < side else jitter


@partial(jax.jit, static_argnames=("jitter", "bands", "tile"))
def _ascend(objective, key, image, first, last, step_size, *, jitter: int, bands: int, tile: int) -> Picture:
    """Take the steps from `first` until `last`, which are no constants: an octave is compiled once."""
    reach = jnp.array([_reach(side, _length(side, tile), jitter) for side in image.shape[:2]])

    def step(i: Array, image: Array) -> Array:
        shift = jax.random.randint(jax.random.fold_in(key, i), (2,), -reach, reach + 1)
        gradient = tiled_gradient(objective, jnp.roll(image, shift, axis=(0, 1)), tile=tile)
        gradient = equalized(jnp.roll(gradient, -shift, axis=(0, 1)), bands)
        return jnp.clip(image + step_size * safe_divide(gradient, jnp.abs(gradient).mean()), 0, 255)

    return lax.fori_loop(first, last, step, image)
