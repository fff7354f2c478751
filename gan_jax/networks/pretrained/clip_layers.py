"""What CLIP's text and image towers share."""

from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from gan_jax.config import Count, Positive, config
from gan_jax.errors import InputError
from gan_jax.networks.pretrained.residual import layer_norm
from gan_jax.networks.pretrained.transformer import attention
from gan_jax.types import Array, Float

__all__ = ["ACTIVATIONS", "TRANSFORMERS_FIXED", "TowerConfig", "encode", "quick_gelu"]

_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")

TRANSFORMERS_FIXED = {"attention_dropout": 0.0}
"""Settings of which one value is built."""


def quick_gelu(x: Array) -> Array:
    """Return `x sigmoid(1.702 x)`, which OpenAI's CLIP has in place of GELU.

    Source: Hendrycks, Gimpel (2016), Gaussian error linear units.

    >>> import jax.numpy as jnp
    >>> round(float(quick_gelu(jnp.float32(1))), 4)
    0.8458
    """
    return x * jax.nn.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "quick_gelu": quick_gelu,
    "gelu": lambda x: nn.gelu(x, approximate=False),
}
"""Of the layers between attention: OpenAI's, and OpenCLIP's."""


@config
class TowerConfig:
    """The settings that both towers have, named as transformers names them.

    Attributes:
      hidden_size: features.
      intermediate_size: features of the layer between attention.
      projection_dim: of embeddings.
      num_hidden_layers: blocks.
      num_attention_heads: of each block.
      hidden_act: of the layer between attention, from `ACTIVATIONS`.
      layer_norm_eps: what is added to variances.
    """

    hidden_size: Count = 512
    intermediate_size: Count = 2048
    projection_dim: Count = 512
    num_hidden_layers: Count = 12
    num_attention_heads: Count = 8
    hidden_act: Literal["quick_gelu", "gelu"] = "quick_gelu"
    layer_norm_eps: Positive = 1e-5

    def __post_init__(self) -> None:
        """Raise if the heads do not divide the features."""
        if self.hidden_size % self.num_attention_heads:
            reason = f"{self.num_attention_heads} do not divide {self.hidden_size} features"
            raise InputError(reason, field="num_attention_heads")

    def norm(self, name: str, dtype: DTypeLike) -> Callable[[Array], Array]:
        """Within a module's call: return layer normalization."""
        return layer_norm(self.layer_norm_eps, dtype, name)


class _Layer(nn.Module):
    """`x + attention(norm(x))`, then `x + fc2(act(fc1(norm(x))))`."""

    config: TowerConfig
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "n k d"], bias: Array | None) -> Float[Array, "n k d"]:
        config, dtype = self.config, self.dtype
        y = config.norm("layer_norm1", dtype)(x)
        heads = config.num_attention_heads
        x = x + attention(y, y, heads=heads, dtype=dtype, bias=bias, names=_PROJECTIONS)
        y = nn.Dense(config.intermediate_size, dtype=dtype, name="fc1")(config.norm("layer_norm2", dtype)(x))
        return x + nn.Dense(config.hidden_size, dtype=dtype, name="fc2")(ACTIVATIONS[config.hidden_act](y))


def encode(
    x: Float[Array, "n k d"], config: TowerConfig, dtype: DTypeLike, bias: Array | None = None
) -> tuple[Array, ...]:
    """Within a module's call: return the tokens and what each layer makes of them, (N, K, D) each."""
    states = [x]
    for i in range(config.num_hidden_layers):
        states.append(_Layer(config, dtype, name=f"layers_{i}")(states[-1], bias))
    return tuple(states)
