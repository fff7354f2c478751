"""Where a run ran."""

import os
import platform
from importlib.metadata import version

import jax

__all__ = ["environment", "make_deterministic"]


def environment() -> dict[str, str]:
    """Name the versions and the devices of this process, for the record.

    >>> environment()["jax"] == jax.__version__
    True
    """
    devices = jax.devices()
    packages = {name: version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")}
    return {
        "python": platform.python_version(),
        **packages,
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "devices": f"{len(devices)} {devices[0].device_kind} ({devices[0].platform})",
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def make_deterministic() -> None:
    """Have XLA use no operation whose result differs from time to time, as some of GPUs do; before jax computes.

    What it tries out on the GPU to find the fastest is left out too: each time another could win.
    """
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
