"""Spectral normalization by the norm of the convolution itself, not of its kernel reshaped to a matrix."""

from collections.abc import Mapping
from functools import partial

import jax.numpy as jnp

from gan_jax.constraints.constraint import Bound, Constraint, Window
from gan_jax.constraints.spectral import LinearMap, divided_by_norms, matrix_map
from gan_jax.types import Array, Float

__all__ = ["conv_spectral_normalization", "convolve_image"]


def convolve_image(
    kernel: Float[Array, "kh kw c d"], image: Float[Array, "h w c"], *, window: Window
) -> Float[Array, "h2 w2 d"]:
    """Correlate one image: `y[i, j] = sum_kl x[i stride + k - top, j stride + l - left] kernel[k, l]`.

    Takes a kernel (kh, kw, C, D) and an image (H, W, C) of the same dtype, and pads it with zeros as the window says.
    One image is too little work for the convolutions of `gan_jax.networks`: this is a single product over the taps.
    Raises `ValueError` where the image is not the window's, or its channels are not the kernel's.

    >>> window = Window(size=(3, 3), stride=2, padding=((0, 1), (0, 1)))
    >>> convolve_image(jnp.ones((2, 2, 1, 1)), jnp.ones((3, 3, 1)), window=window)[:, :, 0].tolist()
    [[4.0, 2.0], [2.0, 1.0]]
    """
    if kernel.ndim != 4 or image.shape != (*window.size, kernel.shape[2]):
        raise ValueError(f"kernel {kernel.shape}, image {image.shape} and image size {window.size} do not fit")
    kh, kw, stride = *kernel.shape[:2], window.stride
    padded = jnp.pad(image, (*window.padding, (0, 0)))
    high, wide = (padded.shape[axis] - kernel.shape[axis] + 1 for axis in (0, 1))
    taps = [padded[i : i + high : stride, j : j + wide : stride] for i in range(kh) for j in range(kw)]
    return jnp.einsum("khwc,kcd->hwd", jnp.stack(taps), kernel.reshape(kh * kw, *kernel.shape[2:]), precision="highest")


def conv_spectral_normalization(*, bound: Bound = 1.0, windows: Mapping[str, Window] | None = None) -> Constraint:
    """Give every layer the norm `bound`: dense kernels as matrices, convolutions as maps from image to image.

    The norm is that of the zero-padded, strided convolution of images of the size in `windows`, which holds a window
    for each kernel (kh, kw, C, D), under its path. A chain of L layers with 1-Lipschitz activations between them is
    then `bound^L`-Lipschitz, once the power iteration has converged. Sums of branches, as in residual networks, add
    their norms.

    Raises:
      ValueError: in `init` and `normalize`, a kernel of more than two axes has no window, or not a convolution's shape.

    Source: Farnia, Zhang, Tse (2019), Generalizable adversarial training via spectral normalization; Gouk et al.
    (2021), Regularisation of neural networks by enforcing Lipschitz continuity, who divide only what is above the
    bound.

    >>> import jax
    >>> window = Window(size=(4, 4), stride=1, padding=((0, 0), (0, 0)))
    >>> constraint = conv_spectral_normalization(windows={"kernel": window})
    >>> params = {"kernel": jnp.full((1, 1, 1, 1), 3.0)}
    >>> used, _ = constraint.normalize(params, constraint.init(jax.random.key(0), params))
    >>> used["kernel"].ravel().round(5).tolist()
    [1.0]
    """
    known = windows or {}

    def map_of(name: str, kernel: Array) -> LinearMap:
        if kernel.ndim == 2:
            return matrix_map(name, kernel)
        if name not in known or kernel.ndim != 4:
            raise ValueError(
                f"{name} {kernel.shape} needs a window and the shape (kh, kw, C, D); there are windows of {list(known)}"
            )
        shape = (*known[name].size, kernel.shape[2])
        return LinearMap(shape, partial(convolve_image, window=known[name]))

    return divided_by_norms(map_of, bound)
