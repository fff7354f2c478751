"""The 1,797 handwritten digits of 8x8 pixels, which lie in the package.

They are the test set of E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine
Learning Repository, https://doi.org/10.24432/C50P49, licensed CC BY 4.0: digits of 13 people at 32x32 pixels, of which
each pixel here counts the black ones in a 4x4 block, 0 to 16. scikit-learn's `load_digits` gives the same.
"""

import hashlib
import io
from importlib.resources import files

import numpy as np

from gan_jax.data.dataset import Dataset
from gan_jax.data.holding_out import entries, hold_out
from gan_jax.errors import InputError

__all__ = ["FILE", "SHA256", "read_digits"]

FILE = "digits.npz"
SHA256 = "b2dab7b501728c22e9119ad76740b2e17c77a231e42d1e592380d90886f1a05e"


def read_digits() -> Dataset:
    """Return the digits as uint8 images (N, 8, 8, 1) from 0 to 255, 360 of them held out.

    Raises:
      InputError: the package's file is damaged.

    >>> digits = read_digits()
    >>> digits.shape, len(digits.train), len(digits.held_out)
    ((8, 8, 1), 1437, 360)
    """
    file = files("gan_jax.data") / FILE
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError(f"{file}: is damaged; install gan_jax again")
    with np.load(io.BytesIO(content)) as arrays:
        levels, labels = arrays["images"], arrays["labels"]
    images = np.round(levels * (255 / 16)).astype(np.uint8)[..., None]
    return hold_out(entries(images, labels), tuple("0123456789"))
