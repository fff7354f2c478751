"""Every network takes a batch of a size that is not known yet, as `jax.export` gives it, on every platform."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from gan_jax.networks import CRITICS, DENOISERS, GENERATORS, VAES

KEY = jax.random.key(0)
SHAPES = {"mlp": (2,), "dcgan_mnist": (28, 28, 1), "deep_sets": (2,)}
SMALL = {"features": (4, 4), "blocks": 1, "attention": (4,)}
CAPTIONS = jnp.array([[0, 2, 0], [1, 2, 0], [2, 0, 0]])
TEXT = {"features": (4, 4), "heads": 2, "text_width": 4, "text_depth": 1, "words": 3, "length": 3}
MORE = {
    "unet": SMALL,
    "text_unet": TEXT,
    "vae mlp": {"numbers": 2, "latents": (2, 2)},
    "vae conv": {"numbers": 2, "latents": (2, 2)},
}
NAMES = [*GENERATORS, *(f"critic {name}" for name in CRITICS)]
NAMES += [*(f"denoiser {name}" for name in DENOISERS), *(f"vae {name}" for name in VAES)]


def network(name):
    """A tiny network of the name, and what it takes, of three samples."""
    *kind, name = name.split()
    shape = SHAPES.get(name, (8, 8, 3))
    samples, noise = jnp.ones((3, *shape)), jax.random.normal(KEY, (3, 4))
    if kind == ["critic"]:
        return CRITICS[name](width=4), (samples,)
    if kind == ["denoiser"]:
        told = (CAPTIONS,) if name == "text_unet" else ()
        return DENOISERS[name](**MORE.get(name, {"width": 4})), (samples, jnp.ones(3), *told)
    if kind == ["vae"]:
        return VAES[name](shape=shape, width=4, depth=1, **MORE[f"vae {name}"]), (samples, noise)
    return GENERATORS[name](shape=shape, width=4), (noise,)


def exported(module, params, given, batch):
    shapes = [jax.ShapeDtypeStruct((batch, *each.shape[1:]), each.dtype) for each in given]
    first = jax.jit(lambda *given: jax.tree.leaves(module.apply(*given))[0])
    return export.export(first, platforms=["cpu", "cuda", "tpu"])(params, *shapes)


@pytest.mark.parametrize("name", NAMES)
def test_networks_take_a_symbolic_batch(name):
    module, given = network(name)
    params = jax.eval_shape(module.init, KEY, *given)
    # What scores a sample by its set takes whole sets.
    of_sets = {"critic deep_sets": "8*b", "critic stylegan": "4*b", "critic stylegan2": "4*b"}.get(name, "b")
    (batch,) = export.symbolic_shape(of_sets)
    program = exported(module, params, given, batch)
    (out, *_) = program.out_avals
    assert out.shape[0] == batch


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan", "vae conv"])
def test_what_is_exported_computes_the_same_at_any_size(name):
    module, given = network(name)
    params = jax.jit(module.init)(KEY, *given)
    (batch,) = export.symbolic_shape("b")
    program = export.deserialize(exported(module, params, given, batch).serialize())
    for count in (1, 3):
        some = [each[:count] for each in given]
        expected = jax.tree.leaves(module.apply(params, *some))[0]
        np.testing.assert_allclose(program.call(params, *some), expected, atol=1e-5)
