"""Contrastive losses against sums written out, and equal captions, which are no negatives of each other."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.contrastive import sigmoid_loss, softmax_loss

KEYS = jax.random.split(jax.random.key(0), 2)
IMAGES, TEXTS = (x / jnp.linalg.norm(x, axis=1, keepdims=True) for x in (jax.random.normal(k, (3, 4)) for k in KEYS))
EYE = jnp.eye(3, dtype=bool)


def test_softmax_is_the_mean_of_both_cross_entropies():
    logits = 5 * np.asarray(IMAGES @ TEXTS.T, np.float64)
    rows = [-logits[i, i] + np.log(np.exp(logits[i]).sum()) for i in range(3)]
    columns = [-logits[i, i] + np.log(np.exp(logits[:, i]).sum()) for i in range(3)]
    found = softmax_loss(IMAGES, TEXTS, scale=jnp.float32(5), same=EYE)
    np.testing.assert_allclose(found, np.add(rows, columns) / 2, rtol=1e-5)


def test_sigmoid_is_a_sum_over_all_pairs():
    logits = 5 * np.asarray(IMAGES @ TEXTS.T, np.float64) - 3
    signs = 2 * np.eye(3) - 1
    found = sigmoid_loss(IMAGES, TEXTS, scale=jnp.float32(5), bias=jnp.float32(-3), same=EYE)
    np.testing.assert_allclose(found, np.log1p(np.exp(-signs * logits)).sum(axis=1), rtol=1e-5)


def test_an_equal_caption_is_as_right_as_ones_own():
    texts = TEXTS.at[1].set(TEXTS[0])
    same = EYE.at[0, 1].set(True).at[1, 0].set(True)
    scale, bias = jnp.float32(100), jnp.float32(-10)
    # Of sigmoids, a pair that is taken for a negative costs all that it is alike.
    right, wrong = (sigmoid_loss(texts, texts, scale=scale, bias=bias, same=each) for each in (same, EYE))
    assert float(right[0]) < 1e-3
    assert float(wrong[0]) > 80
    # Of softmaxes, it costs nothing in the mean, but each image then asks for one of two that are the same.
    right, wrong = (softmax_loss(IMAGES, texts, scale=scale, same=each) for each in (same, EYE))
    np.testing.assert_allclose(right.mean(), wrong.mean(), rtol=1e-5)
    assert float(jnp.abs(right - wrong).max()) > 1e-3
