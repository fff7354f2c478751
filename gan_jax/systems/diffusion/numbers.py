"""Numbers that belong to samples, as sizes and crops, and how a network is told them: by sinusoids, as SDXL is."""

from collections.abc import Sequence
from math import prod

import jax.numpy as jnp

from gan_jax.errors import InputError
from gan_jax.networks.time import sinusoids
from gan_jax.systems.diffusion.model import Beside
from gan_jax.types import Array, Batch, Spec

__all__ = ["told_numbers", "vector_length"]

_EACH = 32  # sinusoids of a number


def told_numbers(spec: Spec, names: Sequence[str]) -> Beside:
    """Return how a network is told entries of a batch: sinusoids of each of their numbers, side by side.

    Raises:
      InputError: the data have no such entry.

    Source: Podell et al. (2023), SDXL: improving latent diffusion models for high-resolution image synthesis.

    >>> import jax
    >>> spec = {"crop": jax.ShapeDtypeStruct((2,), jnp.float32)}
    >>> told_numbers(spec, ["crop"]).arguments({"crop": jnp.zeros((3, 2))})["vector"].shape
    (3, 64)
    """
    for name in names:
        if name not in spec or name == "sample":
            others = ", ".join(each for each in spec if each != "sample") or "nothing"
            raise InputError(f"the data have no {name} beside the samples, but {others}", field="numbers")

    def arguments(entries: Batch) -> dict[str, Array]:
        flat = [jnp.asarray(entries[name]).astype(jnp.float32).reshape(len(entries[name]), -1) for name in names]
        numbers = jnp.concatenate(flat, axis=1)
        waves = sinusoids(numbers.reshape(-1), _EACH, shift=0.0, cosines_first=True)
        return {"vector": waves.reshape(len(numbers), -1)}

    return Beside({name: spec[name] for name in names}, arguments)


def vector_length(beside: Beside) -> int:
    """Return how long the vectors are.

    >>> import jax
    >>> spec = {"crop": jax.ShapeDtypeStruct((2,), jnp.float32)}
    >>> vector_length(told_numbers(spec, ["crop"]))
    64
    """
    return _EACH * sum(prod(entry.shape) for entry in beside.spec.values())
