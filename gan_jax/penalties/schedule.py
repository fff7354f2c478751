"""Adam's settings under a penalty that is taken at every k-th step only."""

from typing import Any

__all__ = ["lazy_adam"]


def lazy_adam(every: int, learning_rate: Any, b1: Any, b2: Any) -> tuple[Any, Any, Any]:
    """Correct Adam's rate and decays where every k = `every` steps on the loss are followed by one on the penalty.

    Adam then makes k + 1 steps instead of k. With `c = k / (k + 1)`, the rate `c learning_rate` and the decays `b1^c`
    and `b2^c` move and forget as much in k + 1 steps as before in k. With `every` 1 the penalty is part of the loss,
    and nothing changes.

    Raises:
      ValueError: `every` is less than 1.

    Source: Karras et al. (2020), Analyzing and improving the image quality of StyleGAN, appendix B.

    >>> lazy_adam(1, 0.1, 0.5, 0.9)
    (0.1, 0.5, 0.9)
    >>> [round(value, 4) for value in lazy_adam(4, 0.1, 0.0, 0.9)]
    [0.08, 0.0, 0.9192]
    """
    if every < 1:
        raise ValueError(f"a penalty is taken at every step or at every k-th, k at least 1, got {every}")
    c = 1.0 if every == 1 else every / (every + 1)
    return c * learning_rate, b1**c, b2**c
