"""The way from stored images to what networks see and back."""

import jax.numpy as jnp
import numpy as np

from gan_jax.data.images import to_float, to_uint8


def test_every_level_survives_the_way_there_and_back():
    levels = jnp.arange(256, dtype=jnp.uint8)
    floats = to_float(levels)
    assert floats.dtype == jnp.float32
    assert (float(floats[0]), float(floats[-1])) == (-1.0, 1.0)
    np.testing.assert_array_equal(to_uint8(floats), levels)
    np.testing.assert_array_equal(to_uint8(jnp.array([-9.0, 9.0], jnp.bfloat16)), [0, 255])
