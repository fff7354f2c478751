"""What is read from files and not trained."""

from typing import Any

from gan_jax.errors import InputError

__all__ = ["refuse_training"]


def refuse_training(*arguments: Any) -> Any:
    """Raise, in the place of an update.

    Raises:
      InputError: always.
    """
    raise InputError("public networks are drawn from, and not trained; choose another system", field="pretrained")
