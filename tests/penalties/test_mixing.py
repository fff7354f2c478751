"""Critics that mix samples are detected."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks import dcgan, mlp, resnet
from gan_jax.penalties import mixes_samples

KEY = jax.random.key(0)


def critic_of(module, samples):
    """With random parameters, as `init` would take longer to compile."""
    random = np.random.default_rng(0)
    kinds = jax.eval_shape(module.init, KEY, samples)
    params = jax.tree.map(lambda leaf: jnp.asarray(random.normal(size=leaf.shape) / 4, leaf.dtype), kinds)
    return jax.jit(lambda x: module.apply(params, x))


@pytest.mark.parametrize(
    ("module", "shape"),
    [(mlp.Critic(width=8), (3,)), (dcgan.Critic(width=4, depth=1), (4, 4, 2)), (resnet.Critic(width=4), (8, 8, 1))],
    ids=["mlp", "dcgan", "resnet"],
)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
def test_the_projects_critics_do_not_mix(module, shape, dtype):
    samples = jax.random.normal(KEY, (4, *shape))
    assert not mixes_samples(critic_of(module.clone(dtype=dtype), samples), samples)


def test_sets_mix():
    samples = jax.random.normal(KEY, (4, 3))
    assert mixes_samples(critic_of(mlp.SetCritic(width=8, set_size=2), samples), samples)
    assert not mixes_samples(critic_of(mlp.SetCritic(width=8, set_size=1), samples), samples)


@pytest.mark.parametrize(
    "mixing",
    [
        lambda x: (x - x.mean(axis=0, keepdims=True)).sum(axis=1),
        lambda x: (x / x.std(axis=0, keepdims=True)).sum(axis=1),
        lambda x: x.sum(axis=1) + jnp.std(x, axis=0).mean(),  # minibatch statistics
        lambda x: x.sum(axis=1) / jnp.abs(x).max(),
        lambda x: x.sum(axis=1) + 0.01 * jnp.roll(x, 1, axis=0)[:, 0],
    ],
)
def test_statistics_of_a_batch_mix(mixing):
    assert mixes_samples(mixing, jax.random.normal(KEY, (4, 3)))


@pytest.mark.parametrize("critic", [lambda x: x.sum(axis=1), lambda x: 0 * x[:, 0], lambda x: 1e6 + x[:, 0]])
def test_samples_by_themselves_do_not(critic):
    assert not mixes_samples(critic, jax.random.normal(KEY, (4, 3)))


def test_normalization_within_a_sample_does_not():
    samples = jax.random.normal(KEY, (4, 6))
    assert not mixes_samples(lambda x: nn.LayerNorm(use_scale=False, use_bias=False).apply({}, x)[:, 0], samples)


@pytest.mark.parametrize(
    ("critic", "shape", "message"),
    [
        (lambda x: x.sum(axis=1), (1, 3), r"two samples .* \(1, 3\)"),
        (lambda x: x.sum(axis=1, keepdims=True), (2, 3), r"\(2,\), got \(2, 1\)"),
        (lambda x: x.sum(), (2, 3), r"\(2,\), got \(\)"),
    ],
)
def test_what_cannot_be_tried_is_refused(critic, shape, message):
    with pytest.raises(ValueError, match=message):
        mixes_samples(critic, jnp.ones(shape))
