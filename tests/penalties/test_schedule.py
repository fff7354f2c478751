"""Adam's settings under a penalty that is taken at every k-th step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.penalties import lazy_adam


def test_a_penalty_of_every_step_changes_nothing():
    assert lazy_adam(1, 1e-3, 0.5, 0.9) == (1e-3, 0.5, 0.9)


def test_sixteen_steps_by_hand():
    """As StyleGAN2 has it: 16 / 17 of each."""
    rate, b1, b2 = lazy_adam(16, 0.002, 0.0, 0.99)
    np.testing.assert_allclose([rate, b1, b2], [0.002 * 16 / 17, 0.0, 0.99 ** (16 / 17)], rtol=1e-12)


@pytest.mark.parametrize("every", [2, 5])
def test_as_far_and_as_forgetful_in_the_same_time(every):
    """Adam on a gradient that never changes moves by its rate each step; there is one step more."""
    rate, b1, b2 = lazy_adam(every, 0.1, 0.5, 0.9)
    np.testing.assert_allclose([b1 ** (every + 1), b2 ** (every + 1)], [0.5**every, 0.9**every], rtol=1e-12)
    adam = optax.adam(rate, b1, b2)
    params = jnp.zeros(())
    state = adam.init(params)
    for _ in range(every + 1):
        with jax.numpy_dtype_promotion("standard"):
            updates, state = adam.update(jnp.ones(()), state)
        params = params + updates
    np.testing.assert_allclose(params, -0.1 * every, rtol=1e-4)


@pytest.mark.parametrize("every", [0, -1])
def test_less_than_every_step_is_refused(every):
    with pytest.raises(ValueError, match=f"k at least 1, got {every}"):
        lazy_adam(every, 0.1, 0.5, 0.9)
