"""Mean and covariance of the features of real data, from a file: what a Fréchet distance needs of them."""

import hashlib
import io
import zlib
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import jax.numpy as jnp
import numpy as np

from gan_jax.errors import InputError, one_line
from gan_jax.scores.frechet import Moments
from gan_jax.types import Float

__all__ = ["Statistics", "read_statistics"]

_ASYMMETRY = 1e-4  # of a covariance in float32, relative to its largest number


class Statistics(NamedTuple):
    """Mean and covariance of feature vectors, and the file that they are from.

    Attributes:
      name: of the file.
      sha256: of the file.
      mean: float64 (d,).
      covariance: unbiased, float64 (d, d).
    """

    name: str
    sha256: str
    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]

    def moments(self) -> Moments:
        """Return the moments of two vectors that have this mean and covariance; call it where float64 is enabled."""
        mean, covariance = jnp.asarray(self.mean), jnp.asarray(self.covariance)
        return Moments(jnp.int32(2), mean, covariance, jnp.zeros_like(mean), jnp.zeros_like(covariance))


def read_statistics(file: Path) -> Statistics:
    """Read an `.npz` file with arrays `mu` (d,) and `sigma` (d, d), as pytorch-fid writes it.

    Raises:
      InputError: it is no such file, or its numbers are no mean and no covariance.

    Source: Seitzer (2020), pytorch-fid: FID score for PyTorch.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "a.npz", mu=np.zeros(3), sigma=np.eye(3))
    ...     read_statistics(Path(folder) / "a.npz").covariance.shape
    (3, 3)
    """
    try:
        content = file.read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            mean, covariance = arrays["mu"], arrays["sigma"]
    except KeyError:
        raise InputError(f"{file}: lacks an array mu or sigma; write it as pytorch-fid does") from None
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile, zlib.error) as error:
        raise InputError(f"{file}: is not a readable .npz file ({one_line(error)})") from None
    if mean.ndim != 1 or covariance.shape != 2 * mean.shape or 0 in mean.shape:
        raise InputError(f"{file}: mu and sigma must be (d,) and (d, d), got {mean.shape} and {covariance.shape}")
    if any(array.dtype.kind != "f" or not np.isfinite(array).all() for array in (mean, covariance)):
        raise InputError(f"{file}: mu and sigma must be finite floats")
    asymmetry = np.abs(covariance - covariance.T).max()
    if asymmetry > _ASYMMETRY * np.abs(covariance).max() or covariance.diagonal().min() < 0:
        raise InputError(f"{file}: sigma is no covariance, which is symmetric and has no negative variance")
    sha256 = hashlib.sha256(content).hexdigest()
    return Statistics(str(file), sha256, mean.astype(np.float64), covariance.astype(np.float64))
