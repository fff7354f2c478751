"""Runs that a system rests on: their parameters are frozen, and remembered by a hash."""

import hashlib
from typing import Any

import jax
import numpy as np

from gan_jax.errors import InputError
from gan_jax.types import Params

__all__ = ["refuse_another", "sha256_of"]


def sha256_of(params: Params) -> str:
    """Return the SHA-256 of parameters: of their paths, dtypes, shapes and bytes.

    >>> sha256_of({"a": np.zeros(2)}) == sha256_of({"a": np.zeros(2) + 1e-9})
    False
    """
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        array = np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape} ".encode() + array.tobytes())
    return total.hexdigest()


def refuse_another(run: Any, expected: str | None, *, path: str, field: str) -> str:
    """Return the hash of the parameters that a run draws with.

    Args:
      run: open.
      expected: the hash that is remembered, or None where nothing is yet.
      path: of the run.
      field: the setting that holds its path.

    Raises:
      InputError: they are others than those that are remembered.
    """
    found = sha256_of(run.system.drawn_with(run.state))
    if expected not in (None, found):
        reason = f"{path} has been trained on since ({found[:8]}..., not {str(expected)[:8]}...)"
        raise InputError(f"{reason}; put back what this rests on, or train anew", field=field)
    return found
