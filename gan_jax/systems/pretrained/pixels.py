"""DDPM's U-Net as a system: images without captions, perhaps of classes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp

from gan_jax import weights
from gan_jax.diffusion import Denoiser, draw
from gan_jax.errors import InputError
from gan_jax.files import expand_user
from gan_jax.networks.pretrained import UNet2DModel
from gan_jax.systems.pretrained.reading import refuse_training
from gan_jax.systems.system import State, System
from gan_jax.text_to_image import Scheduler, levels_of, time_of_level
from gan_jax.text_to_image.pipeline import open_part, scheduler_of
from gan_jax.types import Array, Batch, Int, Key, Samples, Spec

__all__ = ["parts_of", "spec_of", "system_of"]


def spec_of(config: Any) -> tuple[Spec, tuple[str, ...]]:
    """Return the shape of an image, and the numbers of the classes if it is told any."""
    unet = _unet(config)
    sides = unet.config.sample_size
    if sides is None:
        raise InputError(f"{config.folder}: its config.json does not say sample_size, the sides of what it draws")
    height, width = sides if isinstance(sides, tuple) else (sides, sides)
    shape = (height, width, unet.config.in_channels)
    classes = tuple(map(str, range(unet.config.num_class_embeds or 0)))
    return {"sample": jax.ShapeDtypeStruct(shape, jnp.float32)}, classes


def parts_of(config: Any) -> dict[str, Path]:
    """Return the folder of the network: `unet`, or the whole, as DDPM's authors' weights are."""
    return {"unet": _part(expand_user(config.folder), "unet")}


def system_of(config: Any) -> System:
    """Return the system of a `Pretrained`."""
    folder = expand_user(config.folder)
    unet, scheduler = _unet(config).clone(dtype=jnp.dtype(config.precision)), scheduler_of(_part(folder, "scheduler"))
    spec, classes = spec_of(config)
    return System(
        init=lambda key, spec: weights.load(_part(folder, "unet"), variant=config.variant)[1],
        update=refuse_training,
        sample=partial(_sample, config, unet, scheduler, spec["sample"].shape),
        metrics={},
        counts={},
        conditional=bool(classes),
        options={"sample": ("sampler", "steps")},
        evaluations=config.steps,
        drawn_with=lambda state: state,
        is_read=True,
    )


def _part(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).is_dir() else folder


def _unet(config: Any) -> Any:
    unet = open_part(_part(expand_user(config.folder), "unet"), (UNet2DModel,), config.variant)
    if unet.config.class_embed_type:
        raise InputError(f"{config.folder}: is told classes by class_embed_type, which is not drawn from")
    return unet


def _sample(
    config: Any,
    unet: Any,
    scheduler: Scheduler,
    shape: tuple[int, ...],
    state: State,
    key: Key,
    n: int,
    condition: Batch | None = None,
    *,
    sampler: str | None = None,
    steps: int | None = None,
) -> Samples:
    """Draw n images, of `condition["label"]` or of uniform classes if the network is told any."""
    noise_key, label_key, key = jax.random.split(key, 3)
    label, count = None, unet.config.num_class_embeds
    if count:
        given = (condition or {}).get("label")
        drawn = cast(Int[Array, " n"], jax.random.randint(label_key, (n,), 0, count, jnp.int32))
        label = drawn if given is None else jnp.asarray(given)
    denoise = _denoiser(scheduler, lambda x, time: unet.apply(state, x, time, label))
    chosen = levels_of(scheduler, config.steps if steps is None else steps)
    noise = jax.random.normal(noise_key, (n, *shape), jnp.float32)
    return draw(denoise, key, noise, chosen, sampler or config.sampler, denoise_last=False)


def _denoiser(scheduler: Scheduler, network: Callable[..., Any]) -> Denoiser:
    def denoise(x: Samples, alpha: Array, sigma: Array) -> Samples:
        said = network(x, time_of_level(scheduler, alpha, sigma))
        denoised = scheduler.parameterization.denoised(said, x, alpha, sigma)
        return jnp.clip(denoised, -1, 1) if scheduler.clip else denoised

    return denoise
