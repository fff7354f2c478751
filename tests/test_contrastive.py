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
    options = {"scale": jnp.float32(5), "bias": jnp.float32(0)}
    swapped = texts[jnp.array([1, 0, 2])]
    for loss in (softmax_loss, lambda *pair, bias, **rest: sigmoid_loss(*pair, bias=bias, **rest)):
        given = options if loss is not softmax_loss else {"scale": options["scale"]}
        one, other = (loss(IMAGES, each, same=same, **given) for each in (texts, swapped))
        np.testing.assert_allclose(one, other, rtol=1e-5)
        # Taken for a negative, it costs: what is right cannot be liker than its equal.
        at_best = jnp.concatenate([texts[:2], texts[2:]])
        right = loss(at_best, at_best, same=same, **given | {"scale": jnp.float32(100)})
        wrong = loss(at_best, at_best, same=EYE, **given | {"scale": jnp.float32(100)})
        assert float(right[0]) < float(wrong[0])
        assert float(wrong[0]) > 0.6
