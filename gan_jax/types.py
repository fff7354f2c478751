"""The types that every other module uses."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jaxtyping
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Real, Shaped, UInt8, UInt32

Key = PRNGKeyArray
Keys = jaxtyping.Key[Array, " n"]
"""One key for each sample."""

Params = PyTree[Any]

Samples = Float[Array, "n ..."]
"""A batch of data or of generated points: sample axis first, any shape behind it."""

PerSample = Float[Array, " n"]
"""One value per sample."""

Scores = PerSample
"""A critic's score of each sample."""

Images = UInt8[Array, "n h w c"]
"""Images as they are stored and shown: 0 to 255, channels last."""

Latents = Float[Array, "n z"]
"""Noise vectors, standard normal."""

Labels = Int[Array, " n"]
"""The class of each sample, int32, counted from zero."""

Batch = Mapping[str, Shaped[Array | np.ndarray, "n ..."]]
"""Arrays that share their first axis: "sample" (N, ...), and what belongs to each sample, as "label" (N,)."""

Spec = Mapping[str, jax.ShapeDtypeStruct]
"""Shape and dtype of one sample, and of what belongs to it, by the names of a batch: without the batch axis."""

Critic = Callable[[Samples], Scores]
"""Scores a batch, high where the data are: any callable, with its parameters closed over."""

__all__ = [
    "Array",
    "ArrayLike",
    "Batch",
    "Bool",
    "Critic",
    "Float",
    "Images",
    "Int",
    "Key",
    "Keys",
    "Labels",
    "Latents",
    "Params",
    "PerSample",
    "PyTree",
    "Real",
    "Samples",
    "Scores",
    "Shaped",
    "Spec",
    "UInt8",
    "UInt32",
]
