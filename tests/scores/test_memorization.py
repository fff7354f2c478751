"""Scores of copying against all pairs in NumPy, and samples that are copies, new, or neither."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_jax.scores.memorization import memorization

SIZES = (20, 30, 200)  # of fakes, training and held-out data: one program for most tests


def brute_force(fake, train, held_out):
    of_fake, of_held_out = (np.linalg.norm(x[:, None] - train[None], axis=-1).min(axis=1) for x in (fake, held_out))
    closer = (of_fake[:, None] < of_held_out).mean() + (of_fake[:, None] == of_held_out).mean() / 2
    return closer, np.mean((of_fake[:, None] >= of_held_out).mean(axis=1) < 0.01)


@given(st.integers(0, 10_000))
def test_equal_to_brute_force(seed):
    # Of whole numbers, so that ties are many, and exact in both precisions.
    rng = np.random.default_rng(seed)
    fake, train, held_out = (rng.integers(0, 9, (n, 3)).astype(np.int32) for n in SIZES)
    scores = memorization(fake=fake, train=train, held_out=held_out)
    np.testing.assert_allclose(scores, brute_force(fake, train, held_out), atol=1e-6)


def test_copies_new_samples_and_noise():
    rng = np.random.default_rng(0)
    train, held_out, new = np.float32(rng.normal(size=(3, 1000, 4)) + 100)
    copied = memorization(fake=train[::-1], train=train, held_out=held_out)
    assert tuple(map(float, copied)) == (pytest.approx(1), 1.0)
    fresh = memorization(fake=new, train=train, held_out=held_out)
    assert 0.46 < fresh.closer < 0.54
    assert 0.002 < fresh.copied < 0.025
    half = memorization(fake=np.concatenate([train[:500], new[:500]]), train=train, held_out=held_out)
    assert 0.72 < half.closer < 0.78
    assert 0.5 <= half.copied < 0.52
    off = memorization(fake=new + 100, train=train, held_out=held_out)
    assert tuple(map(float, off)) == (0.0, 0.0)


def test_repeated_data_are_no_evidence_of_copying():
    """Where held-out data are in the training set, so are honest samples."""
    fake, train, held_out = (np.ones((n, 3), np.int32) for n in SIZES)
    assert tuple(map(float, memorization(fake=fake, train=train, held_out=held_out))) == (0.5, 0.0)


def test_all_but_one_in_a_hundred():
    """Of 200 held-out vectors at distances 2, 4, ..., one may be as near: fewer than 2."""
    fake, train, held_out = (np.zeros((n, 3), np.int32) for n in SIZES)
    held_out[:, 0] = 2 * np.arange(1, 201)
    for distance, copied in ((1, 1), (2, 1), (3, 1), (4, 0)):
        fake[:, 1] = distance
        assert memorization(fake=fake, train=train, held_out=held_out).copied == copied, distance


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("shape", [(5, 3), (0, 2), (5,)], ids=str)
def test_sets_that_cannot_be_compared_are_refused(shape):
    with pytest.raises(ValueError, match=r"more than 0 vectors of one length; got fake \(5, 2\), train"):
        memorization(fake=jnp.zeros((5, 2)), train=jnp.zeros(shape), held_out=jnp.zeros((5, 2)))


@pytest.mark.parametrize("kind", ["fake", "train", "held_out"])
def test_one_vector_that_is_not_finite_makes_both_scores_nan(kind):
    random = np.random.default_rng(0)
    sets = {name: random.normal(size=(20, 2)).astype(np.float32) for name in ("fake", "train", "held_out")}
    sets[kind][3, 0] = np.nan
    assert np.isnan(memorization(**sets)).all()
