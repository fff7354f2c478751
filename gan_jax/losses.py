"""What critic and generator minimize: pure functions of scores, one value per sample.

Each loss is a pair of functions with one signature, `(*, real, fake) -> (N,)`: `real` and `fake` are the critic's
scores of N real and N generated samples, float arrays of shape (N,). All take both, so that losses can be exchanged;
where a generator's loss does not use the real scores, the compiler removes them. Values are float32 or wider whatever
the scores' precision, and not reduced: the caller takes the mean.

The field's sign is used throughout: the critic is high on real data. A critic seen as a *distance* from the data
(low on real, high on generated) is its negative.

Every function raises `ValueError` if the scores are not two vectors of one length: (N, 1) and (N,) would otherwise
broadcast to (N, N).

>>> import jax.numpy as jnp
>>> real, fake = jnp.array([2.0, 1.0]), jnp.array([-1.0, 0.5])
>>> LOSSES["wasserstein"].critic(real=real, fake=fake).tolist()
[-3.0, -0.5]
"""

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from gan_jax.numerics import at_least_float32
from gan_jax.types import Scores

__all__ = [
    "LOSSES",
    "Loss",
    "ScoreLoss",
    "hinge",
    "hinge_critic",
    "least_squares",
    "least_squares_critic",
    "least_squares_generator",
    "minimax",
    "minimax_critic",
    "minimax_generator",
    "non_saturating",
    "non_saturating_generator",
    "relativistic",
    "relativistic_critic",
    "relativistic_generator",
    "wasserstein",
    "wasserstein_critic",
    "wasserstein_generator",
]


@runtime_checkable
class ScoreLoss(Protocol):
    """A function of the critic's scores that gives one value per sample."""

    def __call__(self, *, real: Scores, fake: Scores) -> Scores:
        """Return one loss per sample."""
        ...


class Loss(NamedTuple):
    """What each of the two networks minimizes.

    Attributes:
      critic, generator: their losses, `(*, real, fake) -> (N,)`.
      anchored: whether the critic's loss is a sum of one term in the real and one in the generated score; False if only
        the difference within a pair enters one term, as in `softplus(fake - real)`.

    >>> import jax.numpy as jnp
    >>> float(hinge.critic(real=jnp.array([0.25]), fake=jnp.array([-3.0]))[0])
    0.75
    """

    critic: ScoreLoss
    generator: ScoreLoss
    anchored: bool = True


def _checked(real: Scores, fake: Scores) -> tuple[Scores, Scores]:
    """Both scores in float32 or wider, refused unless they are two vectors of one length."""
    real, fake = at_least_float32(real), at_least_float32(fake)
    if jnp.ndim(real) != 1 or jnp.shape(real) != jnp.shape(fake):
        raise ValueError(
            "scores must be two vectors of one length (N,), got "
            f"real {real.shape} and fake {fake.shape}; squeeze a critic's (N, 1) to (N,)"
        )
    return real, fake


def wasserstein_critic(*, real: Scores, fake: Scores) -> Scores:
    """Negative score gap: `fake - real`. Minus its mean estimates the Wasserstein-1 distance.

    Source: Arjovsky, Chintala, Bottou (2017), Wasserstein generative adversarial networks.

    >>> wasserstein_critic(real=jnp.array([3.0, 1.0]), fake=jnp.array([1.0, 0.0])).tolist()
    [-2.0, -1.0]
    """
    real, fake = _checked(real, fake)
    return fake - real


def wasserstein_generator(*, real: Scores, fake: Scores) -> Scores:
    """Negative score of the generated sample: `-fake`.

    Source: Arjovsky, Chintala, Bottou (2017), Wasserstein generative adversarial networks.

    >>> wasserstein_generator(real=jnp.array([3.0]), fake=jnp.array([1.0])).tolist()
    [-1.0]
    """
    _, fake = _checked(real, fake)
    return -fake


def minimax_critic(*, real: Scores, fake: Scores) -> Scores:
    """Cross-entropy of telling real from generated: `-log s(real) - log(1 - s(fake))`, s the logistic function.

    Computed as `softplus(-real) + softplus(fake)`, which neither overflows nor loses small values.

    Source: Goodfellow et al. (2014), Generative adversarial nets.

    >>> float(minimax_critic(real=jnp.zeros(1), fake=jnp.zeros(1))[0]) == float(2 * jnp.log(2.0))
    True
    """
    real, fake = _checked(real, fake)
    return jax.nn.softplus(-real) + jax.nn.softplus(fake)


