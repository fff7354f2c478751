"""ControlNet for this package's U-Net: a copy of its way down that sees a hint, and says what to add to it."""

from collections.abc import Sequence
from math import log2

import flax.linen as nn
import jax.numpy as jnp

from gan_jax.errors import InputError
from gan_jax.networks.conv import Conv
from gan_jax.networks.patches import to_patches
from gan_jax.networks.unet import Denoiser
from gan_jax.types import Array, Float, Labels, Params, Samples

__all__ = ["ControlNet", "copy_encoder"]

_zeros = nn.initializers.zeros


class _HintNetwork(nn.Module):
    """Hints (N, H, W, C) to features at the size of the U-Net's first layer: zero at first."""

    features: int
    widths: tuple[int, ...]
    patch: int

    @nn.compact
    def __call__(self, hint: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 f"]:
        x = nn.silu(Conv(self.widths[0], 3)(hint))
        halvings = int(log2(self.patch))
        for i, width in enumerate(self.widths[1:]):
            stride = 2 if i < halvings else 1
            x = nn.silu(Conv(width, 3, stride=stride, padding="SAME" if stride == 1 else ((0, 1), (0, 1)))(x))
        return Conv(self.features, 3, kernel_init=_zeros)(x)


class ControlNet(nn.Module):
    """Noisy images (N, H, W, C), times (N,) and hints (N, H, W, C') to the `residuals` of a U-Net, zero at first.

    Source: Zhang, Rao, Agrawala (2023), Adding conditional control to text-to-image diffusion models.

    >>> import jax
    >>> base = Denoiser(features=(8, 8), blocks=1, attention=())
    >>> control = ControlNet(base, widths=(4, 4))
    >>> x, hint = jnp.ones((2, 8, 8, 3)), jnp.ones((2, 8, 8, 1))
    >>> (kept, middle), _ = control.init_with_output(jax.random.key(0), x, jnp.ones(2), hint)
    >>> len(kept), middle.shape, bool(middle.any())
    (4, (2, 4, 4, 8), False)
    """

    base: Denoiser
    widths: tuple[int, ...] = (16, 32)

    @nn.compact
    def __call__(
        self,
        x: Samples,
        time: Float[Array, " n"],
        hint: Float[Array, "n h w c"],
        label: Labels | None = None,
        *,
        vector: Float[Array, "n v"] | None = None,
        train: bool = False,
    ) -> tuple[Sequence[Array], Array]:
        """Return what is added to what the U-Net keeps for the way back, and to its middle."""
        base = self.base
        if base.patch > 1 and (base.patch & (base.patch - 1) or len(self.widths) <= log2(base.patch)):
            raise InputError(f"cannot halve a hint to patches of {base.patch}; give more widths", field="widths")
        time = base.embedding()(time, label, vector)
        x = to_patches(x, base.patch).astype(base.dtype or jnp.float32)
        seen = _HintNetwork(base.features[0], self.widths, base.patch, name="hint")(hint)
        kept, middle = base.encoder()(x, time, seen.astype(x.dtype), train=train)

        def zero(x: Array, name: str) -> Array:
            return nn.Dense(x.shape[3], dtype=base.dtype, kernel_init=_zeros, name=name)(x)

        return tuple(zero(each, f"zero_{i}") for i, each in enumerate(kept)), zero(middle, "zero_middle")


def copy_encoder(params: Params, base: Params) -> Params:
    """Return a ControlNet's parameters with the U-Net's in place of those that both have: where its training begins.

    >>> copy_encoder({"params": {"Conv_0": 0, "hint": 1}}, {"params": {"Conv_0": 2, "Conv_5": 3}})
    {'params': {'Conv_0': 2, 'hint': 1}}
    """
    return {"params": {name: base["params"].get(name, own) for name, own in params["params"].items()}}
