"""A box for every parameter."""

import jax.numpy as jnp
import numpy as np

from gan_jax.constraints.clipping import clip, weight_clipping


def test_kernels_and_biases_are_clipped_from_both_sides():
    params = {"kernel": jnp.array([[0.5, -0.02], [0.003, -1.0]]), "bias": jnp.array([0.02, -0.001])}
    clipped = clip(params)
    np.testing.assert_array_equal(clipped["kernel"], np.float32([[0.01, -0.01], [0.003, -0.01]]))
    np.testing.assert_array_equal(clipped["bias"], np.float32([0.01, -0.001]))
    np.testing.assert_array_equal(weight_clipping(bound=2.0).project(params)["kernel"], params["kernel"])


def test_a_dense_layer_in_the_box_is_as_steep_as_it_says():
    """`bound sqrt(M N)`, which the constant kernel attains."""
    kernel = clip({"kernel": jnp.full((6, 4), 7.0)}, bound=0.5)["kernel"]
    np.testing.assert_allclose(jnp.linalg.norm(kernel, ord=2), 0.5 * 24**0.5, rtol=1e-5)