def minimax_generator(*, real: Scores, fake: Scores) -> Scores:
    """The saturating form `log(1 - s(fake))`, computed as `-softplus(fake)`.

    Its gradient `-s(fake)` vanishes where the critic's score is very low: use `non_saturating` to train.

    Source: Goodfellow et al. (2014), Generative adversarial nets.

    >>> minimax_generator(real=jnp.zeros(1), fake=jnp.array([100.0])).tolist()
    [-100.0]
    """
    _, fake = _checked(real, fake)
    return -jax.nn.softplus(fake)


def non_saturating_generator(*, real: Scores, fake: Scores) -> Scores:
    """Negative log-probability of a generated sample to be real: `-log s(fake)`, computed as `softplus(-fake)`.

    Source: Goodfellow et al. (2014), Generative adversarial nets, section 3.

    >>> non_saturating_generator(real=jnp.zeros(1), fake=jnp.array([-100.0])).tolist()
    [100.0]
    """
    _, fake = _checked(real, fake)
    return jax.nn.softplus(-fake)


def hinge_critic(*, real: Scores, fake: Scores) -> Scores:
    """Hinge loss: `max(1 - real, 0) + max(1 + fake, 0)`. Scores beyond the margin, 1 and -1, have no gradient.

    Source: Lim, Ye (2017), Geometric GAN; Miyato et al. (2018), Spectral normalization for GANs.

    >>> hinge_critic(real=jnp.array([2.0, 0.0]), fake=jnp.array([-2.0, 0.0])).tolist()
    [0.0, 2.0]
    """
    real, fake = _checked(real, fake)
    return jax.nn.relu(1 - real) + jax.nn.relu(1 + fake)


def least_squares_critic(*, real: Scores, fake: Scores) -> Scores:
    """Regression on labels 1 and 0: `((real - 1)^2 + fake^2) / 2`.

    Source: Mao et al. (2017), Least squares generative adversarial networks, equation 9.

    >>> least_squares_critic(real=jnp.array([1.0, 3.0]), fake=jnp.array([0.0, 2.0])).tolist()
    [0.0, 4.0]
    """
    real, fake = _checked(real, fake)
    return ((real - 1) ** 2 + fake**2) / 2


def least_squares_generator(*, real: Scores, fake: Scores) -> Scores:
    """Regression on the label of real data: `(fake - 1)^2 / 2`.

    Source: Mao et al. (2017), Least squares generative adversarial networks, equation 9.

    >>> least_squares_generator(real=jnp.zeros(1), fake=jnp.array([3.0])).tolist()
    [2.0]
    """
    _, fake = _checked(real, fake)
    return (fake - 1) ** 2 / 2


def relativistic_critic(*, real: Scores, fake: Scores) -> Scores:
    """Cross-entropy of the pair's difference, low if real scores above fake: `softplus(fake - real)`.

    Source: Jolicoeur-Martineau (2019), The relativistic discriminator; Huang et al. (2024), The GAN is dead; long live
    the GAN! A modern baseline GAN.

    >>> relativistic_critic(real=jnp.array([0.0]), fake=jnp.array([100.0])).tolist()
    [100.0]
    """
    real, fake = _checked(real, fake)
    return jax.nn.softplus(fake - real)


def relativistic_generator(*, real: Scores, fake: Scores) -> Scores:
    """Cross-entropy of the pair's difference, low if fake scores above real: `softplus(real - fake)`.

    Source: Jolicoeur-Martineau (2019), The relativistic discriminator; Huang et al. (2024), The GAN is dead; long live
    the GAN! A modern baseline GAN.

    >>> relativistic_generator(real=jnp.array([100.0]), fake=jnp.array([0.0])).tolist()
    [100.0]
    """
    real, fake = _checked(real, fake)
    return jax.nn.softplus(real - fake)


wasserstein = Loss(wasserstein_critic, wasserstein_generator)
minimax = Loss(minimax_critic, minimax_generator)
non_saturating = Loss(minimax_critic, non_saturating_generator)
hinge = Loss(hinge_critic, wasserstein_generator)
least_squares = Loss(least_squares_critic, least_squares_generator)
relativistic = Loss(relativistic_critic, relativistic_generator, anchored=False)

LOSSES = {
    "wasserstein": wasserstein,
    "minimax": minimax,
    "non_saturating": non_saturating,
    "hinge": hinge,
    "least_squares": least_squares,
    "relativistic": relativistic,
}
