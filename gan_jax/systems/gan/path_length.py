"""The configuration of path-length regularization."""

from gan_jax.config import Count, Decay, NonNegative, config

__all__ = ["NO_PATH_LENGTH", "PathLengthConfig"]


@config
class PathLengthConfig:
    """How alike the lengths are by which images move with their styles (stylegan2).

    Attributes:
      weight: of the squared distance of a length to the running mean of all; 0 for no regularization, the paper's is 2.
      every: generator steps from one such step to the next, which is then as many times as heavy.
      decay: of the running mean.
    """

    weight: NonNegative = 0.0
    every: Count = 4
    decay: Decay = 0.99


NO_PATH_LENGTH = PathLengthConfig()
