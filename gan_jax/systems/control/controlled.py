"""A locked U-Net that is told what its ControlNet says, as one network."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.networks.control import ControlNet, copy_encoder
from gan_jax.networks.unet import Denoiser
from gan_jax.systems.diffusion.model import Beside
from gan_jax.types import Array, Batch, Key, Labels, Params, Samples, Spec

__all__ = ["Controlled", "told_hints"]


@dataclass(frozen=True, eq=False)
class Controlled:
    """`base(x, residuals=control(x, hint))`, with the functions of a Flax module; its parameters are the ControlNet's.

    Attributes:
      base: the U-Net.
      control: its ControlNet.
      locked: the U-Net's parameters, which nothing moves.
    """

    base: Denoiser
    control: ControlNet
    locked: Params

    @property
    def classes(self) -> int:
        """Of the labels that it is told; 0 for none."""
        return self.base.classes

    def init(self, key: Key, x: Samples, time: Array, label: Labels | None = None, *, hint: Array) -> Params:
        """Return the ControlNet's first parameters: copies of the U-Net's, and zeros where it says something."""
        return jax.tree.map(
            jnp.copy, copy_encoder(dict(self.control.init(key, x, time, hint, label)), dict(self.locked))
        )

    def apply(
        self, params: Params, x: Samples, time: Array, label: Labels | None = None, *, hint: Array, **options: Any
    ) -> Samples:
        """Say what noise or data there is in each image, as its hint has it."""
        residuals = self.control.apply(params, x, time, hint, label, **options)
        return self.base.apply(self.locked, x, time, label, residuals=residuals)  # pyright: ignore[reportReturnType]


def told_hints(spec: Spec) -> Beside:
    """Return how a network is told images of 8 bits: in [0, 1].

    >>> told = told_hints({"hint": jax.ShapeDtypeStruct((8, 8, 1), jnp.uint8)})
    >>> told.of_condition(None, 2)["hint"].shape
    (2, 8, 8, 1)
    """

    def arguments(entries: Batch) -> dict[str, Array]:
        return {"hint": jnp.asarray(entries["hint"]).astype(jnp.float32) / 255}

    return Beside({"hint": spec["hint"]}, arguments)
