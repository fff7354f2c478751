"""BigGAN's family: its layers against NumPy and torch, its presets by hand, and the game that it plays."""

import dataclasses
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import GAN, ConstraintConfig, CriticConfig, GeneratorConfig, PenaltyConfig
from gan_jax.errors import InputError
from gan_jax.networks import biggan
from gan_jax.networks.attention import SelfAttention
from gan_jax.networks.batch_norm import BatchNorm, batch_moments, condition, standing_moments

KEY = jax.random.key(0)
# Of `torch.nn.functional.batch_norm` (torch 2.13) with gains (0.5, 1, 2), biases (0.1, -0.2, 0.3) and eps 1e-4.
PIXELS = ((np.arange(24) * 7 % 11 - 4) / 3).reshape(2, 3, 2, 2)  # (N, C, H, W)
OF_TORCH = [
    *(-0.769283, 0.288974, -0.315744, 0.742513, 0.189083, -1.194323, 1.226638, -0.156769),
    *(-1.574003, 2.79867, 0.3, -2.19867, 0.288974, -0.315744, 0.742513, 0.137795),
    *(-1.194323, 1.226638, -0.156769, -1.540175, 2.79867, 0.3, -2.19867, 2.174003),
]


def to_jax(x):
    return jnp.asarray(np.reshape(x, (2, 3, 2, 2)).transpose(0, 2, 3, 1), jnp.float32)


