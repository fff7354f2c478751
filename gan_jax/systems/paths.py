"""Paths from one latent to another, on which it stays as likely."""

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Float

__all__ = ["closed_walk", "slerp"]


def slerp(a: Float[Array, "... z"], b: Float[Array, "... z"], share: Float[Array, " t"]) -> Float[Array, "... t z"]:
    """Go from a to b along an arc, at an even pace: `(sin((1 - t) w) a + sin(t w) b) / sin(w)`, w their angle.

    Long vectors of independent normal numbers have nearly one length, which an arc keeps and a chord does not. Where
    the two point the same way, or opposite ways, the path is straight.

    Takes latents (..., z) and the shares t of the way, (T,), 0 at a and 1 at b.

    Source: Shoemake (1985), Animating rotation with quaternion curves; White (2016), Sampling generative networks.

    >>> slerp(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), jnp.array([0.0, 0.5, 1.0])).round(3).tolist()
    [[1.0, 0.0], [0.7070000171661377, 0.7070000171661377], [0.0, 1.0]]
    """
    lengths = jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1)
    cosine = (a * b).sum(axis=-1) / jnp.where(lengths > 0, lengths, 1)
    angle = jnp.arccos(jnp.clip(cosine, -1, 1))[..., None]
    share = share.reshape(*[1] * (angle.ndim - 1), -1)
    bent = jnp.sin(angle) > 1e-3
    sine = jnp.where(bent, jnp.sin(angle), 1)
    of_a = jnp.where(bent, jnp.sin((1 - share) * angle) / sine, 1 - share)
    of_b = jnp.where(bent, jnp.sin(share * angle) / sine, share)
    return of_a[..., None] * a[..., None, :] + of_b[..., None] * b[..., None, :]


def closed_walk(stops: Float[Array, "n s z"], count: int) -> Float[Array, "n t z"]:
    """Go along arcs from each stop (N, S, z) to its next, and from the last to the first, in so many steps in all.

    The pace along each arc is a `3 t^2 - 2 t^3` of its time, which rests at the stops: there is no sudden turn. After
    the last step comes the first.

    >>> walk = closed_walk(jax.random.normal(jax.random.key(0), (1, 3, 4)), 30)
    >>> walk.shape, float(jnp.linalg.norm(jnp.diff(walk, axis=1), axis=-1).max()) < 1
    ((1, 30, 4), True)
    """
    s = stops.shape[1]
    place = jnp.arange(count, dtype=jnp.float32) * s / count
    leg = jnp.minimum(place.astype(jnp.int32), s - 1)
    share = place - leg.astype(jnp.float32)
    eased = share**2 * (3 - 2 * share)
    a, b = stops[:, leg], stops[:, (leg + 1) % s]
    return jax.vmap(lambda a, b, share: slerp(a, b, share[None])[:, 0], in_axes=(1, 1, 0), out_axes=1)(a, b, eased)
