"""One suite over every network, and the published shapes of the MNIST ones."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.networks import CRITICS, GENERATORS, dcgan, mlp, resnet
from gan_jax.penalties import gradient_norm

KEY = jax.random.key(0)
SHAPES = {
    "mlp": [(8, 8, 1), (2,)],
    "dcgan": [(8, 8, 1), (28, 28, 1), (13, 20, 3)],
    "dcgan_mnist": [(28, 28, 3)],
    "resnet": [(8, 16, 3)],
    "biggan": [(8, 12, 3)],
    "patch": [(8, 12, 3)],
    "r3gan": [(8, 12, 3)],
    "stylegan": [(8, 12, 3)],
    "stylegan2": [(8, 12, 3)],
}
UNBOUNDED = ("r3gan", "stylegan", "stylegan2")  # images are clipped when they are stored
PER_SAMPLE = {name: critic for name, critic in CRITICS.items() if "set_size" not in critic.__dataclass_fields__}


def cases(registry):
    return [(name, shape) for name in registry for shape in SHAPES[name]]


# Compiled as one: layer by layer takes many times as long. A network's fields tell its compilations apart.
init = jax.jit(lambda network, x: network.init(KEY, x), static_argnums=0)
apply = jax.jit(lambda network, params, x: network.apply(params, x), static_argnums=0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "shape"), cases(GENERATORS), ids=str)
def test_generators_draw_the_shape_in_range_and_without_mixing(name, shape):
    generator = GENERATORS[name](shape=shape, width=4)
    noise = jax.random.normal(KEY, (3, 6))
    params = init(generator, noise[:1])
    images = apply(generator, params, noise)
    assert images.shape == (3, *shape)
    assert images.dtype == jnp.float32
    assert len(shape) == 1 or name in UNBOUNDED or (jnp.abs(images) <= 1).all()  # points have no range
    assert jnp.ptp(images, axis=0).max() > 0.01
    if not getattr(generator, "mixes_samples", False):
        np.testing.assert_allclose(apply(generator, params, noise[1:2]), images[1:2], atol=1e-4)


@pytest.mark.parametrize(("name", "shape"), cases(PER_SAMPLE), ids=str)
def test_critics_score_each_sample_by_itself(name, shape):
    critic = CRITICS[name](width=4)
    samples = jax.random.normal(KEY, (3, *shape))
    params = init(critic, samples[:1])
    scores = apply(critic, params, samples)
    assert scores.shape == (3,)
    assert jnp.ptp(scores) > 1e-3
    np.testing.assert_allclose(apply(critic, params, samples[1:2]), scores[1:2], atol=1e-5)


@partial(jax.jit, static_argnums=0)
def _norms_and_scores(critic, params, samples):
    return gradient_norm(lambda x: critic.apply(params, x), samples), critic.apply(params, samples)


@pytest.mark.slow
@pytest.mark.parametrize("name", CRITICS)
def test_half_precision_layers_leave_parameters_scores_and_norms_in_float32(name):
    shape = (8, 8, 1)
    samples = jax.random.normal(KEY, (4, *shape))
    whole, half = (CRITICS[name](width=16, dtype=dtype) for dtype in (None, "bfloat16"))
    params = init(half, samples)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    norms, scores = zip(*(_norms_and_scores(critic, params, samples) for critic in (whole, half)), strict=True)
    for exact, rounded in (norms, scores):
        assert rounded.dtype == jnp.float32
        assert 0 < jnp.abs(exact - rounded).max() < 0.05 * jnp.abs(exact).max()  # rounded, and no worse


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "dcgan_mnist"])
def test_half_precision_generators_draw_float32(name):
    noise = jax.random.normal(KEY, (4, 3))
    whole, half = (GENERATORS[name](shape=(8, 8, 1), width=16, dtype=dtype) for dtype in (None, "bfloat16"))
    params = init(half, noise)
    exact, rounded = (apply(network, params, noise) for network in (whole, half))
    assert rounded.dtype == jnp.float32
    assert 0 < jnp.abs(exact - rounded).max() < 0.1


class TestSetCritic:
    """`D(set) = rho(mean phi(y))`."""

    critic = mlp.SetCritic(width=8, depth=1, set_size=3)
    samples = jax.random.normal(KEY, (7, 2, 2))
    params = init(critic, samples)

    def score(self, samples):
        return apply(self.critic, self.params, samples)

    def test_sets_share_a_score_whatever_their_order_and_the_last_may_be_smaller(self):
        scores = self.score(self.samples)
        assert scores.shape == (7,)
        assert len(np.unique(scores)) == 3
        np.testing.assert_array_equal(scores, scores[jnp.array([0, 0, 0, 3, 3, 3, 6])])
        np.testing.assert_allclose(self.score(self.samples[jnp.array([2, 0, 1, 5, 4, 3, 6])]), scores, rtol=1e-5)

    def test_it_is_the_network_of_the_mean_of_features(self):
        params = jax.tree.map(np.asarray, self.params["params"])
        phi, rho = (params[name]["Dense_0"] for name in ("_Hidden_0", "_Hidden_1"))
        features = np.maximum(np.asarray(self.samples[:3]).reshape(3, 4) @ phi["kernel"] + phi["bias"], 0)
        hidden = np.maximum(features.mean(axis=0) @ rho["kernel"] + rho["bias"], 0)
        (expected,) = hidden @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
        np.testing.assert_allclose(self.score(self.samples)[0], expected, rtol=1e-5)

    def test_it_sees_what_no_sample_shows_alone(self):
        """Two sets with the same samples overall, one of them all alike: mean scores differ."""
        a, b = self.samples[:1], self.samples[1:2]
        alike = self.score(jnp.concatenate([a, a, a, b, b, b])).mean()
        mixed = self.score(jnp.concatenate([a, a, b, b, b, a])).mean()
        assert abs(alike - mixed) > 1e-3

    @pytest.mark.slow
    def test_gradient_norms_bound_the_change_per_mean_distance(self):
        """Moving all samples of a set by one vector moves D by at most the largest norm times its length."""
        norms = gradient_norm(self.score, self.samples[:6])
        step = 1e-3 * jax.random.normal(jax.random.key(1), (2, 2))
        change = jnp.abs(self.score(self.samples[:6] + step[None]) - self.score(self.samples[:6]))
        assert (change.reshape(2, 3)[:, 0] <= 1.01 * norms.reshape(2, 3).max(axis=1) * jnp.linalg.norm(step)).all()
        along = jax.jvp(lambda x: self.score(x)[0], (self.samples[:3],), (jnp.broadcast_to(step, (3, 2, 2)),))[1]
        per_sample = jax.grad(lambda x: self.score(x).sum())(self.samples[:3])
        np.testing.assert_allclose(along, (per_sample * step[None]).sum() / 3, rtol=1e-4)


def kernels(module, *args):
    params = jax.eval_shape(module.init, KEY, *args)["params"]
    return [layer["kernel"].shape for _, layer in sorted(params.items(), key=lambda item: item[0].startswith("Dense"))]


def test_mnist_networks_are_the_published_ones():
    """Gulrajani et al. 2017 on MNIST: width 64, noise of length 128."""
    critic = kernels(dcgan.Critic(width=64), jax.ShapeDtypeStruct((1, 28, 28, 1), jnp.float32))
    assert critic == [(5, 5, 1, 64), (5, 5, 64, 128), (5, 5, 128, 256), (4 * 4 * 256, 1)]
    generator = dcgan.MnistGenerator(shape=(28, 28, 1), width=64)
    noise = jax.ShapeDtypeStruct((1, 128), jnp.float32)
    assert kernels(generator, noise) == [(5, 5, 256, 128), (5, 5, 128, 64), (8, 8, 64, 1), (128, 4 * 4 * 256)]


@pytest.mark.parametrize(
    ("module", "example", "message"),
    [
        (dcgan.Critic(depth=4), (1, 8, 8, 1), "at least 16x16"),
        (resnet.Critic(depth=3), (1, 28, 28, 1), "multiples of 8"),
        (resnet.Generator(shape=(8, 4, 1)), (1, 2), "multiples of 8"),
        (dcgan.Critic(), (1, 64), "at least 8x8"),
        (dcgan.Generator(shape=(28, 4, 1)), (1, 6), "at least 8x8"),
        (dcgan.MnistGenerator(shape=(32, 32, 1)), (1, 6), "draws 28x28"),
    ],
    ids=str,
)
def test_sizes_that_a_network_cannot_take_are_refused(module, example, message):
    with pytest.raises(InputError, match=message):
        module.init(KEY, jnp.zeros(example))
