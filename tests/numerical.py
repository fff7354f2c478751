"""Derivatives against differences of values."""

import jax
import jax.numpy as jnp
import numpy as np


def check_derivatives(function, *arguments, order=2, forward=False, step=1e-4, rtol=1e-5, atol=1e-7):
    """Compare derivatives in reverse mode along a random direction with central differences, in float64.

    The function takes trees of floats and returns an array, which is summed with random weights. The direction is
    random, too. With `forward`, derivatives in forward mode, and of reverse mode in forward mode, are compared as well.
    All is compiled as one program.
    """
    random = np.random.default_rng(0)
    with jax.enable_x64(True):
        point = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)), arguments)
        direction = jax.tree.map(lambda leaf: jnp.asarray(random.normal(size=leaf.shape)), point)
        weights = jnp.asarray(random.normal(size=jax.eval_shape(function, *point).shape))

        def along(distance):
            moved = jax.tree.map(lambda leaf, by: leaf + distance * by, point, direction)
            return jnp.sum(weights * function(*moved))

        def forward_along(distance, of):
            return jax.jvp(of, (distance,), (jnp.ones_like(distance),))[1]

        @jax.jit
        def numbers(distances):
            first = jax.grad(along)
            found = {"values": jax.vmap(along)(distances), "first": jax.vmap(first)(distances)}
            if order > 1:
                found["second"] = jax.grad(first)(distances[1])
            if forward:
                found["forward"] = forward_along(distances[1], along), forward_along(distances[1], first)
            return found

        found = jax.device_get(numbers(jnp.array([-step, 0.0, step])))
    for derivative, values in (("first", "values"), ("second", "first"))[:order]:
        low, _, high = found[values]
        expected = (high - low) / (2 * step)
        mine = found["first"][1] if derivative == "first" else found["second"]
        np.testing.assert_allclose(mine, expected, rtol=rtol, atol=atol, err_msg=f"{derivative} derivative")
        if forward:
            by_forward = found["forward"][derivative == "second"]
            np.testing.assert_allclose(by_forward, expected, rtol=rtol, atol=atol, err_msg=f"{derivative}, forward")
