"""The words that every other module uses."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, UInt8

Key = PRNGKeyArray
Params = PyTree[Any]

Samples = Float[Array, "n ..."]
"""A batch of data or of generated points: sample axis first, any shape behind it."""

Scores = Float[Array, " n"]
"""One value per sample."""

Images = UInt8[Array, "n h w c"]
"""Images as they are stored and shown: 0 to 255, channels last."""

Latents = Float[Array, "n z"]
"""Noise vectors, standard normal."""

Critic = Callable[[Samples], Scores]
"""Scores a batch, high where the data are: any callable, with its parameters closed over."""

__all__ = [
    "Array",
    "Critic",
    "Float",
    "Images",
    "Int",
    "Key",
    "Latents",
    "Params",
    "Samples",
    "Scores",
]
