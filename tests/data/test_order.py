"""Which samples an iteration takes: drawn evenly, or each once an epoch, whatever the length."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_jax.data import ArraySource, resident, streamed
from gan_jax.data.order import ORDERS, in_epochs, permute, with_replacement
from gan_jax.data.pipeline import step_keys
from gan_jax.errors import InputError

KEY = jax.random.key(0)


def test_indices_reach_the_ends():
    order = with_replacement(KEY, 200, 7)
    assert {*np.asarray(order(KEY, 0)).tolist()} == {*range(7)}


@pytest.mark.slow
@given(st.integers(1, 300), st.integers(0, 99))
def test_a_permutation_has_every_index_once(length, seed):
    found = permute(jax.random.key(seed), jnp.arange(length), length)
    assert sorted(found.tolist()) == [*range(length)]


def test_a_part_of_a_permutation_is_that_part():
    whole = permute(KEY, jnp.arange(1000), 1000)
    np.testing.assert_array_equal(permute(KEY, jnp.arange(900, 950), 1000), whole[900:950])
    largest = permute(KEY, jnp.arange(2**31 - 5, 2**31 - 1), 2**31 - 1)
    assert (largest >= 0).all()


def test_permutations_are_even():
    """Over many keys every index is as often in every place; chi squared of 25 degrees of freedom."""
    keys = jax.random.split(KEY, 3000)
    found = np.asarray(jax.jit(jax.vmap(lambda key: permute(key, jnp.arange(6), 6)))(keys))
    counts = np.stack([np.bincount(column, minlength=6) for column in found.T])
    assert ((counts - 500) ** 2 / 500).sum() < 60
    neighbors = np.mean(np.abs(np.diff(found, axis=1)) == 1)
    assert neighbors == pytest.approx(10 / 30, abs=0.02)


def test_an_epoch_takes_every_sample_once_and_the_next_in_another_order():
    order = jax.jit(in_epochs(KEY, 3, 11))
    epochs = [np.concatenate([order(KEY, 3 * epoch + i) for i in range(3)]) for epoch in range(40)]
    assert all(len({*epoch.tolist()}) == 9 for epoch in epochs)
    assert {*np.concatenate(epochs).tolist()} == {*range(11)}  # what one leaves out, another takes
    assert len({epoch.tobytes() for epoch in epochs}) == 40
    far = order(jax.random.key(5), 10**9)
    np.testing.assert_array_equal(far, order(KEY, np.int32(10**9)))  # the iteration's key is not read
    with pytest.raises(InputError, match=r"^data.sampling: an iteration takes 12 samples, more than the 11"):
        in_epochs(KEY, 12, 11)


@pytest.mark.parametrize("name", ORDERS)
def test_either_pipeline_takes_the_same(name):
    source = ArraySource({"sample": np.arange(11, dtype=np.float32)[:, None]})
    order = ORDERS[name](KEY, 4, 11)
    whole = resident(source, size=4, order=order)
    stream = streamed(source, KEY, size=4, order=order, max_iterations=2)
    for step in range(6):
        batch_key, _ = step_keys(KEY, step)
        taken = [
            each.batch(each.fetch(step, step + 1), batch_key, np.int32(step))["sample"] for each in (whole, stream)
        ]
        np.testing.assert_array_equal(*taken)
    stream.close()
