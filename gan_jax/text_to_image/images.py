"""Images of captions by a text-to-image model."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.diffusion import Levels
from gan_jax.errors import InputError
from gan_jax.text_to_image.drawing import Control, Networks, TextStates, decode, draw_latents, encode_text
from gan_jax.text_to_image.pipeline import TextToImage
from gan_jax.text_to_image.scheduler import Scheduler, levels_of
from gan_jax.types import Array, Float, Int, Key

__all__ = ["REFINED_FROM", "Sizes", "draw_images", "draw_of_tokens", "sides", "steps_until"]

REFINED_FROM = 0.8
"""Of the schedule; what is left after it a refiner draws, which was trained on that alone."""

_SCORES = 6.0, 2.5  # that a refiner is told of images, and of those that they are pushed away from


class Sizes(NamedTuple):
    """What SDXL is told of an image's size, beside the size that it is drawn at.

    Attributes:
      original: height and width of the picture that it is of; the image's own by default.
      crop: how much of that is cut off above and on the left.
    """

    original: tuple[int, int] | None = None
    crop: tuple[int, int] = (0, 0)


_OWN_SIZES = Sizes()


def draw_images(
    model: TextToImage,
    key: Key,
    captions: Sequence[str],
    *,
    negative: str = "",
    steps: int = 30,
    guidance: float = 7.5,
    sampler: str = "dpm_2m",
    size: tuple[int, int] | None = None,
    sizes: Sizes = _OWN_SIZES,
    control: Control | None = None,
    refined_from: float = REFINED_FROM,
) -> np.ndarray:
    """Return an image of each caption, uint8 (N, H, W, C).

    Args:
      model: from `load`.
      key: of all that is random.
      captions: N texts.
      negative: what all are pushed away from.
      steps: of the sampler.
      guidance: w of `U + w (C - U)`; 1 for none.
      sampler: from `gan_jax.diffusion.SAMPLERS`.
      size: height and width; those that the U-Net was trained on by default.
      sizes: what SDXL is told beside it.
      control: a ControlNet, as `gan_jax.weights.load` reads it, and hints of this size.
      refined_from: the part of the schedule after which the model's refiner draws, if it has one.

    Raises:
      InputError: the size is no multiple of the autoencoder's factor, or is not given and not known.
    """
    options: dict[str, Any] = {"steps": steps, "guidance": guidance, "sampler": sampler, "size": size, "sizes": sizes}
    options["refined_from"] = refined_from

    @jax.jit
    def drawn(params: Any, key: Key, told: Array, untold: Array | None, seen: Any) -> Array:
        own = None if control is None else control._replace(params=seen[0], hint=seen[1])
        images = draw_of_tokens(model, params, key, told, untold, control=own, **options)
        return jnp.round((images + 1) * 127.5).astype(jnp.uint8)

    told = model.tokenize(captions)
    untold = model.tokenize([negative] * len(captions)) if negative else None
    seen = control and (control.params, control.hint)
    return np.asarray(drawn(model.params, key, told, untold, seen))


def draw_of_tokens(
    model: TextToImage,
    params: Any,
    key: Key,
    told: Int[Array, "n towers k"],
    untold: Int[Array, "n towers k"] | None = None,
    *,
    steps: int = 30,
    guidance: float = 7.5,
    sampler: str = "dpm_2m",
    size: tuple[int, int] | None = None,
    sizes: Sizes = _OWN_SIZES,
    control: Control | None = None,
    refined_from: float = REFINED_FROM,
) -> Float[Array, "n h w c"]:
    """Return an image of each row of tokens, in [-1, 1]: a pure function, of which a program can be made.

    Takes the model's parameters, and tokens of the captions and of what they are pushed away from, by
    `TextToImage.tokenize`; by default they are pushed away from no caption. All else, and what is raised, is as for
    `draw_images`.
    """
    networks, n = model.networks, len(told)
    height, width, factor = sides(networks, size)
    noise_key, draw_key = jax.random.split(key)
    shape = (n, height // factor, width // factor, networks.unet.config.in_channels)
    x = jax.random.normal(noise_key, shape, jnp.float32)
    given, target = (*(sizes.original or (height, width)), *sizes.crop), (height, width)

    # Each U-Net draws its part of the levels, told by its own text towers.
    levels, towers = levels_of(networks.scheduler, steps), len(networks.text)
    first = steps if model.refiner is None else steps_until(networks.scheduler, levels, refined_from)
    parts = [(model, params, slice(towers), slice(first + 1), control)]
    if model.refiner is not None:
        parts.append((model.refiner, params["refiner"], slice(towers, None), slice(first, None), None))
    for i, (part, own, columns, rows, seen) in enumerate(parts):
        states = _states(part, own, told[:, columns], None if untold is None else untold[:, columns], given, target)
        part_key = jax.random.fold_in(draw_key, i) if i else draw_key
        part_levels = Levels(*(each[rows] for each in levels))
        options: dict[str, Any] = {"guidance": guidance, "sampler": sampler, "control": seen}
        x = draw_latents(part.networks, own, part_key, x, *states, part_levels, **options)
    return jnp.clip(decode(networks, params, x), -1, 1)


def steps_until(scheduler: Scheduler, levels: Levels, share: float) -> int:
    """Return how many steps begin before a part of the schedule is over."""
    last = scheduler.schedule.sigma(round((1 - share) * (scheduler.schedule.high + 1)))
    return int((levels.sigma[:-1] >= np.float32(last)).sum())


def _states(
    part: TextToImage,
    params: Any,
    told: Int[Array, "n towers k"],
    untold: Int[Array, "n towers k"] | None,
    given: tuple[int, ...],
    target: tuple[int, int],
) -> tuple[TextStates, TextStates]:
    """What a U-Net is told of captions and sizes, and of what they are pushed away from."""
    networks = part.networks

    def encoded(rows: Array) -> TextStates:
        return encode_text(networks, params, [rows[:, tower] for tower in range(len(networks.text))])

    states = encoded(told)
    if untold is None and part.zeros:
        other = TextStates(*jax.tree.map(jnp.zeros_like, tuple(states)))
    else:
        other = encoded(jnp.asarray(part.tokenize([""] * len(told))) if untold is None else untold)
    if states.pooled is None:
        return states, other

    # A refiner's U-Net takes a number less.
    config, pooled = networks.unet.config, states.pooled.shape[1]
    count = ((config.projection_class_embeddings_input_dim or 0) - pooled) // config.addition_time_embed_dim
    if count not in (5, 6):
        raise InputError(f"the U-Net is told {count} numbers of sizes; what is known tells 6, or 5 to a refiner")
    numbers = ([*given, *(target if count == 6 else (score,))] for score in _SCORES)
    sizes = (jnp.tile(jnp.array([row], jnp.float32), (len(told), 1)) for row in numbers)
    return states._replace(sizes=next(sizes)), other._replace(sizes=next(sizes))


def sides(networks: Networks, size: tuple[int, int] | None = None) -> tuple[int, int, int]:
    """Return the height and width of images, and how many times less those of latents are.

    Raises:
      InputError: the size is no multiple of that, or is not given and not known.
    """
    factor = 2 ** (len(networks.autoencoder.config.block_out_channels) - 1)
    trained = networks.unet.config.sample_size
    if size is None and trained is None:
        raise InputError("the U-Net does not say what it was trained on; give height and width", field="size")
    if size is None:
        size = trained if isinstance(trained, tuple) else (trained, trained)
        size = (size[0] * factor, size[1] * factor)
    if min(size) < factor or size[0] % factor or size[1] % factor:
        raise InputError(f"{size[0]}x{size[1]} are no multiples of {factor}", field="size")
    return *size, factor
