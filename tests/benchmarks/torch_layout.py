"""Flax's networks and their parameters in the layout of PyTorch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

torch = pytest.importorskip("torch")

KEY = jax.random.key(0)


def in_flax(network, example, *more):
    """A network in the example's precision, parameters none of which is zero, and its layers in the order they act in.

    A layer is the path of whatever has parameters of its own, outer ones before those within.
    """
    network = network.clone(dtype=example.dtype) if hasattr(network, "dtype") else network
    layers = {}

    def init():
        params = network.init(KEY, example, *more)
        for path in flatten_dict(params):  # JAX returns it sorted
            for end in range(1, len(path)):
                layers.setdefault(path[:end], False)
            layers[path[:-1]] = True
        return params

    random = np.random.default_rng(0)
    shapes = jax.eval_shape(init)
    scale = 0.0 if type(network).__module__.endswith("stylegan2") else -0.5  # StyleGAN2 scales its kernels itself
    params = jax.tree.map(lambda x: jnp.asarray(random.normal(size=x.shape) * np.prod(x.shape[:-1]) ** scale), shapes)
    return network, params, [path for path, owns in layers.items() if owns]


def owners(network):
    """The modules of a PyTorch network that have parameters of their own, by name."""
    modules = {name: module for name, module in network.named_modules() if "parametrizations" not in name}
    return {
        name: module
        for name, module in modules.items()
        if hasattr(module, "parametrizations") or any(True for _ in module.parameters(recurse=False))
    }


def in_torch(params, layers, network, grid=None, mirrored=False):
    """Flax's parameters, or a gradient by them, by the names and in the layout of a PyTorch network's.

    Features that are pixels are in the order (H, W, C) there and (C, H, W) here: of those drawn by a dense layer, and
    of those of a `grid` (H, W) that the first dense layer takes. The network may be that of mirrored images.
    """
    drawn = [module.unflattened_size for module in network.modules() if isinstance(module, torch.nn.Unflatten)]
    params, arrays, named = flatten_dict(params), {}, dict(network.named_parameters())
    for (name, module), layer in zip(owners(network).items(), layers, strict=True):
        for leaf in [path[-1] for path in params if path[:-1] == layer]:
            array = np.asarray(params[*layer, leaf])
            own = {
                "kernel": "weight",
                "scale": "weight",
                "gain": "weight" if isinstance(module, torch.nn.BatchNorm2d) else "gain",
            }
            own = f"{name}.{own.get(leaf, leaf)}".lstrip(".")
            own = own if own in named else own.replace(".weight", ".parametrizations.weight.original")
            if isinstance(module, torch.nn.Linear) and drawn and np.prod(drawn) == module.out_features:
                c, h, w = drawn[0]
                array = array[..., np.arange(c * h * w).reshape(h, w, c).transpose(2, 0, 1).ravel()]
            if leaf == "kernel" and array.ndim == 2:
                if grid and len(named[own].shape) == 2:
                    pixels = np.arange(len(array)).reshape(*grid, -1)
                    pixels, grid = pixels[::-1, ::-1] if mirrored else pixels, None
                    array = array[pixels.transpose(2, 0, 1).ravel()]
                array = array.T
            elif leaf == "kernel" and (isinstance(module, torch.nn.ConvTranspose2d) or getattr(module, "up", False)):
                array = array[::-1, ::-1].transpose(2, 3, 0, 1)
            elif leaf == "kernel":
                array = (array[::-1, ::-1] if mirrored else array).transpose(3, 2, 0, 1)
            elif array.ndim == 3:
                array = array.transpose(2, 0, 1)
            arrays[own] = array.reshape(named[own].shape)
    return arrays


def copy(arrays, network):
    """Give a PyTorch network parameters of gan_jax's, in float64; gains of batch normalization are 1 + them."""
    network.double()
    assert {*arrays} == {name for name, _ in network.named_parameters()}
    for name, parameter in network.named_parameters():
        parameter.data = torch.tensor(arrays[name].copy())
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.affine:
            module.weight.data += 1


def start_power_iteration(state, layers, network):
    """Give PyTorch's spectral normalization the vectors that gan_jax's begins with."""
    for module, layer in zip(owners(network).values(), layers, strict=True):
        if hasattr(module, "parametrizations"):
            u, kernel = np.asarray(state["/".join((*layer, "kernel"))]), module.parametrizations.weight.original
            if kernel.ndim == 4:
                u = u.reshape(*kernel.shape[2:], -1).transpose(2, 0, 1).ravel()
            module.parametrizations.weight[0]._v = torch.tensor(u)


def images_of(samples, mirrored=False):
    """Samples as PyTorch has them, images (N, C, H, W)."""
    samples = np.asarray(samples)
    if samples.ndim == 4:
        samples = (samples[:, ::-1, ::-1] if mirrored else samples).transpose(0, 3, 1, 2)
    return torch.tensor(samples.copy())
