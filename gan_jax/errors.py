"""What a user is told about bad input."""


class InputError(ValueError):
    """A setting or a file cannot be used; the message is one line that names it and says what to do.

    The commands print the message and exit with code 2.

    >>> raise InputError("steps: 0 is too few; give at least 1")
    Traceback (most recent call last):
    gan_jax.errors.InputError: steps: 0 is too few; give at least 1
    """
