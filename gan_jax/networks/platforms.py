"""Operations that a CPU has a faster form of than the one of all other platforms."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jax import lax

from gan_jax.types import Array

__all__ = ["as_on_gpu", "by_platform"]

_as_on_gpu = ContextVar("as_on_gpu", default=False)


@contextmanager
def as_on_gpu() -> Iterator[None]:
    """Trace networks here by the form for GPUs and TPUs alone, which converters to other formats know.

    >>> import jax, jax.numpy as jnp
    >>> with as_on_gpu():
    ...     print(jax.make_jaxpr(lambda x: by_platform(x, x, cpu=jnp.add, other=jnp.multiply))(1.0).eqns[0].primitive)
    mul
    """
    token = _as_on_gpu.set(True)
    try:
        yield
    finally:
        _as_on_gpu.reset(token)


def by_platform(x: Array, kernel: Array, *, cpu: Callable[..., Array], other: Callable[..., Array]) -> Array:
    """Return `cpu(x, kernel)` where the program is compiled for a CPU, `other(x, kernel)` elsewhere.

    >>> import jax.numpy as jnp
    >>> float(by_platform(jnp.float32(3), jnp.float32(3), cpu=jnp.multiply, other=jnp.multiply))
    9.0
    """
    if _as_on_gpu.get():
        return other(x, kernel)
    return lax.platform_dependent(x, kernel, cpu=cpu, default=other)
