"""Norms by power iteration against singular values: of kernels, and of the matrices of convolutions."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.constraints import CONSTRAINTS, Window
from gan_jax.constraints.convolution import conv_spectral_normalization, convolve_image
from gan_jax.constraints.kernels import as_matrix
from gan_jax.constraints.spectral import power_step, spectral_normalization
from gan_jax.networks.conv import conv, pads

KEY = jax.random.key(0)
# Kernel, image size, stride, padding.
GEOMETRIES = [
    ((3, 3, 2, 3), (5, 6), 1, "SAME"),
    ((5, 5, 1, 4), (7, 5), 2, "SAME"),
    ((4, 4, 2, 1), (8, 8), 2, "SAME"),
    ((3, 2, 2, 2), (7, 6), 2, "VALID"),
    ((3, 3, 1, 2), (4, 5), 3, ((1, 2), (0, 3))),
    ((1, 1, 3, 2), (2, 3), 1, "SAME"),
]
every_geometry = pytest.mark.parametrize(("shape", "size", "stride", "padding"), GEOMETRIES, ids=str)


def normal(*shape):
    return jnp.array(np.random.default_rng(sum(shape)).normal(size=shape), jnp.float32)


def window_of(shape, size, stride, padding):
    return Window(size, stride, pads(padding, size=size, kernel=shape[:2], stride=stride))


def dense_matrix(kernel, size, stride, padding):
    """A row for each pixel of the image: what the layer's own convolution makes of it alone."""
    units = np.eye(size[0] * size[1] * kernel.shape[2], dtype=np.float32).reshape(-1, *size, kernel.shape[2])
    layer = jax.jit(partial(conv, stride=stride, padding=padding, method="lax"))
    return np.asarray(layer(units, kernel)).reshape(len(units), -1)


def singular_value(matrix):
    return np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False)[0]


def converged(constraint, params, steps=400):
    """The parameters normalized after many steps, and the state."""

    @jax.jit
    def run(params):
        start = params, constraint.init(KEY, params)
        return jax.lax.fori_loop(0, steps, lambda _, last: constraint.normalize(params, last[1]), start)

    return run(params)


@pytest.mark.parametrize(("bound", "scale"), [(1.0, 1.0), (0.3, 1e3), (4.0, 1e-3), (2.0, 1e-8)])
def test_kernels_reshaped_have_the_norm_of_the_bound(bound, scale):
    """From above and from below: it always divides."""
    params = {"dense": scale * normal(7, 4), "row": scale * normal(5, 1), "conv": scale * normal(3, 3, 2, 4)}
    used, _ = converged(spectral_normalization(bound=bound), params)
    for name, kernel in params.items():
        expected = bound * np.asarray(kernel) / singular_value(kernel.reshape(-1, kernel.shape[-1]))
        np.testing.assert_allclose(used[name], expected, rtol=1e-4, atol=1e-7, err_msg=name)


@every_geometry
def test_one_image_is_convolved_as_the_layer_does(shape, size, stride, padding):
    kernel, image = normal(*shape), normal(*size, shape[2])
    ours = jax.jit(partial(convolve_image, window=window_of(shape, size, stride, padding)))(kernel, image)
    theirs = np.asarray(image).ravel() @ dense_matrix(kernel, size, stride, padding)
    np.testing.assert_allclose(np.ravel(ours), theirs, rtol=1e-5, atol=1e-5)