def test_a_condition_is_batch_normalization_with_gains_and_biases_of_each_sample():
    x = to_jax(PIXELS)
    mean, variance = batch_moments(x)
    np.testing.assert_allclose(mean, PIXELS.mean(axis=(0, 2, 3)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variance, PIXELS.var(axis=(0, 2, 3)), rtol=1e-5)
    gain, bias = jnp.array([[-0.5, 0.0, 1.0]]), jnp.array([[0.1, -0.2, 0.3]])
    np.testing.assert_allclose(condition(x, mean, variance, gain, bias), to_jax(OF_TORCH), atol=2e-5)

    layer = BatchNorm()
    given = jnp.eye(2)
    params = layer.init(KEY, x, given)
    zero = jax.tree.map(jnp.zeros_like, params)
    plain = BatchNorm().init_with_output(KEY, x)[0]
    np.testing.assert_allclose(layer.apply(zero, x, given), plain, atol=1e-6)
    normal = condition(x, mean, variance, jnp.zeros((1, 3)), jnp.zeros((1, 3)))
    own = {name: params["params"][name]["kernel"][:, None, None] for name in ("gain", "bias")}
    np.testing.assert_allclose(layer.apply(params, x, given), (1 + own["gain"]) * normal + own["bias"], atol=1e-5)


def test_standing_moments_make_a_sample_its_own():
    layer, x = BatchNorm(), to_jax(PIXELS)
    params = layer.init(KEY, x)
    batches = jnp.stack([x, 2 * x + 1, x**2])
    standing = standing_moments(layer, params, batches)
    of_batches = zip(*map(batch_moments, batches), strict=True)
    for moment, expected in zip(standing["moments"]["own"], of_batches, strict=True):
        np.testing.assert_allclose(moment, np.mean(expected, axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.apply(standing, x)[1:], layer.apply(standing, x[1:]), atol=1e-6)
    assert float(jnp.abs(layer.apply(params, x)[1:] - layer.apply(params, x[1:])).max()) > 0.01


@pytest.mark.slow
def test_self_attention_is_numpys():
    x = jax.random.normal(KEY, (2, 4, 5, 16))
    layer = SelfAttention()
    params = layer.init(KEY, x)["params"]
    weights = {name: np.asarray(params[name]["kernel"]) for name in ("query", "key", "value", "out")}
    gain = jnp.float32(0.7)
    found = layer.apply({"params": params | {"gain": gain}}, x)
    for image, made in zip(np.asarray(x), found, strict=True):
        query = (image @ weights["query"]).reshape(20, 2)
        key, value = (
            np.stack([(image @ weights[name])[i : i + 2, j : j + 2].max(axis=(0, 1)) for i in (0, 2) for j in (0, 2)])
            for name in ("key", "value")
        )
        logits = np.exp(query @ key.T)
        seen = (logits / logits.sum(axis=1, keepdims=True) @ value @ weights["out"]).reshape(4, 5, 16)
        np.testing.assert_allclose(made, image + 0.7 * seen, atol=1e-4)

    def slope(x):
        return jax.grad(lambda x: (layer.apply({"params": params | {"gain": gain}}, x) ** 2).sum())(x)

    chex.assert_tree_all_finite(jax.grad(lambda x: (slope(x) ** 2).sum())(x))
    with pytest.raises(InputError, match=r"^attention: self-attention needs 2x2 pixels and 8 features at least, got"):
        layer.init(KEY, x[..., :4])


def count(module, *examples):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(jax.eval_shape(module.init, KEY, *examples)))


def generator_by_hand(width, noise, given, attention, embedding):
    block = 2 * (9 * width * width + width) + width * width + width + 4 * given * width
    return 16 * width * (noise + 1) + 3 * block + attention + 2 * width + 27 * width + 3 + embedding


def critic_by_hand(width, attention):
    first = 27 * width + width + 9 * width * width + width + 3 * width + width
    blocks = 6 * (9 * width * width + width) + width * width + width
    return first + blocks + attention + width + 1 + 10 * width


def attention_by_hand(width):
    return width * width // 4 + width * width + 1


@pytest.mark.parametrize(
    ("name", "latent", "of_generator", "of_critic"),
    [
        ("sngan_cifar10", 128, generator_by_hand(256, 128, 10, 0, 0), critic_by_hand(128, 0)),
        (
            "sagan_cifar10",
            128,
            generator_by_hand(256, 128, 10, attention_by_hand(256), 0),
            critic_by_hand(128, attention_by_hand(128)),
        ),
        (
            "biggan_cifar10",
            80,
            generator_by_hand(384, 20, 128 + 20, attention_by_hand(384), 10 * 128),
            critic_by_hand(192, attention_by_hand(192)),
        ),
    ],
)
def test_the_presets_by_hand(name, latent, of_generator, of_critic):
    label = jax.ShapeDtypeStruct((1,), jnp.int32)
    noise, image = (jax.ShapeDtypeStruct((1, *shape), jnp.float32) for shape in ((latent,), (32, 32, 3)))
    generator = GeneratorConfig("biggan", preset=name, latent=latent).build((32, 32, 3), 10, "float32")
    critic = CriticConfig("biggan", preset=name).build(10, "float32")
    assert count(generator, noise, label) == of_generator
    assert count(critic, image, label) == of_critic
    for number in (of_generator, of_critic):
        assert f"{number:,}" in biggan.__doc__


def test_blocks_and_chunks_that_there_are_not():
    noise, image = jnp.ones((2, 9)), jnp.ones((2, 8, 8, 1))
    with pytest.raises(InputError, match=r"^latent: 9 cannot be cut into 2 chunks; give a multiple"):
        biggan.Generator(shape=(8, 8, 1), depth=1, chunked=True).init(KEY, noise)
    with pytest.raises(InputError, match=r"^attention: 2 is none of the 1 blocks"):
        biggan.Generator(shape=(8, 8, 1), depth=1, attention=2).init(KEY, noise)
    with pytest.raises(InputError, match=r"^attention: 4 is none of the 3 blocks"):
        biggan.Critic(depth=1, last_blocks=2, attention=4).init(KEY, image)


SPEC = {"sample": jax.ShapeDtypeStruct((8, 8, 1), jnp.float32), "label": jax.ShapeDtypeStruct((), jnp.int32)}
CONFIG = GAN(
    generator=GeneratorConfig("biggan", width=8, max_width=8, depth=1, latent=6, chunked=True, attention=1),
    critic=CriticConfig("biggan", width=8, max_width=8, depth=1, attention=1),
    loss="hinge",
    penalty=PenaltyConfig("none"),
    constraint=ConstraintConfig("spectral_normalization"),
    generator_constraint=ConstraintConfig("spectral_normalization"),
    conditional=True,
    critic_steps=1,
)
SYSTEM = CONFIG.build(SPEC, batch_size=8, classes=3)
init, sample = jax.jit(lambda: SYSTEM.init(KEY, SPEC)), jax.jit(SYSTEM.sample, static_argnums=2)


@pytest.mark.slow
def test_samples_are_drawn_within_the_constraint_and_each_by_itself():
    state, labels = init(), jnp.array([0, 2, 1, 1, 0], jnp.int32)
    samples = sample(state, KEY, 5, {"label": labels})
    assert samples.shape == (5, 8, 8, 1)
    np.testing.assert_allclose(sample(state, KEY, 3, {"label": labels[:3]}), samples[:3], atol=1e-5)

    # Kernels twice as large are the same generator, since each is divided by its norm; the embedding has none.
    def with_ema(kernels, embedding):
        ema = jax.tree.map(lambda leaf: kernels * leaf if leaf.ndim >= 2 else leaf, state.generator_ema)
        ema["params"]["embedding"] = embedding * state.generator_ema["params"]["embedding"]
        return sample(state._replace(generator_ema=ema), KEY, 5, {"label": labels})

    np.testing.assert_allclose(with_ema(2, 1), samples, atol=1e-4)
    assert float(jnp.abs(with_ema(1, 2) - samples).max()) > 1e-3


@pytest.mark.slow
def test_a_step_moves_the_vectors_of_both_constraints():
    state = init()
    batch = {"sample": jax.random.normal(KEY, (8, 8, 8, 1)), "label": jnp.arange(8, dtype=jnp.int32) % 3}
    new, metrics = jax.jit(SYSTEM.update)(state, KEY, batch)
    chex.assert_tree_all_finite(metrics)
    assert not any("embedding" in name for name in state.generator_constraint)
    assert any("embedding" in name for name in state.critic.constraint)
    for before, after in (
        (state.generator_constraint, new.generator_constraint),
        (state.critic.constraint, new.critic.constraint),
    ):
        moved = {name: float(jnp.abs(before[name] - after[name]).max()) for name in before}
        assert max(moved.values()) > 1e-2


def test_the_generators_constraint_is_of_its_parameters():
    with pytest.raises(InputError, match=r"^generator_constraint: is of a critic's scores; choose one of parameters"):
        dataclasses.replace(CONFIG, generator_constraint=ConstraintConfig("gradient_normalization")).build(
            SPEC, batch_size=8, classes=3
        )
