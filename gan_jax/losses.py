"""What critic and generator minimise: pure functions of scores, one value per sample.

Each loss is a pair of functions with one signature, `(*, real, fake) -> (N,)`: `real` and `fake` are the critic's
scores of N real and N generated samples, float arrays of shape (N,). Both members of a pair take both scores, so that
pairs can be exchanged; a generator loss that needs no real scores leaves them to be removed by the compiler. Values
are in units of the score, float32 or wider whatever the scores' precision, and not reduced: the caller takes the mean.

The field's sign is used throughout: the critic is high on real data. A critic seen as a *distance* from the data
(low on real, high on generated) is its negative.

Every function raises `ValueError` where the scores are not two vectors of one length: (N, 1) against (N,) would
otherwise broadcast to N x N.

>>> import jax.numpy as jnp
>>> real, fake = jnp.array([2.0, 1.0]), jnp.array([-1.0, 0.5])
>>> LOSSES["wasserstein"].critic(real=real, fake=fake).tolist()
[-3.0, -0.5]

Where such a mean comes from: a network that tells two *sets* of samples apart must not depend on their order.
`permutation_average` makes it so at the price of M! evaluations, `sample_average` at that of M.
"""

import math
from collections.abc import Callable
from itertools import permutations
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Samples, Scores

_MOST_PERMUTED = 7


class ScoreLoss(Protocol):
    """A function of the critic's scores that gives one value per sample."""

    def __call__(self, *, real: Scores, fake: Scores) -> Scores:
        """Return one loss per sample."""


class Loss(NamedTuple):
    """What each of the two networks minimises.

    >>> import jax.numpy as jnp
    >>> float(hinge.critic(real=jnp.array([0.25]), fake=jnp.array([-3.0]))[0])
    0.75
    """

    critic: ScoreLoss
    generator: ScoreLoss


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
    """Score gap with the sign turned: `fake - real`. Minus its mean estimates the Wasserstein-1 distance.

    Source: Arjovsky, Chintala, Bottou (2017), Wasserstein generative adversarial networks.

    >>> wasserstein_critic(real=jnp.array([3.0, 1.0]), fake=jnp.array([1.0, 0.0])).tolist()
    [-2.0, -1.0]
    """
    real, fake = _checked(real, fake)
    return fake - real


def wasserstein_generator(*, real: Scores, fake: Scores) -> Scores:
    """Minus the score of what was drawn: `-fake`.

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

    Its gradient `-s(fake)` vanishes where the critic is sure: use `non_saturating` to train.

    Source: Goodfellow et al. (2014), Generative adversarial nets.

    >>> minimax_generator(real=jnp.zeros(1), fake=jnp.array([100.0])).tolist()
    [-100.0]
    """
    _, fake = _checked(real, fake)
    return -jax.nn.softplus(fake)


def non_saturating_generator(*, real: Scores, fake: Scores) -> Scores:
    """The negative log-likelihood of being taken for real: `-log s(fake) = softplus(-fake)`.

    Source: Goodfellow et al. (2014), Generative adversarial nets, section 3.

    >>> non_saturating_generator(real=jnp.zeros(1), fake=jnp.array([-100.0])).tolist()
    [100.0]
    """
    _, fake = _checked(real, fake)
    return jax.nn.softplus(-fake)