@every_geometry
def test_convolutions_have_the_norm_of_the_bound(shape, size, stride, padding):
    kernel = normal(*shape)
    constraint = conv_spectral_normalization(bound=2.0, windows={"w": window_of(shape, size, stride, padding)})
    used, _ = converged(constraint, {"w": kernel})
    exact = singular_value(dense_matrix(kernel, size, stride, padding))
    np.testing.assert_allclose(used["w"], 2 * np.asarray(kernel) / exact, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(singular_value(dense_matrix(used["w"], size, stride, padding)), 2, rtol=1e-3)


def test_the_two_norms_of_a_convolution_differ():
    """A constant 3x3 kernel on a large image: almost 9, that of the matrix 3."""
    kernel = {"w": jnp.ones((3, 3, 1, 1))}
    own = conv_spectral_normalization(windows={"w": window_of((3, 3), (24, 24), 1, "SAME")})
    # Along an axis of n pixels the convolution is a tridiagonal matrix, its norm 1 + 2 cos(pi / (n + 1)).
    for constraint, expected in ((own, (1 + 2 * np.cos(np.pi / 25)) ** 2), (spectral_normalization(), 3)):
        norm = 1 / float(converged(constraint, kernel)[0]["w"][0, 0, 0, 0])
        np.testing.assert_allclose(norm, expected, rtol=1e-3)


def test_estimates_rise_to_the_norm_from_below():
    kernel, u = normal(9, 6), jnp.full(9, 1 / 3)
    step = jax.jit(partial(power_step, lambda kernel, x: x @ kernel))
    estimates = []
    for _ in range(60):
        estimate, u = step(kernel, u)
        estimates.append(float(estimate))
    assert (np.diff(estimates) >= -1e-5).all()
    assert estimates[0] < 0.99 * estimates[-1]
    np.testing.assert_allclose(estimates[-1], singular_value(kernel), rtol=1e-5)
    left, _, right = np.linalg.svd(np.asarray(kernel))
    gradient = jax.grad(lambda kernel: step(kernel, u)[0])(kernel)
    np.testing.assert_allclose(gradient, np.outer(left[:, 0], right[0]), atol=1e-3)


@pytest.mark.parametrize("name", ["spectral_normalization", "conv_spectral_normalization"])
def test_converged_derivatives_are_those_of_the_quotient(name):
    """`d (W / ||W||)`, the norm and its derivative by SVD."""
    params, direction = {"w": normal(6, 4)}, normal(4, 6).T
    constraint = CONSTRAINTS[name]()
    _, state = converged(constraint, params)

    @jax.jit
    def ours_and_exact(params):
        ours = jax.grad(lambda params: jnp.sum(direction * constraint.normalize(params, state)[0]["w"]))(params)
        exact = jax.grad(lambda params: jnp.sum(direction * params["w"] / jnp.linalg.norm(params["w"], ord=2)))(params)
        return ours["w"], exact["w"]

    ours, exact = ours_and_exact(params)
    np.testing.assert_allclose(ours, exact, rtol=1e-3, atol=1e-5)


def test_the_state_has_no_derivative():
    constraint, params = spectral_normalization(), {"w": normal(4, 3)}
    state = constraint.init(KEY, params)
    gradient = jax.grad(lambda params: constraint.normalize(params, state)[1]["w"].sum())(params)
    np.testing.assert_array_equal(gradient["w"], 0)


def test_convolutions_without_a_window_are_refused_by_name():
    params = {"params": {"Conv_0": {"kernel": normal(3, 3, 1, 2)}, "Dense_0": {"kernel": normal(4, 1)}}}
    for known in (None, {"params/Conv_1/kernel": window_of((3, 3), (4, 4), 1, "SAME")}):
        constraint = conv_spectral_normalization(windows=known)
        for function in (partial(constraint.init, KEY), lambda params, of=constraint: of.normalize(params, {})):
            with pytest.raises(ValueError, match=r"params/Conv_0/kernel \(3, 3, 1, 2\) needs a window"):
                function(params)


@pytest.mark.parametrize(
    ("kernel", "image"), [((3, 3, 2, 1), (4, 4, 1)), ((3, 3, 1, 1), (5, 4, 1)), ((3, 3), (4, 4, 1))]
)
@pytest.mark.usefixtures("unchecked_types")
def test_images_that_do_not_fit_are_refused(kernel, image):
    with pytest.raises(ValueError, match=r"kernel \(.*\), image \(.*\) and image size \(4, 4\) do not fit"):
        convolve_image(jnp.ones(kernel), jnp.ones(image), window=Window((4, 4), 1, ((1, 1), (1, 1))))


def test_dense_kernels_are_matrices_already():
    np.testing.assert_array_equal(as_matrix(jnp.arange(6.0).reshape(2, 3)), np.arange(6).reshape(2, 3))
