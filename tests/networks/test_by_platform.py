"""Networks traced as on a GPU hold the field's operations alone, and compute what they compute on a CPU."""

from functools import partial

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks.conv import conv, conv_transpose
from gan_jax.networks.depthwise import depthwise_conv
from gan_jax.networks.modulated import EqualizedConv, modulated_conv
from gan_jax.networks.platforms import as_on_gpu

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 6, 6)).astype(np.float32)
DOWN = EqualizedConv(6, 3, down=True, use_bias=False)

OPERATIONS = {
    "conv": partial(conv, kernel=jnp.array(KERNEL), stride=2),
    "conv_transpose": partial(conv_transpose, kernel=jnp.array(KERNEL), stride=2),
    "depthwise": partial(depthwise_conv, kernel=jnp.array(KERNEL[..., 0])),
    "doubled": lambda x: modulated_conv(x, jnp.array(KERNEL), jnp.ones((len(x), 6)), up=True),
    "halved": lambda x: DOWN.apply({"params": {"kernel": jnp.array(KERNEL)}}, x),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_as_on_gpu(name):
    operation = OPERATIONS[name]
    x = np.random.default_rng(1).normal(size=(2, 8, 8, 6)).astype(np.float32)
    on_cpu = jax.jit(operation)(x)
    assert "platform_index" in str(jax.make_jaxpr(operation)(x))
    with as_on_gpu():
        program = jax.make_jaxpr(lambda x: operation(x))(x)
    assert "platform_index" not in str(program)
    assert "conv_general_dilated" in str(program)
    (on_gpu,) = jax.jit(jax.extend.core.jaxpr_as_fun(program))(x)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-4 * np.abs(on_cpu).max())
