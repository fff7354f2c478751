"""The training loop as it is lowered for GPUs and TPUs, without one: what the program that they are given holds."""

import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import GAN, CriticConfig, DenoiserConfig, Diffusion, GeneratorConfig
from gan_jax.data import ArraySource, resident
from gan_jax.training import loop
from gan_jax.training.devices import SINGLE_DEVICE

BATCH = 8
KEY = jax.random.key(0)
SOURCE = ArraySource({"sample": np.zeros((16, 8, 8, 1), np.uint8)})
platforms = pytest.mark.parametrize("platform", ["cuda", "tpu"])


def small(name, **fields):
    of_both = {"width": 8, "depth": 1} | fields
    return {"generator": GeneratorConfig(name, latent=4, **of_both), "critic": CriticConfig(name, **of_both)}


SYSTEMS = {
    "dcgan": GAN(**small("dcgan"), critic_steps=2),
    "dcgan, bfloat16": GAN(**small("dcgan"), critic_steps=2, precision="bfloat16"),
    "resnet": GAN(**small("resnet"), penalty="r1_r2"),
    "stylegan2": GAN(**small("stylegan2", max_width=8), loss="non_saturating", penalty="r1", style_mixing=0.9),
    "r3gan": GAN(**small("r3gan", max_width=8), loss="relativistic", penalty="r1_r2"),
    "biggan": GAN(**small("biggan"), loss="hinge", penalty="none", constraint="spectral_normalization"),
    "unet": Diffusion(network=DenoiserConfig("unet", features=(8, 8), blocks=1)),
}
FAST = ["dcgan", "dcgan, bfloat16"]
systems = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in SYSTEMS]
)


@cache
def program(name, platform):
    """The loop over iterations, lowered for a platform, and how many arrays its state has."""
    config = SYSTEMS[name]
    spec = {"sample": jax.ShapeDtypeStruct((8, 8, 1), jnp.float32)}
    system = (
        config.build(spec, batch_size=BATCH, trains=False)
        if isinstance(config, GAN)
        else config.build(spec, batch_size=BATCH)
    )
    pipeline = resident(SOURCE, size=system.counts["images"])
    state = jax.eval_shape(lambda: system.init(KEY, pipeline.spec))

    def lowered(function, *arguments):
        return jax.jit(function, donate_argnums=0).trace(*arguments).lower(lowering_platforms=(platform,)).as_text

    elsewhere = SINGLE_DEVICE._replace(compile=lowered)
    text = loop.compile_block(system, pipeline, state, KEY, max_iterations=5, devices=elsewhere)()
    return text, len(jax.tree.leaves(state))


@platforms
@systems
def test_convolutions_are_the_platforms_own(name, platform):
    """Forward and in every derivative; the matrix form multiplies arrays of windows, of four axes and more.

    A convolution of single pixels is a product everywhere: of pixels and a matrix, or of pixels and the same pixels'.
    """
    text, _ = program(name, platform)
    assert text.count("stablehlo.convolution") >= 6
    products = re.findall(r"stablehlo.dot_general.*: \(tensor<(\S+)x\w+>, tensor<(\S+)x\w+>\)", text)
    shapes = [(left.split("x"), right.split("x")) for left, right in products]
    of_windows = [pair for pair in shapes if max(map(len, pair)) > 3 and min(map(len, pair)) > 2]
    assert not [(left, right) for left, right in of_windows if left[:-1] != right[:-1]]


@platforms
@systems
def test_nothing_calls_the_host(name, platform):
    text, _ = program(name, platform)
    calls = set(re.findall(r"stablehlo.custom_call @(\S+?)\(", text))
    assert not [call for call in calls if "callback" in call or "python" in call]
    assert not re.search(r"stablehlo\.(outfeed|infeed|send|recv)\b", text)


@platforms
@systems
def test_the_state_is_donated(name, platform):
    text, count = program(name, platform)
    arguments = text[text.index("@main(") : text.index("->", text.index("@main("))]
    assert len(re.findall(r"tf.aliasing_output|jax.buffer_donor", arguments)) == count


@platforms
def test_iterations_are_one_loop_and_critic_steps_one_in_it(platform):
    text, _ = program("dcgan", platform)
    assert text.count("stablehlo.while") == 2


@platforms
def test_layers_multiply_in_bfloat16_where_asked(platform):
    """All convolutions, forward and back; and none where float32 is."""
    whole, _ = program("dcgan", platform)
    half, _ = program("dcgan, bfloat16", platform)
    convolutions = re.compile(r"stablehlo.convolution.*: \((tensor<\S+>), (tensor<\S+>)\)")
    assert all("xbf16>" in side for pair in convolutions.findall(half) for side in pair)
    assert len(convolutions.findall(half)) == len(convolutions.findall(whole))
    assert "bf16" not in whole
