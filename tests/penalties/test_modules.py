"""Flax NNX modules that change as they are called: split, and merged anew in every call, as README shows."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from gan_jax.penalties import PENALTIES

KEY = jax.random.key(0)


class SpectralCritic(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.SpectralNorm(nnx.Linear(2, 4, rngs=rngs), rngs=rngs)
        self.last = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.tanh(self.first(x, update_stats=True)))


def sequential(layer):
    return lambda rngs: nnx.Sequential(nnx.Linear(2, 4, rngs=rngs), layer(rngs), nnx.tanh, nnx.Linear(4, 1, rngs=rngs))


MODULES = {
    "dropout": sequential(lambda rngs: nnx.Dropout(0.5, rngs=rngs)),
    "batch norm": sequential(lambda rngs: nnx.BatchNorm(4, rngs=rngs)),
    "spectral norm": SpectralCritic,
}


@pytest.mark.parametrize("penalty", ["wgan_gp", "r1_r2", "adversarial_lipschitz"])
@pytest.mark.parametrize("name", MODULES)
def test_a_module_with_a_state_is_differentiated_by_its_parameters(name, penalty):
    real, fake = jax.random.normal(KEY, (2, 5, 2))
    graph, params, state = nnx.split(MODULES[name](nnx.Rngs(0)), nnx.Param, ...)
    before = [leaf.copy() for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating)]

    @jax.jit
    @jax.grad
    def gradient(params):
        def critic(x):
            return nnx.merge(graph, params, state, copy=True)(x).squeeze(-1)

        return PENALTIES[penalty](lambda x: 5 * critic(x), KEY, real=real, fake=fake).mean()

    leaves = jax.tree.leaves(gradient(params))
    assert all(jnp.isfinite(leaf).all() for leaf in leaves)
    assert max(jnp.abs(leaf).max() for leaf in leaves) > 1e-3
    after = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    assert all(jnp.array_equal(one, other) for one, other in zip(before, after, strict=True))
