"""Sorting against `jnp.sort`, and what the critics make of an activation."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from gan_jax.networks import dcgan, mlp
from gan_jax.networks.activations import ACTIVATIONS, group_sort, leaky_relu

KEY = jax.random.key(0)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", [(6,), (4, 12), (2, 3, 3, 6), (0, 6)], ids=str)
def test_groups_are_sorted_along_the_last_axis(size, shape):
    x = jax.random.normal(KEY, shape)
    expected = np.sort(np.asarray(x).reshape(*shape[:-1], -1, size) if x.size else x, axis=-1).reshape(shape)
    np.testing.assert_array_equal(group_sort(x, size), expected)
    assert group_sort(x.astype(jnp.bfloat16), size).dtype == jnp.bfloat16


@pytest.mark.parametrize("size", [2, 3])
def test_sorting_is_differentiable_twice_and_keeps_the_norm_of_gradients(size):
    x, weight = jax.random.normal(KEY, (3, 6)), jax.random.normal(jax.random.key(1), (3, 6))

    @jax.jit
    def score(x):
        return jnp.sum(weight * jnp.sin(group_sort(x, size)))

    check_grads(score, (x,), order=2, modes=["fwd", "rev"], atol=2e-2, rtol=2e-2)
    _, pull = jax.vjp(lambda x: group_sort(x, size), x)
    np.testing.assert_allclose(jnp.linalg.norm(pull(weight)[0], axis=1), jnp.linalg.norm(weight, axis=1), rtol=1e-6)


@pytest.mark.parametrize(("shape", "size"), [((2, 5), 2), ((6,), 4), ((), 2), ((4,), 0)], ids=str)
def test_features_that_make_no_groups_are_refused(shape, size):
    with pytest.raises(ValueError, match=rf"a multiple of {size}, got \("):
        group_sort(jnp.ones(shape), size)


def test_the_registry_holds_1_lipschitz_functions():
    assert set(ACTIVATIONS) == {"relu", "leaky_relu", "group_sort"}
    x, y = (jax.random.normal(jax.random.key(seed), (64, 6)) for seed in (1, 2))
    for activation in ACTIVATIONS.values():
        moved = jnp.linalg.norm(activation(x) - activation(y), axis=1) / jnp.linalg.norm(x - y, axis=1)
        assert (moved <= 1 + 1e-6).all()


@pytest.mark.parametrize(("kind", "default"), [(mlp.Critic, nn.relu), (dcgan.Critic, leaky_relu)])
def test_critics_take_an_activation_and_keep_their_parameters(kind, default):
    x = jax.random.normal(KEY, (3, 4, 4, 1))
    plain, linear = (kind(width=4, depth=1, **given) for given in ({}, {"activation": lambda x: x}))
    assert plain.activation is default
    params, same = (module.init(KEY, x) for module in (plain, linear))
    jax.tree.map(np.testing.assert_array_equal, params, same)
    np.testing.assert_allclose(linear.apply(params, 2 * x), 2 * linear.apply(params, x), rtol=1e-4, atol=1e-6)
    assert jnp.abs(plain.apply(params, x) - linear.apply(params, x)).max() > 1e-2
