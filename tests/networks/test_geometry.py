"""The windows of every critic's convolutions, against the kernels that `init` makes."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from gan_jax.constraints import Window
from gan_jax.networks import CRITICS, dcgan
from gan_jax.networks.conv import Conv
from gan_jax.networks.geometry import conv_windows

IMAGES = jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32)


OTHERS = ("r3gan", "stylegan", "stylegan2")  # whose convolutions are in groups, or not `Conv`


@pytest.mark.parametrize("name", [name for name in CRITICS if name not in OTHERS])
def test_every_convolution_has_a_window(name):
    module = CRITICS[name](width=4)
    params = jax.eval_shape(module.init, jax.random.key(0), IMAGES)
    shapes = {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }
    found = conv_windows(module, IMAGES)
    assert set(found) == {path for path, shape in shapes.items() if len(shape) == 4}
    assert bool(found) == (name in ("biggan", "dcgan", "patch", "resnet"))


def test_convolutions_in_groups_have_none():
    assert conv_windows(CRITICS["r3gan"](width=8, depth=1, group_size=4), IMAGES) == {}


def test_windows_follow_the_image_through_the_layers():
    odd = conv_windows(dcgan.Critic(width=2, depth=2), jnp.zeros((2, 7, 10, 1)))
    assert odd == {
        "params/Conv_0/kernel": Window((7, 10), 2, ((2, 2), (1, 2))),
        "params/Conv_1/kernel": Window((4, 5), 2, ((1, 2), (2, 2))),
    }
    residual = conv_windows(CRITICS["resnet"](width=2, depth=1), IMAGES)
    assert residual["params/_Block_0/Conv_1/kernel"] == Window((8, 8), 1, ((1, 1), (1, 1)))


class Twice(nn.Module):
    """One layer, applied to an image and to a part of it."""

    part: int

    @nn.compact
    def __call__(self, x):
        layer = Conv(x.shape[-1], kernel_size=3, padding="VALID" if self.part == 1 else "SAME")
        return layer(layer(x)[:, : self.part])


def test_a_kernel_has_one_window():
    assert conv_windows(Twice(part=8), IMAGES) == {"params/Conv_0/kernel": Window((8, 8), 1, ((1, 1), (1, 1)))}
    with pytest.raises(ValueError, match="params/Conv_0/kernel has two windows, Window"):
        conv_windows(Twice(part=4), IMAGES)
