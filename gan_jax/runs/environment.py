"""Where a run ran, and what started it."""

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import jax

__all__ = ["environment", "make_deterministic", "provenance"]


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


def provenance() -> dict[str, str]:
    """Return the command line of this process, and the commit of the folder it was given in, if that is in git."""
    name = Path(sys.argv[0]).name
    command = shlex.join(["gan-jax" if name == "__main__.py" else name, *sys.argv[1:]])
    try:
        commit = _git("rev-parse", "HEAD")
        changed = " with changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    except (OSError, subprocess.SubprocessError):  # no git, no repository, or none that may be asked
        return {"command": command}
    return {"command": command, "git_commit": f"{commit}{changed}"}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def make_deterministic() -> None:
    """Have XLA use no operation whose result differs from time to time, as some of GPUs do; before jax computes.

    What it tries out on the GPU to find the fastest is left out too: each time another could win.
    """
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
