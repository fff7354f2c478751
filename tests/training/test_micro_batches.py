"""A batch that passes the networks in parts trains what it trains in one pass, and takes less memory."""

from dataclasses import replace
from functools import cache

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from devices import update_on
from numerical import check_derivatives

from gan_jax import GAN, CriticConfig, DenoiserConfig, Diffusion, GeneratorConfig, losses
from gan_jax.errors import InputError
from gan_jax.networks import mlp, stylegan2
from gan_jax.penalties import PENALTIES
from gan_jax.sharding import UNSHARDED, in_micro_batches
from gan_jax.systems.gan import AugmentConfig, PathLengthConfig, gan
from gan_jax.training.loop import peak_bytes

KEY = jax.random.key(0)
BATCH, PART = 16, 8
POINT, IMAGE = (2,), (8, 8, 1)


def spec(shape):
    return {"sample": jax.ShapeDtypeStruct(shape, jnp.float32), "label": jax.ShapeDtypeStruct((), jnp.int32)}


def batch(shape, size):
    rng = np.random.default_rng(0)
    labels = np.arange(size, dtype=np.int32) % 3
    return {"sample": rng.uniform(-1, 1, (size, *shape)).astype(np.float32), "label": labels}


def game(generator, critic, **settings):
    """A function of the sharding and of the micro-batch's size; steps are down plain gradients, which compare well."""
    given = {"latent": 4, "critic_steps": 2, "ema_decay": 0.5, "trains": False, "batch_size": BATCH}
    given |= dict.fromkeys(("generator_optimizer", "critic_optimizer"), optax.sgd(1e-2)) | settings
    return lambda sharding, part: gan(generator=generator, critic=critic, sharding=sharding, micro_batch=part, **given)


def points(penalty):
    networks = mlp.Generator(shape=POINT, width=8, depth=1), mlp.Critic(width=8, depth=1)
    return game(*networks, loss=losses.wasserstein, penalty=PENALTIES[penalty])


def styled():
    """Labels, mixed styles, path lengths, minibatch statistics, augmentations, a lazy penalty."""
    small = {"width": 4, "max_width": 4, "depth": 1, "classes": 3}
    return game(
        stylegan2.Generator(shape=IMAGE, mapping_depth=1, **small),
        stylegan2.Critic(set_size=2, **small),
        loss=losses.non_saturating,
        penalty=PENALTIES["r1"]._replace(every=2),
        style_mixing=0.9,
        path_length=PathLengthConfig(weight=2.0, every=2),
        augment=AugmentConfig(("translation", "ada_color"), strength=0.5, target=0.2, images=640),
    )


def denoising(shape, **network):
    config = Diffusion(network=DenoiserConfig(**network), conditional=True, optimizer=optax.sgd(1e-2))
    return lambda sharding, part: replace(config, micro_batch=part).build(
        spec(shape), batch_size=2 * BATCH, classes=3, sharding=sharding
    )


GAMES = {
    **{name: (points(name), POINT) for name in PENALTIES},
    "styled": (styled(), IMAGE),
    "denoising": (denoising(IMAGE, name="unet", features=(8, 8), blocks=1), IMAGE),
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in GAMES if name not in ("wgan_gp", "r1_r2")]


@cache
def updated(name, part, count=1, strategy="jit"):
    build, shape = GAMES[name]
    given = batch(shape, 2 * BATCH)
    return update_on(lambda sharding: build(sharding, part), spec(shape), given, count=count, strategy=strategy)


@pytest.mark.parametrize("name", ["wgan_gp", "r1_r2", *SLOW])
def test_parts_train_what_the_whole_batch_does(name):
    (state, metrics), (whole, whole_metrics) = updated(name, PART), updated(name, None)
    chex.assert_trees_all_close(state, whole, rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(metrics, whole_metrics, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["jit", "shard_map"])
@pytest.mark.parametrize("name", ["wgan_gp", "styled", "denoising"])
def test_parts_on_several_devices(name, strategy):
    (state, metrics), (whole, whole_metrics) = updated(name, PART, 4, strategy), updated(name, None)
    chex.assert_trees_all_close(state, whole, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(metrics, whole_metrics, rtol=1e-4, atol=1e-5)


def test_derivatives_go_through_the_parts():
    def values(params, x):
        return in_micro_batches(lambda part: jnp.tanh(part @ params), x, 2)

    rng = np.random.default_rng(0)
    check_derivatives(values, rng.normal(size=(3, 2)), rng.normal(size=(6, 3)))


@pytest.mark.parametrize("devices", [1, 2])
def test_samples_come_back_in_their_order(devices):
    x = jnp.arange(24.0).reshape(12, 2)
    found = in_micro_batches(lambda part: (part[0] * 2, part[1]), (x, x[:, 0]), 4, devices)
    chex.assert_trees_all_equal(found, (2 * x, x[:, 0]))


@pytest.mark.parametrize("size", [12, 24, 5])
def test_what_has_no_parts_passes_at_once(size):
    lengths = []
    in_micro_batches(lambda part: lengths.append(len(part)) or part, jnp.arange(12.0), size)
    assert lengths == [12]


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["wgan_gp", "r1_r2"])
def test_parts_take_less_memory(penalty):
    """Of a critic whose activations are most of what a step takes: a penalty's derivatives are forgotten, too."""
    networks = mlp.Generator(shape=POINT, width=8, depth=1), mlp.Critic(width=64, depth=3)
    build = game(*networks, loss=losses.wasserstein, penalty=PENALTIES[penalty], batch_size=2048)

    def taken(part):
        system = build(UNSHARDED, part)
        state = jax.eval_shape(lambda: system.init(KEY, spec(POINT)))
        given = {name: jax.ShapeDtypeStruct((4096, *of.shape), of.dtype) for name, of in spec(POINT).items()}
        return peak_bytes(jax.jit(system.update, donate_argnums=0).lower(state, KEY, given).compile())

    assert taken(128) < taken(None) / 4


class Dropping(nn.Module):
    """A network that is its dropout, which it tells."""

    @nn.compact
    def __call__(self, x, time, *, train=False):
        kept = nn.Dropout(0.5, deterministic=not train)(jnp.ones_like(x))
        jax.debug.callback(lambda kept: masks.append(np.asarray(kept)), kept)
        return self.param("scale", nn.initializers.ones, ()) * kept


masks = []


def test_dropout_differs_from_part_to_part():
    wide = {"sample": jax.ShapeDtypeStruct((40,), jnp.float32)}
    system = Diffusion(network=Dropping, micro_batch=4).build(wide, batch_size=8)
    state = system.init(KEY, wide)
    jax.effects_barrier()
    masks.clear()
    jax.block_until_ready(jax.jit(system.update)(state, KEY, {"sample": jnp.zeros((8, 40))}))
    jax.effects_barrier()
    assert {mask.shape for mask in masks} == {(4, 40)}
    assert len({mask.tobytes() for mask in masks}) == 2  # each part's, which its derivative draws again


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"micro_batch": 5}, "micro_batch: 5 does not divide the batch of 16"),
        (
            {"micro_batch": 1, "critic": CriticConfig("deep_sets", width=8, set_size=2)},
            "micro_batch: 1 is no multiple of 2, sets of 2 samples on 1 devices",
        ),
    ],
)
def test_parts_that_are_not_whole_are_refused(changes, reason):
    small = {"generator": GeneratorConfig("mlp", width=8), "critic": CriticConfig("mlp", width=8)}
    with pytest.raises(InputError, match=reason):
        GAN(**small | changes).build(spec(POINT), batch_size=BATCH, trains=False)
