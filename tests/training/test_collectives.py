"""What eight devices exchange: sums of gradients and of metrics, and never a sample or an activation."""

import re

import jax
import jax.numpy as jnp
import optax
import pytest

from gan_jax import VAE, DenoiserConfig, Diffusion, VAENetworkConfig, losses
from gan_jax.constraints import CONSTRAINTS
from gan_jax.networks import biggan, dcgan, mlp, r3gan, resnet, stylegan, stylegan2
from gan_jax.penalties import PENALTIES
from gan_jax.systems.gan import AugmentConfig, PathLengthConfig, gan
from gan_jax.training import devices

DEVICES = 8
SHARD = 11  # samples of a batch on each device: no size of a parameter is a multiple of it
POINT, IMAGE = (2,), (8, 8, 1)

collective = re.compile(r" = (\((?:[^()]|\([^()]*\))*\)|\S+) (all-\w+|collective-\w+|reduce-scatter)(?:-start)?\(")


def assert_only_sums_are_exchanged(build, shape, steps):
    """Of one update, compiled for eight devices: all that they exchange is summed, and no axis of it is of samples."""
    parallel = devices.data_parallel(DEVICES)
    system = build(parallel.sharding)
    spec = {"sample": jax.ShapeDtypeStruct(shape, jnp.float32), "label": jax.ShapeDtypeStruct((), jnp.int32)}
    size = steps * DEVICES * SHARD
    batch = {name: jax.ShapeDtypeStruct((size, *entry.shape), entry.dtype) for name, entry in spec.items()}
    key = jax.random.key(0)
    state = jax.eval_shape(lambda: system.init(key, spec))
    found = collective.findall(parallel.compile(system.update, state, key, batch).as_text())
    assert found
    assert {kind for _, kind in found} == {"all-reduce"}
    sides = {
        int(side) for exchanged, _ in found for side in re.findall(r"\d+", "".join(re.findall(r"\[.*?\]", exchanged)))
    }
    assert not [side for side in sides if side and side % SHARD == 0]


def game(generator, critic, penalty="wgan_gp", **settings):
    """A function of the sharding that builds a game of one critic step."""
    optimizers = dict.fromkeys(("generator_optimizer", "critic_optimizer"), optax.adam(1e-3))
    usual = {"loss": losses.wasserstein, "latent": 4, "critic_steps": 1, "ema_decay": 0.99, "trains": False}
    given = {"penalty": PENALTIES.get(penalty), "batch_size": DEVICES * SHARD, **optimizers, **usual, **settings}
    return lambda sharding: gan(generator=generator, critic=critic, sharding=sharding, **given)


MLP = mlp.Generator(shape=POINT, width=8, depth=1), mlp.Critic(width=8, depth=1)
DCGAN = dcgan.Generator(shape=IMAGE, width=6, depth=1), dcgan.Critic(width=6, depth=1)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_under_every_penalty(penalty):
    assert_only_sums_are_exchanged(game(*MLP, penalty), POINT, steps=1)


@pytest.mark.parametrize("penalty", ["r1_r2", *(pytest.param(each, marks=pytest.mark.slow) for each in PENALTIES)])
def test_of_convolutions_under_every_penalty(penalty):
    """On a CPU these are matrix products."""
    assert_only_sums_are_exchanged(game(*DCGAN, penalty), IMAGE, steps=1)


small = {"width": 4, "max_width": 4, "depth": 1}
attending = {"width": 8, "max_width": 8, "depth": 1}
spectral = CONSTRAINTS["spectral_normalization"]
NETWORKS = {
    "pairs": (game(MLP[0], mlp.SetCritic(width=8, depth=1, set_size=SHARD), loss=losses.relativistic), POINT),
    "large images": (
        game(dcgan.Generator(shape=(40, 40, 1), width=6, depth=1), DCGAN[1], critic_steps=2),
        (40, 40, 1),
    ),
    "resnet": (game(resnet.Generator(shape=IMAGE, width=4, depth=1), resnet.Critic(width=4, depth=1)), IMAGE),
    "biggan": (
        game(
            biggan.Generator(shape=IMAGE, attention=1, classes=3, **attending),
            biggan.Critic(attention=1, last_blocks=0, classes=3, **attending),
            penalty="none",
            constraint=spectral(),
            generator_constraint=spectral(),
            trains=True,
        ),
        IMAGE,
    ),
    "stylegan2": (
        game(
            stylegan2.Generator(shape=IMAGE, mapping_depth=1, **small),
            stylegan2.Critic(set_size=SHARD, **small),
            penalty="r1",
            loss=losses.non_saturating,
            style_mixing=0.9,
            path_length=PathLengthConfig(weight=2.0, every=2),
        ),
        IMAGE,
    ),
    "stylegan": (
        game(stylegan.Generator(shape=IMAGE, mapping_depth=1, **small), stylegan.Critic(set_size=SHARD, **small)),
        IMAGE,
    ),
    "r3gan": (
        game(
            r3gan.Generator(shape=IMAGE, blocks=1, classes=3, **small),
            r3gan.Critic(blocks=1, classes=3, **small),
            penalty="r1_r2",
            loss=losses.relativistic,
            augment=AugmentConfig(("translation", "geometry", "ada_color"), strength=0.5, target=0.2, images=640),
        ),
        IMAGE,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_of_every_network(name):
    build, shape = NETWORKS[name]
    assert_only_sums_are_exchanged(build, shape, steps=build(devices.UNSHARDED).counts["critic_steps"])


OTHERS = {
    "denoising of points": (Diffusion(network=DenoiserConfig("mlp", width=8, depth=1)), POINT),
    "denoising of images": (Diffusion(network=DenoiserConfig("unet", features=(8, 8), blocks=1)), IMAGE),
    "autoencoding of points": (VAE(network=VAENetworkConfig("mlp", width=8, depth=1, latents=(2,))), POINT),
    "autoencoding of images": (VAE(network=VAENetworkConfig("conv", width=8, depth=1, latents=(2,))), IMAGE),
}


@pytest.mark.parametrize("name", [pytest.param(of, marks=pytest.mark.slow if "images" in of else ()) for of in OTHERS])
def test_of_every_other_system(name):
    config, shape = OTHERS[name]
    spec = {"sample": jax.ShapeDtypeStruct(shape, jnp.float32)}
    build = lambda sharding: config.build(spec, batch_size=DEVICES * SHARD, sharding=sharding)  # noqa: E731
    assert_only_sums_are_exchanged(build, shape, steps=1)
