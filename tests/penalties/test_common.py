"""One suite over every penalty: values written out in NumPy, derivatives, transformations, precision, mistakes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numerical import check_derivatives

from gan_jax.errors import InputError
from gan_jax.penalties import PENALTIES, POINTS, SHAPES, SLOPES, BoundedShape, Penalty, score_batch
from gan_jax.sharding import BatchSharding

KEY = jax.random.key(0)
N = 5
rng = np.random.default_rng(0)
REAL, FAKE, X = (rng.normal(size=(N, 2)) for _ in range(3))
WEIGHT = np.array([2.0, -1.5])  # norm 2.5
NOISY = {"consistency", "adversarial_lipschitz", "finite_difference_r1"}
TWICE = {"r1_r2", "adversarial_lipschitz", "lecam"}  # 2N values
every_penalty = pytest.mark.parametrize("name", PENALTIES)


def f32(*arrays):
    return [jnp.array(array, jnp.float32) for array in arrays]


def length(x):
    return np.sqrt((x**2).sum(axis=1))


def both(of, real, fake):
    return np.concatenate([of(real), of(fake)])


def slope_of_pairs(d, real, fake):
    return np.abs(d(real) - d(fake)) / length(real - fake)


def to_averages(d, real, fake):
    return np.concatenate([d(real) - d(fake).mean(), d(fake) - d(real).mean()])


BY_HAND = {  # of a critic d, its gradient g, and x, points between
    "wgan_gp": lambda d, g, x, real, fake: (length(g(x)) - 1) ** 2,
    "wgan_lp": lambda d, g, x, real, fake: np.maximum(length(g(x)) - 1, 0) ** 2,
    "one_sided_linear": lambda d, g, x, real, fake: np.maximum(length(g(x)), 1),
    "dragan": lambda d, g, x, real, fake: (length(g(x)) - 1) ** 2,
    "r1": lambda d, g, x, real, fake: (g(real) ** 2).sum(axis=1) / 2,
    "r2": lambda d, g, x, real, fake: (g(fake) ** 2).sum(axis=1) / 2,
    "r1_r2": lambda d, g, x, real, fake: both(lambda at: (g(at) ** 2).sum(axis=1) / 2, real, fake),
    "zero_centered": lambda d, g, x, real, fake: (g(x) ** 2).sum(axis=1) / 2,
    "max_gradient": lambda d, g, x, real, fake: np.full(len(x), (g(x) ** 2).sum(axis=1).max()),
    "wgan_div": lambda d, g, x, real, fake: (g(x) ** 2).sum(axis=1) ** 3,
    "banach": lambda d, g, x, real, fake: ((np.abs(g(x)) ** (10 / 9)).sum(axis=1) ** 0.9 - 1) ** 2,
    "gan_qp": lambda d, g, x, real, fake: (d(real) - d(fake)) ** 2 / (2 * length(real - fake) / np.sqrt(2)),
    "pair_slope": lambda d, g, x, real, fake: np.maximum(slope_of_pairs(d, real, fake) - 1, 0) ** 2,
    "lecam": lambda d, g, x, real, fake: to_averages(d, real, fake) ** 2 / 2,
}
MEANS = {  # of those that draw a direction, where all samples lie at x: d is linear with this gradient g
    "consistency": lambda g: 0.1**2 * (g**2).sum(),
    "finite_difference_r1": lambda g: (g**2).sum() / 2,
    "adversarial_lipschitz": lambda g: (np.sqrt((g**2).sum()) - 1) ** 2,
}
SLOPES_BY_HAND = {
    "gradient": lambda d, g, x, real: length(g(x)),
    "gradient_l1": lambda d, g, x, real: np.abs(g(x)).sum(axis=1),
    "gradient_linf": lambda d, g, x, real: np.abs(g(x)).max(axis=1),
    "pair": lambda d, g, x, real: np.abs(d(x) - d(real)) / np.maximum(length(x - real), 1e-30),
}
SHAPES_BY_HAND = {
    "two_sided": lambda n: (n - 1) ** 2,
    "one_sided": lambda n: np.maximum(n - 1, 0) ** 2,
    "two_sided_linear": lambda n: np.abs(n - 1),
    "one_sided_linear": lambda n: np.maximum(n, 1),
    "zero_centered": lambda n: n**2 / 2,
    "power": lambda n: n**6,
    "maximum": lambda n: np.full(len(n), n.max() ** 2),
}


def linear(x):
    return x @ jnp.asarray(WEIGHT, x.dtype)


def quadratic(x, scale=1.5):
    """Its gradient at x is `scale x`, so the norms differ between samples."""
    return scale * (x**2).sum(axis=1) / 2


CRITICS = {
    "linear": (linear, lambda x: x @ WEIGHT, lambda x: np.broadcast_to(WEIGHT, x.shape)),
    "quadratic": (quadratic, lambda x: 0.75 * (x**2).sum(axis=1), lambda x: 1.5 * x),
}


def at(name, points):
    """The penalty of that name, with these points in place of random ones."""
    penalty = PENALTIES[name]
    return penalty._replace(points=lambda key, *, real, fake: points) if penalty.points.shares is None else penalty


def mlp(params, x):
    return jnp.tanh(x @ params["w"] + params["b"][None]) @ params["v"]


def params_of(seed, dtype=np.float32):
    rng = np.random.default_rng(seed)
    shapes = {"w": (2, 4), "b": (4,), "v": (4,)}
    return {name: jnp.asarray(rng.normal(size=shape).astype(dtype)) for name, shape in shapes.items()}


def test_every_penalty_is_written_out():
    assert BY_HAND.keys() | MEANS.keys() == PENALTIES.keys()
    assert MEANS.keys() == NOISY
    assert SHAPES_BY_HAND.keys() == SHAPES.keys()


@pytest.mark.parametrize("kind", CRITICS)
@pytest.mark.parametrize("name", BY_HAND)
def test_values_by_hand(name, kind):
    critic, d, g = CRITICS[kind]
    real, fake, x = f32(REAL, FAKE, X)
    values = at(name, x)(critic, KEY, real=real, fake=fake)
    np.testing.assert_allclose(values, BY_HAND[name](d, g, X, REAL, FAKE), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MEANS)
def test_means_of_those_that_draw_a_direction(name):
    x = jnp.broadcast_to(jnp.array([0.5, -0.25]), (10_000, 2))
    # Two samples give the data a range; their own values do not count.
    wide = jnp.concatenate([x, jnp.array([[-9.0, -9.0], [9.0, 9.0]])])
    values = np.asarray(PENALTIES[name](linear, KEY, real=wide, fake=wide)).reshape(-1, len(wide))[:, :-2].ravel()
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - MEANS[name](WEIGHT)) < 4 * error + 1e-2 * MEANS[name](WEIGHT)
    assert error < 0.05


@pytest.mark.parametrize("slope", SLOPES_BY_HAND)
@pytest.mark.parametrize("points", POINTS)
def test_every_choice_of_points_goes_with_every_shape(points, slope):
    real, fake = f32(REAL, FAKE)
    scored = score_batch(quadratic, POINTS[points], KEY, real=real, fake=fake)
    x = np.asarray(scored.points, np.float64)
    _, d, g = CRITICS["quadratic"]
    slopes = SLOPES[slope](scored, KEY)
    expected = SLOPES_BY_HAND[slope](d, g, x, np.concatenate([np.asarray(real, np.float64)] * (len(x) // N)))
    np.testing.assert_allclose(slopes, expected, rtol=2e-3, atol=1e-4)
    for shape, by_hand in SHAPES_BY_HAND.items():
        found = SHAPES[shape]()(slopes)
        assert found.shape == (len(x),)
        np.testing.assert_allclose(found, by_hand(expected), rtol=2e-2, atol=1e-3, err_msg=shape)


@every_penalty
def test_derivatives_of_flat_critics_and_of_samples_that_coincide_are_finite(name):
    real, fake, x = f32(REAL, FAKE, X)

    @jax.jit
    def derivatives(scale, real, fake, x):
        """By what multiplies the critic, and by the weights of one with nothing but zeros."""

        def of_scale(scale):
            return at(name, x)(partial(quadratic, scale=scale), KEY, real=real, fake=fake).mean()

        def of_params(params):
            return at(name, x)(partial(mlp, params), KEY, real=real, fake=fake).mean()

        def along(step, of=of_params):
            return of(jax.tree.map(lambda leaf: leaf + step, zeros))

        zeros = jax.tree.map(jnp.zeros_like, params_of(0))
        by_scale = of_scale(scale), jax.grad(of_scale)(scale), jax.grad(jax.grad(of_scale))(scale)
        return by_scale, jax.value_and_grad(of_params)(zeros), jax.grad(jax.grad(along))(0.0)

    cases = {"flat": (0.0, real, fake, x), "flat, equal": (0.0, real, real, real), "equal": (1.5, real, real, real)}
    for case, (scale, *samples) in cases.items():
        for value in jax.tree.leaves(derivatives(jnp.float32(scale), *samples)):
            assert jnp.isfinite(value).all(), case


@every_penalty
def test_a_flat_critic_has_the_penalty_of_slopes_of_zero(name):
    real, fake = f32(REAL, FAKE)
    values = PENALTIES[name](lambda x: 0 * x.sum(axis=1), KEY, real=real, fake=fake)
    one = {"wgan_gp", "one_sided_linear", "dragan", "banach"}
    np.testing.assert_array_equal(values, np.full(len(values), 1.0 if name in one else 0.0))


@every_penalty
def test_jit_and_vmap_change_nothing(name):
    real, fake = f32(REAL, FAKE)

    def of(params):
        return PENALTIES[name](partial(mlp, params), KEY, real=real, fake=fake)

    several = [params_of(seed) for seed in range(3)]
    stack = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
    eager = of(several[0])
    compiled = [jax.jit(of)(params) for params in several]
    assert eager.max() > 1e-3
    np.testing.assert_allclose(compiled[0], eager, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(of))(stack), jnp.stack(compiled), rtol=1e-3, atol=1e-5)
    assert not np.allclose(compiled[0], compiled[1])


@every_penalty
@jax.enable_x64(True)
def test_derivatives_by_the_critics_parameters(name):
    """To second order, numerically, where slopes are above the bound and steps and averages do not move."""
    real, fake, x = jnp.asarray(REAL), jnp.asarray(FAKE), jnp.asarray(X)
    penalty = at(name, x)
    # Terjék's step is a constant of its derivative: a step that hardly depends on the parameters, and to first order.
    adversarial = name == "adversarial_lipschitz"

    def critic(params):
        return (lambda x: x @ (3 * params["v"][:2])) if adversarial else partial(mlp, params)

    def scored(params):
        return score_batch(critic(params), penalty.points, KEY, real=real, fake=fake, averages=jnp.array([0.5, -0.2]))

    def total(params):
        return penalty.terms(scored(params), KEY)["penalty"].mean()

    params = jax.tree.map(lambda leaf: 1.5 * leaf, params_of(3, np.float64))
    if isinstance(penalty, Penalty) and isinstance(penalty.shape, BoundedShape):
        slopes = jax.jit(lambda params: penalty.terms(scored(params), KEY)["slope"])(params)
        assert jnp.abs(slopes - penalty.shape.bound).min() > 1e-2
        assert (slopes > penalty.shape.bound).any()
    check_derivatives(total, params, order=1 if adversarial else 2, rtol=1e-4, atol=1e-4)


@every_penalty
def test_values_are_float32_under_a_half_precision_critic(name):
    real, fake, x = f32(REAL, FAKE, X)
    # Exact in half precision, so that noise and steps are the same up to its rounding.
    real, fake, x = (jnp.round(16 * samples) / 16 for samples in (real, fake, x))

    def of(dtype):
        samples = {"real": real.astype(dtype), "fake": fake.astype(dtype)}
        return at(name, x.astype(dtype))(lambda x: linear(x) / 2, KEY, **samples)

    if "float32" in PENALTIES[name].needs:  # whose differences bfloat16 cannot tell from zero
        with pytest.raises(InputError, match="bfloat16 rounds away"):
            of(jnp.bfloat16)
        return
    half, single = of(jnp.bfloat16), of(jnp.float32)
    assert half.dtype == single.dtype == jnp.float32
    if name not in NOISY:
        np.testing.assert_allclose(half, single, rtol=5e-2, atol=5e-2)


@every_penalty
def test_another_order_of_pairs_gives_the_values_in_that_order(name):
    real, fake, x = f32(REAL, FAKE, X)
    order = jnp.array([3, 0, 4, 1, 2])
    penalty = at(name, x)

    def values(order):
        """What is drawn goes along with its pair."""
        sharding = BatchSharding(shard=lambda whole, axis=0: whole[order])
        scored = score_batch(mlp_0, penalty.points, KEY, real=real[order], fake=fake[order], sharding=sharding)
        return penalty.terms(scored, KEY)["penalty"]

    mlp_0 = partial(mlp, params_of(0))
    before = values(jnp.arange(N)).reshape(-1, N)
    np.testing.assert_allclose(values(order).reshape(-1, N), before[:, order], rtol=1e-4, atol=1e-5)
    if name not in ("max_gradient", "one_sided_linear"):
        assert len(np.unique(before)) > 1


@every_penalty
def test_one_value_per_point(name):
    values = jax.jit(partial(PENALTIES[name], partial(mlp, params_of(0)), KEY))
    real, fake = f32(REAL, FAKE)
    for count in (2, N):
        shape = jax.eval_shape(values, real=real[:count], fake=fake[:count]).shape
        assert shape == ((2 if name in TWICE else 1) * count,)
    of_one = values(real=real[:1], fake=fake[:1])
    assert of_one.shape == ((2 if name in TWICE else 1),)
    assert jnp.isfinite(of_one).all()


@every_penalty
def test_values_do_not_depend_on_the_shape_of_a_sample(name):
    real, fake = f32(*rng.normal(size=(2, N, 4)))
    kernel = jnp.array([1.0, -2.0, 0.5, 1.5])

    def critic(x):
        return jnp.tanh(x.reshape(len(x), 4) @ kernel)

    flat = at(name, (real + fake) / 2)(critic, KEY, real=real, fake=fake)
    real, fake = real.reshape(N, 2, 2, 1), fake.reshape(N, 2, 2, 1)
    images = at(name, (real + fake) / 2)(critic, KEY, real=real, fake=fake)
    if name not in NOISY:
        np.testing.assert_allclose(images, flat, rtol=1e-4, atol=1e-5)
    assert images.shape == flat.shape


@every_penalty
@pytest.mark.usefixtures("unchecked_types")
def test_unlike_batches_are_refused_with_their_shapes(name):
    with pytest.raises(ValueError, match=r"got \(5, 2\) float32 and \(4, 2\) float32"):
        PENALTIES[name](linear, KEY, real=jnp.zeros((5, 2)), fake=jnp.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"got \(5, 2\) float32 and \(5, 2\) bfloat16"):
        PENALTIES[name](linear, KEY, real=jnp.zeros((5, 2)), fake=jnp.zeros((5, 2), jnp.bfloat16))


@every_penalty
@pytest.mark.parametrize(
    ("critic", "count", "shapes"),
    [
        (lambda x: x.sum(axis=1, keepdims=True), 3, r"got \((3|6), 1\)"),
        (lambda x: x.sum(), 3, r"got \(\)"),
        (lambda x: x.sum(axis=1).squeeze(), 1, r"\(1,\), got \(\)"),
    ],
    ids=["column", "number", "squeezed"],
)
def test_scores_that_are_not_one_per_sample_are_refused_with_their_shape(name, critic, count, shapes):
    real, fake = f32(REAL[:count], FAKE[:count])
    with pytest.raises(ValueError, match=f"one score per sample.*{shapes}"):
        PENALTIES[name](critic, KEY, real=real, fake=fake)
