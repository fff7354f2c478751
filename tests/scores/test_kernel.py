"""Kernel distances against sums over pairs in NumPy, and draws whose distance is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.scores.kernel import cubic, kernel_distance, rbf, squared_mmd

KEY = jax.random.key(0)
WIDE = rbf(2.0)
KERNELS = {cubic: lambda x, y: (x @ y / len(x) + 1) ** 3, WIDE: lambda x, y: np.exp(-np.sum((x - y) ** 2) / 8)}


def by_pairs(real, fake, kernel):
    def mean(x, y):
        return np.mean([kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(y) if x is not y or i != j])

    return mean(real, real) + mean(fake, fake) - 2 * mean(real, fake)


def two_sets(n, m, shift=0.5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 4)), rng.normal(size=(m, 4)) + shift


def same(x, y):
    return (x == y.T).astype(x.dtype)


@pytest.mark.parametrize("kernel", KERNELS, ids=["cubic", "rbf"])
def test_equal_to_sums_over_pairs(kernel):
    real, fake = two_sets(15, 12)
    real[0] = real[1]
    fake[2] = real[1]
    with jax.enable_x64(True):
        value = squared_mmd(real=jnp.asarray(real), fake=jnp.asarray(fake), kernel=kernel)
        np.testing.assert_allclose(value, by_pairs(real, fake, KERNELS[kernel]), rtol=1e-10)


def test_two_copies_of_one_set_are_below_zero():
    real, _ = two_sets(15, 15)
    expected = by_pairs(real, real.copy(), KERNELS[cubic])
    assert expected < 0
    with jax.enable_x64(True):
        np.testing.assert_allclose(squared_mmd(real=real, fake=real), expected, rtol=1e-10)


def test_float32_keeps_the_digits_of_small_distances():
    real, fake = (np.float32(0.1 * x) for x in two_sets(500, 500, shift=0.1))

    def sums(x, y):
        values = (np.float64(x) @ np.float64(y).T / 4 + 1) ** 3
        return values.sum(), np.trace(values)

    (real_sum, real_trace), (fake_sum, fake_trace) = sums(real, real), sums(fake, fake)
    within = (real_sum - real_trace + fake_sum - fake_trace) / (500 * 499)
    expected = within - 2 * sums(real, fake)[0] / 500**2
    assert abs(expected) < 1e-3
    np.testing.assert_allclose(squared_mmd(real=real, fake=fake), expected, atol=3e-9)


def test_constant_sets():
    assert squared_mmd(real=jnp.ones((3, 4)), fake=jnp.ones((5, 4))) == 0
    assert squared_mmd(real=jnp.ones((3, 4)), fake=jnp.zeros((5, 4))) == 8 + 1 - 2


def test_subsets_differ_and_surround_the_whole():
    real, fake = map(np.float32, two_sets(40, 40, shift=1))
    draw = {"real": real, "fake": fake, "subsets": 50, "size": 10}
    mean, sd = kernel_distance(KEY, **draw)
    assert sd > 0.2 * mean > 0
    assert abs(mean - by_pairs(real, fake, KERNELS[cubic])) < 4 * sd / np.sqrt(50)
    assert mean != kernel_distance(jax.random.key(1), **draw).mean


def test_subsets_are_drawn_without_replacement():
    """The kernel counts repeated values: there are none in a subset, and two sets apart have none in common."""
    draw = {"kernel": same, "subsets": 2, "size": 15}
    real, fake = jnp.arange(20.0)[:, None], jnp.arange(20.0, 40.0)[:, None]
    assert tuple(map(float, kernel_distance(KEY, real=real, fake=fake, **draw))) == (0, 0)
    # Of one set, each pair of subsets has some in common, a whole number; two values lie at mean - sd and mean + sd.
    mean, sd = kernel_distance(KEY, real=real, fake=real, **draw)
    common = -np.array([mean - sd, mean + sd]) * 15**2 / 2
    np.testing.assert_allclose(common, common.round(), atol=1e-4)
    assert 10 <= common[1] < common[0] < 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 6}, r"more than 5 vectors of one length; got real \(6, 2\), fake \(5, 2\)"),
        ({"size": 1}, "more than 1 vectors"),
        ({"size": 5, "subsets": 0}, "at least 1 subset"),
    ],
    ids=str,
)
def test_subsets_that_cannot_be_drawn_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(KEY, real=jnp.zeros((6, 2)), fake=jnp.zeros((5, 2)), **options)


@pytest.mark.usefixtures("unchecked_types")
def test_sets_that_cannot_be_compared_are_refused():
    for shape in ((5, 3), (1, 2), (5,)):
        with pytest.raises(ValueError, match="more than 1 vectors of one length"):
            squared_mmd(real=jnp.zeros((5, 2)), fake=jnp.zeros(shape))
    for bandwidth in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="bandwidth is positive"):
            rbf(bandwidth)
