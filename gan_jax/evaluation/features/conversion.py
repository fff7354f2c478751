"""From a public weight file to parameters: tensors are checked, batch normalizations folded into convolutions."""

from collections.abc import Mapping

import numpy as np

from gan_jax.errors import InputError

__all__ = ["NORM", "check_tensors", "folded"]

NORM = ("weight", "bias", "running_mean", "running_var")
"""The names of a batch normalization's tensors."""

_EPSILON = 1e-3


def check_tensors(
    state: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]], *, network: str, advice: str
) -> None:
    """Check that a state dict holds the tensors of these names and shapes and no others.

    Raises:
      InputError: one is missing, unknown or of another shape.
    """
    # A counter that only training reads, and that not every version of a file has.
    given = {name: tensor.shape for name, tensor in state.items() if not name.endswith(".num_batches_tracked")}
    wrong = sorted(name for name in given.keys() | expected if given.get(name) != expected.get(name))
    if wrong:
        found, wanted = (shapes.get(wrong[0], "no tensor") for shapes in (given, expected))
        raise InputError(
            f"{network}'s weights: {wrong[0]} is {found}, should be {wanted}, and {len(wrong) - 1} other tensors are "
            f"wrong; {advice}"
        )


def folded(kernel: np.ndarray, state: Mapping[str, np.ndarray], norm: str) -> dict[str, np.ndarray]:
    """Fold the batch normalization called `norm` into the convolution before it, which has no bias.

    `scale (conv(x, kernel) - mean) + offset` with `scale = weight / sqrt(variance + 0.001)` becomes
    `conv(x, scale kernel) + (offset - scale mean)`, in float64 and rounded to float32. Takes a kernel (D, C, kh, kw) as
    PyTorch has it; returns `kernel` (kh, kw, C, D) and `bias` (D,).

    >>> one = np.ones(1)
    >>> state = {"bn.weight": 2 * one, "bn.bias": one, "bn.running_mean": one, "bn.running_var": 0.999 * one}
    >>> layer = folded(np.ones((1, 1, 1, 1)), state, "bn")
    >>> layer["kernel"].item(), layer["bias"].item()
    (2.0, -1.0)
    """
    weight, offset, mean, variance = (state[f"{norm}.{each}"].astype(np.float64) for each in NORM)
    scale = weight / np.sqrt(variance + _EPSILON)
    kernel = kernel.transpose(2, 3, 1, 0) * scale
    return {"kernel": kernel.astype(np.float32), "bias": (offset - scale * mean).astype(np.float32)}