def hinge_critic(*, real: Scores, fake: Scores) -> Scores:
    """Margin loss: `max(1 - real, 0) + max(1 + fake, 0)`. Samples scored beyond the margin weigh nothing.

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
    """A real sample should outscore the generated one it is paired with: `softplus(fake - real)`.

    Source: Jolicoeur-Martineau (2019), The relativistic discriminator; Huang et al. (2024), The GAN is dead; long live
    the GAN! A modern baseline GAN.

    >>> relativistic_critic(real=jnp.array([0.0]), fake=jnp.array([100.0])).tolist()
    [100.0]
    """
    real, fake = _checked(real, fake)
    return jax.nn.softplus(fake - real)


def relativistic_generator(*, real: Scores, fake: Scores) -> Scores:
    """A generated sample should outscore the real one it is paired with: `softplus(real - fake)`.

    Source: Jolicoeur-Martineau (2019), The relativistic discriminator; Huang et al. (2024), The GAN is dead; long live
    the GAN! A modern baseline GAN.

    >>> relativistic_generator(real=jnp.array([100.0]), fake=jnp.array([0.0])).tolist()
    [100.0]
    """
    real, fake = _checked(real, fake)
    return jax.nn.softplus(real - fake)


def permutation_average(score: Callable[[Samples], Float[Array, ""]], samples: Samples) -> Float[Array, ""]:
    """A score of ordered samples, made blind to their order: `1/M! sum over permutations s of score(y_s1, ..., y_sM)`.

    Takes a callable `(M, ...) -> ()` and samples (M, ...), M from 1 to 7; returns a scalar, float32 or wider. Exact,
    and the reason why nobody does this: M! evaluations of the score are 5,040 for 7 samples and 10^89 for a batch of
    64. `sample_average` is the simplest score that needs no permutations; a network between the two is
    `gan_jax.networks.mlp.SetCritic`.

    Raises:
      ValueError: there is no sample, or more than 7; or the score is not a scalar.

    Source: Murphy et al. (2019), Janossy pooling: learning deep permutation-invariant functions for variable-size
    inputs.

    >>> float(permutation_average(lambda y: y[0] * y[1] ** 2, jnp.array([2.0, 3.0])))
    15.0
    """
    count = jnp.shape(samples)[0] if jnp.ndim(samples) else 0
    if not 1 <= count <= _MOST_PERMUTED:
        raise ValueError(
            f"takes 1 to {_MOST_PERMUTED} samples (M, ...), got {jnp.shape(samples)}: {count} samples have "
            f"{count}! = {math.factorial(count):.3g} orders; use sample_average, or a network of sets"
        )
    samples = jnp.asarray(samples)
    _checked_scalar(jax.eval_shape(score, samples))
    orders = jnp.asarray(np.array(list(permutations(range(count)))))
    return jnp.mean(at_least_float32(jax.lax.map(lambda order: score(samples[order]), orders, batch_size=120)))


def sample_average(score: Callable[[Array], Float[Array, ""]], samples: Samples) -> Float[Array, ""]:
    """The simplest score of a set: `1/M sum_i score(y_i)`, each sample by itself. This is what a GAN's critic is.

    Takes a callable of one sample `(...) -> ()` and samples (M, ...); returns a scalar, float32 or wider. Equal to
    `permutation_average` of every score that is such a mean, and blind to what samples have to do with one another:
    that all of them are alike, say.

    Raises:
      ValueError: there is no sample, or the score is not a scalar.

    Source: Zaheer et al. (2017), Deep sets, theorem 2 with the identity outside the sum.

    >>> float(sample_average(lambda y: y**2, jnp.array([1.0, 2.0])))
    2.5
    """
    if jnp.size(samples) == 0 or jnp.ndim(samples) == 0:
        raise ValueError(f"takes samples (M, ...), M at least 1, got {jnp.shape(samples)}")
    _checked_scalar(jax.eval_shape(score, samples[0]))
    return jnp.mean(at_least_float32(jax.vmap(score)(samples)))


def _checked_scalar(score: jax.ShapeDtypeStruct) -> None:
    if score.shape != ():
        raise ValueError(f"a score must be a scalar, got {score.shape}")


wasserstein = Loss(wasserstein_critic, wasserstein_generator)
minimax = Loss(minimax_critic, minimax_generator)
non_saturating = Loss(minimax_critic, non_saturating_generator)
hinge = Loss(hinge_critic, wasserstein_generator)
least_squares = Loss(least_squares_critic, least_squares_generator)
relativistic = Loss(relativistic_critic, relativistic_generator)

LOSSES = {
    "wasserstein": wasserstein,
    "minimax": minimax,
    "non_saturating": non_saturating,
    "hinge": hinge,
    "least_squares": least_squares,
    "relativistic": relativistic,
}
