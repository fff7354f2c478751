"""One suite over every constraint, on a critic of dense layers and one of convolutions."""

from functools import cache, partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.test_util import check_grads

from gan_jax.constraints import CONSTRAINTS, Constraint
from gan_jax.constraints.kernels import kernels
from gan_jax.networks import dcgan, mlp
from gan_jax.networks.geometry import conv_windows

KEY = jax.random.key(0)
SHAPE = (5, 4, 2)
X = jax.random.normal(jax.random.key(1), (8, *SHAPE))
CRITICS = {"mlp": partial(mlp.Critic, width=6, depth=1), "dcgan": partial(dcgan.Critic, width=4, depth=1)}
ITERATED = {"spectral_normalization", "conv_spectral_normalization"}
REPARAMETERIZED = {*ITERATED, "bjorck"}

every_constraint = pytest.mark.parametrize("name", CONSTRAINTS)
every_case = pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in CONSTRAINTS for kind in CRITICS])


@cache
def case(name, kind, **settings):
    """A module, its constraint, its parameters with biases that are not zero, and the constraint's state."""
    module = CRITICS[kind](**settings)
    constraint = CONSTRAINTS[name](windows=conv_windows(module, X[:1]))

    @jax.jit
    def init():
        leaves, tree = jax.tree.flatten(module.init(KEY, X[:1]))
        keys = jax.random.split(KEY, len(leaves))
        moved = [leaf + 0.3 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
        params = tree.unflatten(moved)
        return params, constraint.init(jax.random.key(2), params)

    return module, constraint, *init()


def constrained(module, constraint, params, state):
    used, _ = constraint.normalize(params, state)
    return constraint.wrap(lambda x: module.apply(used, x))


@cache
def compiled(name, kind, **settings):
    """The constrained critic `x -> scores`."""
    module, constraint, params, state = case(name, kind, **settings)
    run = jax.jit(lambda params, state, x: constrained(module, constraint, params, state)(x))
    return partial(run, params, state)


def test_the_registry_holds_the_constraints_of_the_field():
    assert set(CONSTRAINTS) == REPARAMETERIZED | {"weight_clipping", "gradient_normalization"}


def test_a_constraint_of_nothing_does_nothing():
    nothing, params = Constraint(), {"kernel": np.ones((2, 2))}
    state = nothing.init(KEY, params)
    assert state == ()
    assert nothing.normalize(params, state)[0] is params is nothing.project(params)
    assert nothing.wrap(mlp) is mlp


@every_case
def test_what_each_one_changes(name, kind):
    """Normalized: all kernels and no bias. Projected: by clipping and Björck. Wrapped: by the gradient's norm alone."""
    module, constraint, params, state = case(name, kind)
    used, moved = jax.jit(constraint.normalize)(params, state)
    projected = constraint.project(params)
    chex.assert_trees_all_equal_shapes_and_dtypes(used, projected, params)
    for given, new, boxed in zip(*map(jax.tree.leaves, (params, used, projected)), strict=True):
        assert np.array_equal(given, new) == (given.ndim == 1 or name not in REPARAMETERIZED)
        if name == "weight_clipping":
            assert np.abs(boxed).max() == np.float32(0.01)
        else:
            assert np.array_equal(given, boxed) == (given.ndim == 1 or name != "bjorck")
    assert (constraint.wrap(module) is module) == (name != "gradient_normalization")
    chex.assert_trees_all_equal_shapes_and_dtypes(moved, state)
    if name not in ITERATED:
        assert state == ()
        return
    assert set(state) == set(kernels(params))
    for kernel, u in state.items():
        assert isinstance(u, jax.Array)
        np.testing.assert_allclose([np.linalg.norm(u), np.linalg.norm(moved[kernel])], 1, rtol=1e-5)
        assert np.abs(np.subtract(u, moved[kernel])).max() > 1e-2


@every_constraint
def test_compiled_or_not(name):
    scores = constrained(*case(name, "mlp"))(X)
    np.testing.assert_allclose(compiled(name, "mlp")(X), scores, rtol=1e-4, atol=1e-5)


@every_constraint
def test_a_stack_of_critics_is_a_loop_over_them(name):
    _, constraint, params, _ = case(name, "dcgan")
    stack = jax.tree.map(lambda leaf: np.stack([leaf, 3 * leaf[::-1], leaf - 1]), params)
    states = jax.jit(jax.vmap(constraint.init))(jax.random.split(KEY, 3), stack)
    at_once = jax.jit(jax.vmap(constraint.normalize))(stack, states)
    one = jax.jit(constraint.normalize)
    for i in range(3):
        pick = partial(jax.tree.map, lambda leaf, i=i: np.asarray(leaf)[i])
        chex.assert_trees_all_close(pick(at_once), one(pick(stack), pick(states)), rtol=1e-4, atol=1e-5)


@every_case
def test_zero_parameters_have_finite_scores_and_derivatives(name, kind):
    """Also those of a penalty on the gradient; and the state waits for the parameters to come back."""
    module, constraint, params, state = case(name, kind)

    def total(params, x):
        return constrained(module, constraint, params, state)(x).sum()

    def penalty(params):
        return jnp.sum((jax.grad(total, argnums=1)(params, X) - 1) ** 2)

    @jax.jit
    def everything(params):
        derivatives = jax.grad(total)(params, X), jax.value_and_grad(penalty)(params)
        return total(params, X), derivatives, constraint.normalize(params, state)[1]

    score, derivatives, kept = everything(jax.tree.map(np.zeros_like, params))
    assert score == 0
    for leaf in jax.tree.leaves(derivatives):
        assert np.isfinite(leaf).all()
    chex.assert_trees_all_equal(kept, state)


@every_case
def test_samples_do_not_mix(name, kind):
    critic, order = compiled(name, kind), np.array([3, 1, 0, 2, 7, 6, 5, 4])
    scores = critic(X)
    assert scores.shape == (8,)
    assert np.ptp(scores) > 1e-2
    np.testing.assert_allclose(critic(np.asarray(X)[order]), np.asarray(scores)[order], rtol=1e-4, atol=1e-6)


def check_both_derivatives(function, x):
    """Of a scalar function, compiled: much faster than `check_grads` of order 2, which is not."""
    gradient = jax.jit(jax.grad(function))
    for derivative in (jax.jit(function), gradient):
        check_grads(derivative, (x,), order=1, modes=["rev"], atol=3e-2, rtol=3e-2)


@every_constraint
def test_first_and_second_derivatives_by_the_samples(name):
    critic = compiled(name, "mlp", activation=jnp.tanh)
    check_both_derivatives(lambda x: jnp.sin(critic(x)).sum(), X[:2])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bjorck", "gradient_normalization"])
def test_first_and_second_derivatives_by_the_parameters(name):
    """Power iteration takes its vectors for constants: see `test_spectral.py`."""
    module, constraint, params, state = case(name, "mlp", activation=jnp.tanh)
    check_both_derivatives(lambda params: jnp.sin(constrained(module, constraint, params, state)(X[:2])).sum(), params)


@every_constraint
def test_half_precision_layers_leave_scores_in_float32(name):
    exact, rounded = compiled(name, "dcgan")(X), compiled(name, "dcgan", dtype="bfloat16")(X)
    assert rounded.dtype == jnp.float32
    assert 0 < np.abs(np.subtract(exact, rounded)).max() < 0.05 * np.abs(exact).max()


@every_constraint
def test_half_precision_parameters_stay_so_and_the_state_is_float32(name):
    _, constraint, params, state = case(name, "dcgan")
    half = jax.tree.map(lambda leaf: np.asarray(leaf, jnp.bfloat16), params)
    run = jax.jit(lambda params: constraint.normalize(params, constraint.init(jax.random.key(2), params)))
    (used, moved), (exact, _) = run(half), run(params)
    chex.assert_trees_all_equal_shapes_and_dtypes((used, constraint.project(half)), (half, half))
    chex.assert_trees_all_equal_shapes_and_dtypes(moved, state)
    chex.assert_trees_all_close(jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), used), exact, atol=0.02)


@every_constraint
def test_eight_devices_compute_what_one_does(name):
    module, constraint, params, state = case(name, "dcgan")

    @jax.jit
    def loss_and_gradient(params, x):
        def loss(params):
            return jnp.mean(jnp.sin(constrained(module, constraint, params, state)(x)))

        return jax.value_and_grad(loss)(params)

    mesh = Mesh(np.array(jax.devices()), ("devices",))
    x = jax.device_put(X, NamedSharding(mesh, PartitionSpec("devices")))
    assert len(x.addressable_shards) == 8
    of_eight = loss_and_gradient(jax.device_put(params, NamedSharding(mesh, PartitionSpec())), x)
    chex.assert_trees_all_close(of_eight, loss_and_gradient(params, X), rtol=1e-4, atol=1e-6)
