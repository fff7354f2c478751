"""Numbers that belong to samples, as crops: cut as they say, told by sinusoids, and drawn of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import DenoiserConfig, Diffusion
from gan_jax.data.crops import centers, cropped
from gan_jax.errors import InputError
from gan_jax.systems.diffusion.numbers import told_numbers

KEY = jax.random.key(0)
SPEC = {
    "sample": jax.ShapeDtypeStruct((4, 4, 1), jnp.float32),
    "crop": jax.ShapeDtypeStruct((2,), jnp.float32),
}


def test_crops_move_what_is_left_up_and_to_the_left():
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[0, 4, 5] = 255
    found = cropped(np.repeat(image, 3, axis=0), np.array([[0, 0], [1, 0], [2, 3]]))
    assert centers(found).tolist() == [[4, 5], [3, 5], [2, 2]]
    assert cropped(image, np.array([[0, 0]])).tolist() == image.tolist()


def test_each_number_has_sinusoids_of_its_own_cosines_first():
    vector = told_numbers(SPEC, ["crop"]).arguments({"crop": jnp.array([[0.0, 2.0]])})["vector"]
    assert vector.shape == (1, 64)
    np.testing.assert_allclose(vector[0, :16], 1)
    np.testing.assert_allclose(vector[0, 16:32], 0)
    np.testing.assert_allclose(vector[0, [32, 48]], [np.cos(2), np.sin(2)], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "network", [DenoiserConfig("mlp", width=8, depth=1), DenoiserConfig("unet", features=(8,), blocks=1)]
)
def test_samples_are_of_the_crop_that_is_asked_for(network):
    diffusion = Diffusion(network=network, numbers=("crop",), steps=2)
    system = diffusion.build(SPEC, batch_size=8)
    assert system.conditions == ("crop",)
    state = system.init(KEY, SPEC)
    state = state._replace(ema=jax.tree.map(lambda leaf: leaf + 0.05, state.ema))
    draw = jax.jit(lambda crop: system.sample(state, KEY, 3, {"crop": jnp.broadcast_to(crop, (3, 2))}))
    assert float(jnp.abs(draw(jnp.zeros(2)) - draw(jnp.array([0.0, 3.0]))).max()) > 1e-4
    batch = {"sample": jnp.zeros((8, 4, 4, 1)), "crop": jnp.ones((8, 2))}
    _, metrics = jax.jit(system.update)(state, KEY, batch)
    assert np.isfinite(metrics["loss"])


def test_what_the_data_do_not_have_is_refused():
    with pytest.raises(InputError, match="numbers: the data have no size beside the samples, but crop"):
        Diffusion(numbers=("size",)).build(SPEC, batch_size=8)
