"""Losses of pairs that belong together: CLIP's softmax over a batch, and SigLIP's pairwise sigmoid."""

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Bool, Float, PerSample

__all__ = ["sigmoid_loss", "softmax_loss"]


def softmax_loss(
    images: Float[Array, "n e"], texts: Float[Array, "n e"], *, scale: Float[Array, ""], same: Bool[Array, "n n"]
) -> PerSample:
    """Return each pair's symmetric cross-entropy over the batch, (N,).

    `-1/2 sum_j t_ij (log softmax_j(s <x_i, y_j>) + log softmax_j(s <y_i, x_j>))`, t the rows of `same` over their sums:
    of equal captions each is as right as the others.

    Takes unit vectors of N images and their N captions, the scale s, and whether image i and caption j belong together,
    which is symmetric and true for i = j.

    Source: Radford et al. (2021), Learning transferable visual models from natural language supervision.

    >>> eye = jnp.eye(2)
    >>> [round(float(loss), 4) for loss in softmax_loss(eye, eye, scale=jnp.float32(1), same=eye.astype(bool))]
    [0.3133, 0.3133]
    """
    right = same.astype(images.dtype)
    targets = right / right.sum(axis=1, keepdims=True)
    logits = scale * (images @ texts.T)
    of_images, of_texts = jax.nn.log_softmax(logits, axis=1), jax.nn.log_softmax(logits.T, axis=1)
    return -0.5 * (targets * (of_images + of_texts)).sum(axis=1)


def sigmoid_loss(
    images: Float[Array, "n e"],
    texts: Float[Array, "n e"],
    *,
    scale: Float[Array, ""],
    bias: Float[Array, ""],
    same: Bool[Array, "n n"],
) -> PerSample:
    """Return the sum of the binary cross-entropies of each image with all captions, (N,).

    `-sum_j log sigmoid(z_ij (s <x_i, y_j> + b))`, z 1 of what belongs together and -1 of all else. No pair needs to
    know of the others, so that small batches serve as well.

    Takes what `softmax_loss` takes, and the bias b, which begins at -10.

    Source: Zhai et al. (2023), Sigmoid loss for language image pre-training.

    >>> eye = jnp.eye(2)
    >>> losses = sigmoid_loss(eye, eye, scale=jnp.float32(0), bias=jnp.float32(0), same=eye.astype(bool))
    >>> [round(float(loss), 4) for loss in losses]
    [1.3863, 1.3863]
    """
    signs = jnp.where(same, 1, -1).astype(images.dtype)
    return -jax.nn.log_sigmoid(signs * (scale * (images @ texts.T) + bias)).sum(axis=1)
