"""Measured constants against closed forms; bounds against the operators' matrices and against what is measured."""

from functools import partial

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from gan_jax.lipschitz import (
    conv_norm_bound,
    gradient_norm_quantiles,
    holder_fit,
    largest_gradient_norm,
    largest_singular_value,
    largest_slope,
    lipschitz_bound,
    spectral_norm,
)
from gan_jax.penalties import POINTS

KEY = jax.random.key(0)
WEIGHT = jnp.array([2.0, -1.0, 2.0])  # norm 3
seeds = st.integers(0, 2**31 - 1)


def normal(seed, *shape):
    return jnp.array(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def linear(x):
    return (x * WEIGHT[None]).sum(axis=1)


def quadratic(x):
    """Its gradient at x is x."""
    return (x.reshape(len(x), -1) ** 2).sum(axis=1) / 2


def flat(x):
    return 0 * x.reshape(len(x), -1).sum(axis=1) + 5


def power(exponent):
    """|x|^a in one dimension: Hölder with exponent a and constant 1, and smooth but at 0."""
    return lambda x: jnp.abs(x[:, 0]) ** exponent


ACTIVATIONS = {"tanh": jnp.nan, "relu": 0.0, "leaky_relu": 0.01}  # by the slope of negative inputs


def chain(kernels, leak=ACTIVATIONS["tanh"]):
    """Dense layers with this activation between them, a number so that one program has all; the last has one output."""

    def activation(x):
        return jnp.where(jnp.isnan(leak), jnp.tanh(x), jnp.where(x > 0, x, jnp.nan_to_num(leak) * x))

    def critic(x):
        for i, kernel in enumerate(kernels):
            x = (activation(x) if i else x) @ kernel + 0.1
        return x[:, 0]

    return critic


def kernels_and_samples(seed):
    return (
        [normal(seed, 3, 8), normal(seed + 1, 8, 5), normal(seed + 2, 5, 1)],
        normal(seed + 3, 20, 3),
        normal(seed, 20, 3),
    )


slope = jax.jit(largest_slope, static_argnums=0)
climb = jax.jit(largest_gradient_norm, static_argnums=0, static_argnames="steps")
fit = jax.jit(holder_fit, static_argnums=0, static_argnames="bins")
quantiles = jax.jit(gradient_norm_quantiles, static_argnums=0)


def measure(kernels, x, y, scale=1.0, leak=ACTIVATIONS["tanh"]):
    return compiled_measure(kernels, x, y, jnp.float32(scale), jnp.float32(leak))


# Compiled once: hypothesis changes the values only.
@jax.jit
def compiled_measure(kernels, x, y, scale, leak):
    def critic(x):
        return scale * chain(kernels, leak)(x)

    alpha, constant = holder_fit(critic, x, y, bins=5)
    return {
        "slope": largest_slope(critic, x, y),
        "gradient": largest_gradient_norm(critic, x, steps=3),
        "alpha": alpha,
        "constant": constant,
        "bound": lipschitz_bound([scale * kernels[0], *kernels[1:]]),
        **gradient_norm_quantiles(critic, KEY, real=x, fake=y),
    }


class ClosedFormTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_slope_of_a_quadratic_in_one_dimension(self):
        """(x^2 - y^2) / 2 over x - y is the pair's midpoint."""
        x, y = jnp.array([[0.0], [1.0], [-3.0]]), jnp.array([[2.0], [-3.0]])
        of = self.variant(lambda x, y: largest_slope(quadratic, x, y))
        np.testing.assert_allclose(of(x, y), 1.5)  # of 1 and 2; the pair at -3 coincides
        np.testing.assert_allclose(of(y, y), 0.5)

    @chex.variants(with_jit=True, without_jit=True)
    def test_slope_of_a_linear_critic_along_its_weight(self):
        x = jnp.stack([jnp.zeros(3), WEIGHT, jnp.array([1.0, 2.0, 0.0])])
        np.testing.assert_allclose(self.variant(lambda x: largest_slope(linear, x, x))(x), 3.0, rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_a_quadratics_gradient_norm_grows_by_each_step(self):
        points = jnp.array([[[3.0], [4.0]], [[0.0], [0.0]]])
        for steps in (0, 4):
            found = self.variant(partial(largest_gradient_norm, quadratic, steps=steps, step_size=0.25))(points)
            np.testing.assert_allclose(found, 5 + 0.25 * steps, rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_holder_fit_of_powers_about_their_origin(self):
        x = jnp.geomspace(1e-3, 1.0, 100)[:, None]
        of = self.variant(lambda x, a: holder_fit(lambda x: 3 * power(a)(x), x, jnp.zeros_like(x)))
        for exponent in (0.25, 0.5, 1.0, 2.0):
            alpha, constant = of(x, exponent)
            np.testing.assert_allclose(alpha, exponent, rtol=1e-4)
            np.testing.assert_allclose(constant, 3.0, rtol=1e-3)

    @chex.variants(with_jit=True, without_jit=True)
    def test_quantiles_of_a_quadratic(self):
        real, fake = jnp.arange(5.0)[:, None], -jnp.ones((5, 1))
        norms = self.variant(lambda key: gradient_norm_quantiles(quadratic, key, real=real, fake=fake))(KEY)
        assert set(norms) == set(POINTS)
        np.testing.assert_allclose(norms["real"], [0, 1, 2, 3, 4])
        np.testing.assert_allclose(norms["fake"], [1, 1, 1, 1, 1])
        np.testing.assert_allclose(norms["both"], [0, 1, 1, 1.75, 4])
        assert (jnp.diff(norms["interpolated"]) >= 0).all()
        assert norms["interpolated"][-1] < 4

    @chex.variants(with_jit=True, without_jit=True)
    def test_norm_and_bounds_of_small_kernels(self):
        np.testing.assert_allclose(self.variant(spectral_norm)(jnp.diag(jnp.array([1.0, -7.0]))), 7.0, rtol=1e-6)
        # A constant image is a box filter's worst: 9 ones, and the 4 % that a grid of frequencies may miss.
        np.testing.assert_allclose(self.variant(conv_norm_bound)(jnp.ones((3, 3, 1, 1))), 9 * 1.0396, rtol=1e-4)


def test_ascent_finds_the_steep_place_from_a_flat_one():
    """tanh(4 x) has its steepest gradient, 4, at 0."""
    points = jnp.full((1, 1), 0.9)
    found = climb(lambda x: jnp.tanh(4 * x[:, 0]), points, steps=20, step_size=0.05)
    np.testing.assert_allclose(found, 4.0, rtol=1e-2)


def test_ascent_crosses_the_pieces_of_a_piecewise_linear_critic():
    """Slopes 1, 3 and 7: the norm has no gradient on any of them."""

    def critic(x):
        return (x + 2 * nn.relu(x - 1) + 4 * nn.relu(x - 2))[:, 0]

    points = jnp.zeros((1, 1))
    for steps, steepest in ((0, 1.0), (5, 3.0), (9, 7.0)):
        np.testing.assert_allclose(climb(critic, points, steps=steps, step_size=0.25), steepest)


@pytest.mark.parametrize("exponent", [0.3, 0.5, 0.8, 1.0])
def test_holder_exponent_of_a_function_that_is_rough_at_one_point(exponent):
    """The envelope finds it among pairs of all places, where a line through all of them does not."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (40_000, 1))
    y = x + np.exp(rng.uniform(np.log(0.02), 0, x.shape)) * rng.choice([-1, 1], x.shape)
    alpha, constant = fit(power(exponent), jnp.array(x, jnp.float32), jnp.array(y, jnp.float32))
    assert abs(float(alpha) - exponent) < 0.05
    assert 0.9 < constant < 1.15
    change = np.abs(np.abs(x) ** exponent - np.abs(y) ** exponent)
    through_all = np.polyfit(np.log(np.abs(x - y)).ravel(), np.log(change + 1e-12).ravel(), 1)[0]
    if exponent <= 0.5:
        assert abs(through_all - exponent) > 0.1


@pytest.mark.slow
@given(seeds)
def test_every_pair_keeps_to_its_holder_fit(seed):
    kernels, x, y = kernels_and_samples(seed)
    critic, found = chain(kernels), measure(kernels, x, y)
    change, distance = np.abs(critic(x) - critic(y)), np.linalg.norm(x - y, axis=1)
    np.testing.assert_allclose((change / distance ** found["alpha"]).max(), found["constant"], rtol=1e-3)


def test_one_distance_gives_the_lipschitz_constant():
    x, unit = normal(0, 50, 3), WEIGHT[None] / 3
    alpha, constant = fit(linear, x, x + unit)
    assert float(alpha) == 1
    np.testing.assert_allclose(constant, 3.0, rtol=1e-5)


def test_a_flat_critic_has_constant_zero():
    x, y = normal(0, 20, 2, 2), normal(1, 20, 2, 2)
    assert float(slope(flat, x, y)) == 0
    assert float(climb(flat, x)) == 0
    assert [*map(float, fit(flat, x, y))] == [1, 0]
    for norms in quantiles(flat, KEY, real=x, fake=y).values():
        np.testing.assert_array_equal(norms, np.zeros(5))
    assert float(lipschitz_bound([jnp.zeros((3, 3, 1, 2)), jnp.zeros((2, 1))])) == 0


def test_pairs_that_coincide_are_ignored():
    x = normal(0, 20, 3)
    assert float(slope(linear, x[:1], x[:1])) == 0
    assert [*map(float, fit(linear, x, x))] == [1, 0]
    # Five bins of four, the last without a pair that counts, are four bins of the fifteen pairs that do.
    some = jnp.concatenate([x[:5], normal(1, 15, 3)])
    for mixed, clean in zip(fit(linear, x, some, bins=5), fit(linear, x[5:], some[5:], bins=4), strict=True):
        np.testing.assert_allclose(mixed, clean, rtol=1e-5)


def test_groups_that_do_not_fill_up_weigh_no_pair_twice():
    """Three pairs in seven bins: the line is the least-squares line through three points."""
    x = jnp.array([[1.0], [2.0], [8.0]])
    scores = jnp.array([1.0, 4.0, 4.0])
    alpha, _ = fit(lambda points: jnp.where(points[:, 0] > 0, scores, 0), x, jnp.zeros_like(x), bins=7)
    np.testing.assert_allclose(alpha, np.polyfit(np.log(x[:, 0]), np.log(scores), 1)[0], rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (3, 5), (6, 2)], ids=str)
def test_spectral_norm_is_the_largest_singular_value(shape):
    for seed in range(5):
        kernel = normal(seed, *shape)
        np.testing.assert_allclose(spectral_norm(kernel), np.linalg.svd(kernel)[1][0], rtol=1e-5)


def matrix(kernel, size, stride, padding):
    """The convolution of images of this size as a matrix, one column per pixel of the input."""
    shape = (*size, kernel.shape[2])
    basis = jnp.eye(int(np.prod(shape))).reshape(-1, *shape)
    images = lax.conv_general_dilated(
        basis, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return np.asarray(images).reshape(len(basis), -1).T


@pytest.mark.parametrize(
    ("shape", "stride", "padding"),
    [
        ((1, 1, 3, 2), 2, "VALID"),
        ((2, 3, 1, 4), 1, ((2, 3), (0, 1))),
        ((3, 3, 2, 2), 1, "SAME"),
        ((5, 2, 1, 4), 2, "VALID"),
        ((5, 5, 2, 3), 3, ((4, 0), (1, 5))),
    ],
    ids=str,
)
def test_bound_of_a_convolution_is_above_its_matrix(shape, stride, padding):
    for seed in range(5):
        kernel = normal(seed, *shape)
        norm = np.linalg.norm(matrix(kernel, (8, 7), stride, padding), 2)
        bound = float(conv_norm_bound(kernel, stride=stride))
        assert norm <= bound * 1.00001
        # Never wider than the sum of the taps' norms, but for the share that the grid may miss.
        assert bound <= 1.04 * np.linalg.norm(kernel, 2, axis=(2, 3)).sum()


@pytest.mark.parametrize(("taps", "stride"), [(3, 1), (4, 2), (2, 3)])
def test_bound_of_a_convolution_is_near_its_norm_on_a_large_image(taps, stride):
    kernel = normal(taps, taps, taps, 1, 2)
    norm = np.linalg.norm(matrix(kernel, (18, 18), stride, "SAME"), 2)
    assert norm * 0.99999 <= conv_norm_bound(kernel, stride=stride) <= 1.08 * norm


def test_no_frequency_is_above_the_bound():
    """The lattice's norm is approached from below by a fine grid of frequencies; the bound must be above all of it."""
    for seed in range(30):
        kernel = np.random.default_rng(seed).normal(size=(1, 5, 1, 1))
        fine = np.abs(np.fft.fft(kernel.ravel(), 4096)).max()
        bound = float(conv_norm_bound(jnp.array(kernel, jnp.float32)))
        assert fine <= bound * 1.00001
        assert bound <= 1.0197 * fine  # one axis of more than one tap


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_bound_of_a_transposed_convolution(stride):
    kernel = normal(stride, 4, 3, 2, 3)
    images = lax.conv_transpose(
        jnp.eye(50).reshape(50, 5, 5, 2), kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    norm = np.linalg.norm(np.asarray(images).reshape(50, -1), 2)
    assert norm <= conv_norm_bound(kernel.swapaxes(2, 3), stride=stride) * 1.00001


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(seed=seeds)
def test_bound_of_a_dense_chain_is_above_what_is_measured(activation, seed):
    found = measure(*kernels_and_samples(seed), leak=ACTIVATIONS[activation])
    for name in ("slope", "gradient", "real", "fake", "interpolated"):
        assert ((found[name] >= 0) & (found[name] <= found["bound"] * 1.0001)).all(), name


def test_bound_of_one_dense_layer_is_exact():
    np.testing.assert_allclose(lipschitz_bound([WEIGHT[:, None]]), 3.0, rtol=1e-6)
    np.testing.assert_allclose(largest_gradient_norm(linear, jnp.zeros((1, 3))), 3.0, rtol=1e-6)


class ConvCritic(nn.Module):
    @nn.compact
    def __call__(self, images):
        x = nn.leaky_relu(nn.Conv(4, (5, 5), strides=2)(images), 0.2)
        x = nn.tanh(nn.Conv(8, (3, 3), padding="VALID")(x))
        return nn.Dense(1)(x.reshape(len(x), -1)).squeeze(-1)


def test_bound_of_a_convolutional_critic_is_above_what_is_measured():
    module, init = ConvCritic(), jax.jit(ConvCritic().init)

    @jax.jit
    def measured(params, x, y):
        def critic(x):
            return module.apply(params, x)

        return largest_slope(critic, x, y), gradient_norm_quantiles(critic, KEY, real=x, fake=y)["interpolated"][-1]

    for seed in range(3):
        x, y = normal(seed, 5, 8, 8, 2), normal(seed + 1, 5, 8, 8, 2)
        params = init(jax.random.key(seed), x)
        kernels = [params["params"][layer]["kernel"] for layer in ("Conv_0", "Conv_1", "Dense_0")]
        bound = lipschitz_bound(kernels, strides=(2, 1, 1))
        for found in measured(params, x, y):
            assert 0 < found <= bound
        # Stride 1 bounds every stride, less tightly.
        assert bound < lipschitz_bound(kernels)


@given(seeds, st.floats(0.125, 8, width=32))
def test_a_scaled_critic_scales_everything_but_the_exponent(seed, scale):
    kernels, x, y = kernels_and_samples(seed)
    scaled = measure(kernels, x, y, -scale)
    for name, value in measure(kernels, x, y).items():
        if name == "alpha":
            np.testing.assert_allclose(scaled[name], value, atol=1e-3)
        else:
            np.testing.assert_allclose(scaled[name], scale * value, rtol=1e-3, err_msg=name)


@given(seeds)
def test_the_order_of_samples_changes_nothing(seed):
    kernels, x, y = kernels_and_samples(seed)
    order, other = (np.random.default_rng(s).permutation(20) for s in (seed, seed + 1))
    before = measure(kernels, x, y)
    paired, alone = measure(kernels, x[order], y[order]), measure(kernels, x[order], y[other])
    for name in ("slope", "gradient", "alpha", "constant", "real", "fake"):
        np.testing.assert_allclose(paired[name], before[name], rtol=1e-4, atol=1e-5, err_msg=name)
    for name in ("slope", "gradient", "real", "fake"):
        np.testing.assert_allclose(alone[name], before[name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(measure(kernels, y, x)["slope"], before["slope"], rtol=1e-5)


def test_half_precision_gives_float32():
    kernel = jnp.ones((400, 1), jnp.bfloat16)
    x, y = jnp.zeros((2, 400), jnp.bfloat16), jnp.ones((2, 400), jnp.bfloat16)

    def critic(x):
        return (x @ kernel)[:, 0]

    @jax.jit
    def everything():
        return [
            largest_slope(critic, x, y),
            largest_gradient_norm(critic, x, steps=2),
            gradient_norm_quantiles(critic, KEY, real=x, fake=y)["real"][-1],
            holder_fit(critic, x, y)[1],
            spectral_norm(kernel),
            lipschitz_bound([kernel]),
            conv_norm_bound(kernel.reshape(1, 1, 400, 1)),
        ]

    measured = everything()
    assert {value.dtype for value in measured} == {jnp.dtype("float32")}
    np.testing.assert_allclose(measured, [20.0] * 7, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: largest_slope(linear, jnp.zeros((2, 3)), jnp.zeros((2, 1))), r"\(2, 3\) and \(2, 1\)"),
        (lambda: largest_slope(linear, jnp.zeros(()), jnp.zeros(())), r"got \(\) and \(\)"),
        (lambda: largest_slope(lambda x: x, jnp.zeros((2, 3)), jnp.zeros((4, 3))), r"\(4,\), got \(4, 3\)"),
        (lambda: largest_gradient_norm(lambda x: x, jnp.zeros((2, 3))), r"\(2,\), got \(2, 3\)"),
        (lambda: holder_fit(linear, jnp.zeros((2, 3)), jnp.zeros((4, 3))), r"\(2, 3\), \(4, 3\)"),
        (lambda: holder_fit(linear, jnp.zeros((2, 3)), jnp.zeros((2, 3)), bins=1), r"bins 2 or more.*, 1$"),
        (lambda: holder_fit(lambda x: x, jnp.zeros((2, 3)), jnp.zeros((2, 3))), r"\(2,\), got \(2, 3\)"),
        (
            lambda: gradient_norm_quantiles(linear, KEY, real=jnp.zeros((2, 3)), fake=jnp.zeros((4, 3))),
            r"\(2, 3\) .*and \(4, 3\)",
        ),
        (
            lambda: gradient_norm_quantiles(
                linear, KEY, real=jnp.zeros((2, 3)), fake=jnp.zeros((2, 3)), quantiles=(0.5, 50)
            ),
            r"\[0, 1\], got \(0.5, 50\)",
        ),
        (lambda: spectral_norm(jnp.zeros((3, 3, 1, 1))), r"\(3, 3, 1, 1\)"),
        (lambda: conv_norm_bound(jnp.zeros((3, 1))), r"\(3, 1\)"),
        (lambda: conv_norm_bound(jnp.zeros((3, 3, 1, 1)), stride=0), r"\(3, 3, 1, 1\) and 0"),
        (lambda: lipschitz_bound([]), r"\[\]"),
        (lambda: lipschitz_bound([jnp.zeros((3, 1)), jnp.zeros(1)]), r"\(3, 1\), \(1,\)"),
        (lambda: lipschitz_bound([jnp.zeros((3, 1))], strides=(1, 2)), r"\(3, 1\).*\(1, 2\)"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_mistakes_are_refused_with_the_shapes(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_critic_that_fails_somewhere_has_no_exponent():
    x = jnp.linspace(0.0, 1.0, 64)[:, None]
    found = holder_fit(lambda x: jnp.where(x[:, 0] > 0.5, jnp.nan, x[:, 0]), x, jnp.zeros_like(x))
    assert jnp.isnan(jnp.stack(found)).all()


def test_the_largest_singular_value_is_the_jacobians():
    weight = normal(3, 4, 6)
    x = normal(5, 7, 4)

    def function(z):
        return jnp.tanh(z @ weight).reshape(-1, 3, 2)

    found = largest_singular_value(function, KEY, x, iterations=200)
    jacobians = jax.vmap(jax.jacobian(lambda z: function(z[None])[0].ravel()))(x)
    np.testing.assert_allclose(found, np.linalg.norm(np.asarray(jacobians), 2, axis=(1, 2)), rtol=1e-3)
