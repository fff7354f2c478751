"""The pipeline of adaptive discriminator augmentation: pixel blitting, geometry, color, cutout.

The published strengths grow from 0 and stay below 1, where the transformations would leak into the samples. Unlike the
authors' code, which makes all of geometry in one resampling at twice the size behind a wavelet filter, blits here are
exact permutations, and geometry is one bilinear sampling of the image itself.

Source: Karras et al. (2020), Training generative adversarial networks with limited data, appendix B.
"""

import jax
import jax.numpy as jnp

from gan_jax.augment.affine import rotation, sample_affine, scaling, shift
from gan_jax.augment.image import Image, moved, sometimes, uniform, with_box
from gan_jax.types import Array, ArrayLike, Key

__all__ = ["ada_color", "ada_cutout", "blit", "geometry"]


def blit(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Mirror left and right, turn by right angles, and move by up to an eighth of either side with reflection.

    An image that is not square is turned by half turns alone.

    >>> sorted(blit(jax.random.key(0), jnp.arange(4.0).reshape(2, 2, 1), 1.0).ravel().tolist())
    [0.0, 1.0, 2.0, 3.0]
    """
    mirror, turn, down, right, *whether = jax.random.split(key, 7)
    image = sometimes(whether[0], strength, jnp.where(uniform(mirror) < 0.5, image[:, ::-1], image), image)
    h, w, _ = image.shape
    quarters = range(4) if h == w else (0, 2)
    turned = jnp.stack([jnp.rot90(image, quarter) for quarter in quarters])
    chosen = jax.random.randint(turn, (), 0, len(turned), jnp.int32)
    image = sometimes(whether[1], strength, jax.lax.dynamic_index_in_dim(turned, chosen, keepdims=False), image)
    shifts = [
        jnp.round(uniform(key, -0.125, 0.125) * side).astype(jnp.int32)
        for key, side in zip((down, right), (h, w), strict=True)
    ]
    return sometimes(whether[2], strength, moved(image, *shifts, reflect=True), image)


def geometry(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Scale, turn, stretch, turn and move: `2^(0.2 N)`, U[-pi, pi), `2^(0.2 N)`, U[-pi, pi), `N / 8` of either side.

    The two turns have a probability of `1 - sqrt(1 - strength)` each, so that one of them at least is made with the
    strength. What comes in is the reflected image. Where nothing is made the image is left as it is.

    >>> geometry(jax.random.key(0), jnp.ones((6, 6, 1)), 1.0).round(5).min()
    Array(1., dtype=float32)
    """
    keys = jax.random.split(key, 11)
    normal = jax.random.normal(keys[0], (4,), jnp.float32)
    identity = jnp.eye(3, dtype=jnp.float32)
    turns = 1 - jnp.sqrt(1 - jnp.asarray(strength, jnp.float32))

    def maybe(i: int, probability: ArrayLike, matrix: Array) -> Array:
        return sometimes(keys[i], probability, matrix, identity)

    h, w, _ = image.shape
    scale, stretch = jnp.exp2(0.2 * normal[0]), jnp.exp2(0.2 * normal[1])
    # From a pixel of the result to where it lies in the image.
    steps = [
        maybe(1, strength, scaling(scale, scale)),
        maybe(2, turns, rotation(uniform(keys[3], -jnp.pi, jnp.pi))),
        maybe(4, strength, scaling(stretch, 1 / stretch)),
        maybe(5, turns, rotation(uniform(keys[6], -jnp.pi, jnp.pi))),
        maybe(7, strength, shift(normal[2] * h / 8, normal[3] * w / 8)),
    ]
    matrix = identity
    for step in steps:
        matrix = jnp.dot(matrix, step, precision="highest")
    return jnp.where((matrix == identity).all(), image, sample_affine(image, matrix))


def ada_color(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Brightness, contrast, luma flip, hue and saturation of gray or color images.

    `x + 0.2 N`, `x 2^(0.5 N)`, luma mirrored about zero or not, colors turned about the gray axis by U[-pi, pi), and
    their distance from that axis times `2^N`. Of gray images, (H, W, 1), the last two change nothing.

    >>> ada_color(jax.random.key(0), jnp.zeros((4, 4, 1)), 0.0).tolist() == jnp.zeros((4, 4, 1)).tolist()
    True
    """
    *draws, a, b, c, d, e = jax.random.split(key, 10)
    normal = [jax.random.normal(key, (), jnp.float32) for key in draws[:3]]
    channels = image.shape[2]
    image = sometimes(a, strength, image + 0.2 * normal[0], image)
    image = sometimes(b, strength, image * jnp.exp2(0.5 * normal[1]), image)
    luma = image.mean(axis=2, keepdims=True)
    flipped = jnp.where(uniform(draws[3]) < 0.5, image - 2 * luma, image)
    image = sometimes(c, strength, flipped, image)
    if channels == 1:
        return image
    turned = jnp.einsum("hwc,dc->hwd", image, _about_gray(uniform(draws[4], -jnp.pi, jnp.pi)), precision="highest")
    image = sometimes(d, strength, turned, image)
    luma = image.mean(axis=2, keepdims=True)
    return sometimes(e, strength, luma + (image - luma) * jnp.exp2(normal[2]), image)


def ada_cutout(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Set to zero a box of half of either side, its center anywhere in the image.

    >>> int((ada_cutout(jax.random.key(1), jnp.ones((8, 8, 1)), 1.0) == 0).sum()) in range(4, 26)
    True
    """
    down, right, whether = jax.random.split(key, 3)
    h, w, _ = image.shape
    center = uniform(down, 0, h), uniform(right, 0, w)
    return sometimes(whether, strength, with_box(image, center, (h / 2, w / 2)), image)


def _about_gray(angle: Array) -> Array:
    """The rotation of three colors about the axis (1, 1, 1), by Rodrigues' formula."""
    axis = 3**-0.5
    cross = jnp.array([[0, -axis, axis], [axis, 0, -axis], [-axis, axis, 0]], jnp.float32)
    return jnp.cos(angle) * jnp.eye(3, dtype=jnp.float32) + jnp.sin(angle) * cross + (1 - jnp.cos(angle)) / 3
