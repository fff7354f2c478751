"""A critic that a penalty per sample cannot hold is refused before training."""

from functools import lru_cache, partial
from math import prod

import flax.linen as nn
import jax
import numpy as np

from gan_jax.errors import InputError
from gan_jax.penalties import mixes_samples

_QUICKLY = {"xla_backend_optimization_level": 0}  # to compile, for two small batches


@lru_cache
def refuse_mixing(critic: nn.Module, shape: tuple[int, ...], count: int) -> None:
    """Try, on numbers, whether the critic's scores of a sample depend on the others."""
    random = np.random.default_rng(0)
    samples = random.normal(size=(count, *shape)).astype(np.float32)
    # Not as training begins: a last layer of zeros would hide what comes before it.
    kinds = jax.eval_shape(critic.init, jax.random.key(0), samples)
    params = jax.tree.map(
        lambda x: np.asarray(random.normal(size=x.shape) * prod(x.shape[:-1]) ** -0.5, x.dtype), kinds
    )
    apply = jax.jit(critic.apply).lower(params, samples).compile(_QUICKLY)
    with jax.ensure_compile_time_eval():  # whoever traces `init`
        mixing = mixes_samples(partial(apply, params), samples)
    if mixing:
        raise InputError(
            "gan.critic: its score of a sample depends on the rest of the batch (batch normalisation, minibatch "
            "statistics), so that a penalty per sample is not what its formula says; normalise per sample, leave the "
            "penalty out, or say `mixes_samples = True` in the critic's class if the summed scores' gradient is meant"
        )
