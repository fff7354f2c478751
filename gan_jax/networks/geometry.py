"""The geometry of a critic's convolutions, which constraints on their norms ask for."""

import flax.linen as nn
import jax

from gan_jax.constraints import Window
from gan_jax.networks.conv import Conv, pads, sides
from gan_jax.types import Array

__all__ = ["conv_windows"]


def conv_windows(module: nn.Module, *examples: Array | jax.ShapeDtypeStruct) -> dict[str, Window]:
    """Find the `Conv` layers of a network: the kernel's path in the tree that `init` makes, and its window.

    Those in groups are left out, since their kernels are not (kh, kw, C, D) of the image's channels.

    Takes a module and samples (N, ...), with labels (N,) if it takes some, of which the shape and dtype alone are read;
    nothing is computed. A network without convolutions gives an empty dict. Raises `ValueError` where one kernel is
    applied to images of two sizes.

    >>> from gan_jax.networks import dcgan
    >>> conv_windows(dcgan.Critic(width=4, depth=1), jax.ShapeDtypeStruct((1, 28, 28, 1), "float32"))
    {'params/Conv_0/kernel': Window(size=(28, 28), stride=2, padding=((1, 2), (1, 2)))}
    """
    found = {}

    def record(call, args, kwargs, context):
        layer = context.module
        if isinstance(layer, Conv) and layer.groups == 1 and context.method_name == "__call__":
            size, kernel = args[0].shape[1:3], sides(layer.kernel_size)
            padding = pads(layer.padding, size=size, kernel=kernel, stride=layer.stride)
            path, window = "/".join(("params", *layer.path, "kernel")), Window(size, layer.stride, padding)
            if found.setdefault(path, window) != window:
                raise ValueError(f"{path} has two windows, {found[path]} and {window}")
        return call(*args, **kwargs)

    with nn.intercept_methods(record):
        jax.eval_shape(module.init, jax.random.key(0), *examples)
    return found
