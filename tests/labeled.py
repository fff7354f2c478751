"""Networks that show by their scores whether a sample has met its own label."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class LabeledGenerator(nn.Module):
    """Maps noise and labels to samples whose last coordinate is the label."""

    shape: tuple[int, ...] = (3,)
    classes: int = 4
    conditional = True

    @nn.compact
    def __call__(self, noise, label):
        samples = nn.Dense(self.shape[0] - 1)(jnp.concatenate([noise, jax.nn.one_hot(label, self.classes)], axis=1))
        return jnp.concatenate([samples, label[:, None].astype(samples.dtype)], axis=1)


class LabeledCritic(nn.Module):
    """Scores samples, and says by the score if one meets another's label: 1000 for each unit of difference."""

    conditional = True

    @nn.compact
    def __call__(self, x, label):
        off = jnp.abs(jax.lax.stop_gradient(x[:, -1]) - label.astype(x.dtype))
        return nn.Dense(1)(nn.tanh(nn.Dense(4)(x))).squeeze(-1) + 1000 * off
