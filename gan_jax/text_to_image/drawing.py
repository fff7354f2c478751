"""Images of captions: text states, a U-Net that is guided by them, and an autoencoder's decoder, as pure functions."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from gan_jax.diffusion import Denoiser, Levels, Sampler, draw, guided
from gan_jax.text_to_image.scheduler import Scheduler, time_of_level
from gan_jax.types import Array, Float, Int, Key, Params, Samples

__all__ = ["Control", "Networks", "TextStates", "bind_unet", "decode", "draw_latents", "encode_text"]


class Networks(NamedTuple):
    """The networks of a text-to-image model.

    Attributes:
      text: modules of one text tower or, for SDXL, of two.
      unet: a module that says what noise there is in latents.
      autoencoder: a module that decodes latents.
      scheduler: how the U-Net was trained.
    """

    text: tuple[Any, ...]
    unet: Any
    autoencoder: Any
    scheduler: Scheduler


class TextStates(NamedTuple):
    """What a U-Net is told of captions and, if it is SDXL's, of sizes.

    Attributes:
      context: (N, K, D), what its transformers look at.
      pooled: (N, P), one vector each; None but for SDXL.
      sizes: (N or 1, S), pixels: original height and width, the crop's top and left, target height and width, or in
        the place of these two, for a refiner, an aesthetic score; None but for SDXL.
    """

    context: Array
    pooled: Array | None = None
    sizes: Array | None = None


class Control(NamedTuple):
    """A ControlNet and what it sees.

    Attributes:
      module: a `ControlNetModel` that belongs to the U-Net.
      params: its parameters.
      hint: (N, H, W, C), in [0, 1], of the images' size.
      scale: what all that it says is multiplied by.
    """

    module: Any
    params: Params
    hint: Array
    scale: float = 1.0


def encode_text(networks: Networks, params: Mapping[str, Any], tokens: Sequence[Int[Array, "n k"]]) -> TextStates:
    """Return the states of captions, of a row of tokens for each, by each tower's own tokenizer.

    One tower's last states, normalized, are what Stable Diffusion looks at; SDXL looks at the last but one of its
    towers, side by side, and is told the last tower's embedding.
    """
    said: list[Any] = [
        tower.apply(own, row) for tower, own, row in zip(networks.text, params["text"], tokens, strict=True)
    ]
    if networks.unet.config.addition_embed_type != "text_time":
        return TextStates(said[0].last_hidden_state)
    return TextStates(jnp.concatenate([each.hidden_states[-2] for each in said], axis=2), said[-1].text_embeds)


def bind_unet(
    networks: Networks,
    params: Params,
    text: TextStates,
    control: Control | None = None,
) -> Denoiser:
    """Return the denoiser `(x, alpha, sigma) -> E[x0 | x]` that a U-Net is once it is told of captions.

    Args:
      networks: of which it takes the U-Net and its scheduler.
      params: the U-Net's.
      text: of the captions.
      control: tells the U-Net's layers of a hint.
    """
    numbers = {"text_embeds": text.pooled, "time_ids": text.sizes}
    told = {} if text.sizes is None else {"added_cond_kwargs": numbers}
    scheduler = networks.scheduler

    def denoise(x: Samples, alpha: Array, sigma: Array) -> Samples:
        given, more = (x, time_of_level(scheduler, alpha, sigma), text.context), {}
        if control is not None:
            said = control.module.apply(control.params, *given, control.hint, control.scale, **told)
            more = dict(zip(("down_block_additional_residuals", "mid_block_additional_residual"), said, strict=True))
        noise = networks.unet.apply(params, *given, **told, **more)
        return scheduler.parameterization.denoised(noise, x, alpha, sigma)

    return denoise


def draw_latents(
    networks: Networks,
    params: Mapping[str, Any],
    key: Key,
    x: Float[Array, "n h w c"],
    told: TextStates,
    untold: TextStates,
    levels: Levels,
    *,
    guidance: float = 7.5,
    sampler: str | Sampler = "dpm_2m",
    control: Control | None = None,
) -> Float[Array, "n h w c"]:
    """Draw latents of captions from noise, away from what other captions, or none, would give.

    Where the first level is one of less noise, this goes on from there: a refiner draws the last steps of what another
    U-Net has begun.

    Args:
      networks, params: what `gan_jax.text_to_image.load` returns.
      key: of fresh noise, for samplers that draw some.
      x: (N, H, W, C) at the first level, of variance 1 where that is noise.
      told, untold: of the captions, and of those that it is pushed away from.
      levels: from `levels_of`, or a part of them.
      guidance: w of `U + w (C - U)`; 1 for none.
      sampler: from `gan_jax.diffusion.SAMPLERS`, or a step of one's own.
      control: as for `bind_unet`.

    Source: Rombach et al. (2022), High-resolution image synthesis with latent diffusion models; Podell et al. (2023),
    SDXL: improving latent diffusion models for high-resolution image synthesis, of the refiner.
    """
    denoiser, other = (bind_unet(networks, params["unet"], text, control) for text in (told, untold))
    denoiser = denoiser if guidance == 1 else guided(denoiser, other, weight=guidance)
    return draw(denoiser, key, x, levels, sampler, denoise_last=False)


def decode(
    networks: Networks, params: Mapping[str, Any], latents: Float[Array, "n h w c"]
) -> Float[Array, "n h2 w2 c2"]:
    """Return the images of latents, in [-1, 1] but for some numbers, float32."""
    autoencoder: Any = networks.autoencoder
    scaled = latents / autoencoder.config.scaling_factor
    return autoencoder.apply(params["autoencoder"], scaled, method="decode")
