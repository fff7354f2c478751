"""Path lengths of linear generators, whose Jacobians are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks.styles import mix
from gan_jax.penalties.path_length import path_lengths

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("layers", [1, 3])
def test_lengths_of_a_linear_generator_are_norms_of_its_transpose(layers):
    """J_l is A_l: the length is the root of the mean over layers of |A_l^T y|^2, per pixel."""
    A = RNG.normal(size=(layers, 5, 2 * 3 * 2)).astype(np.float32)
    y = RNG.normal(size=(4, 2, 3, 2)).astype(np.float32)

    def synthesis(styles):
        return jnp.einsum("nlw,lwp->np", styles, jnp.asarray(A)).reshape(-1, 2, 3, 2)

    found = path_lengths(synthesis, jnp.zeros((4, layers, 5)), jnp.asarray(y))
    slopes = np.einsum("lwp,np->nlw", A, y.reshape(4, -1)) / np.sqrt(6)
    np.testing.assert_allclose(found, np.sqrt((slopes**2).sum(axis=2).mean(axis=1)), rtol=1e-5)


def test_lengths_are_differentiable_where_the_generator_is_flat():
    """An image that no style moves has length zero, with a finite gradient."""
    slope = jax.grad(
        lambda a: path_lengths(lambda w: a * w[:, :1, :1, None], jnp.ones((1, 1, 1)), jnp.ones((1, 1, 1, 1))).sum()
    )
    assert float(slope(0.0)) == 0
    assert float(slope(2.0)) == 1


def test_mixed_styles_change_at_the_crossover():
    first, other = jnp.zeros((3, 2)), jnp.ones((3, 2))
    mixed = mix(first, other, jnp.array([1, 3, 4]), layers=4)
    np.testing.assert_array_equal(mixed[:, :, 0], [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
