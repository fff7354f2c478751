"""Several hosts: processes that train one run together, each with devices of its own, by `jax.distributed`.

The first host claims the folder, logs, draws and scores; all save, and all stop when one is told to.
"""

import atexit
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import jax
import numpy as np

from gan_jax.errors import InputError, RunError
from gan_jax.training import stderr_filter

__all__ = [
    "any_of_all",
    "connect",
    "connected",
    "is_first",
    "is_of_all",
    "launched",
    "local",
    "several",
    "wait",
    "watch",
]

_HEARTBEAT_S = 30  # after which a silent host is given up
_CONNECT_S = 300
_END_S = 24 * 3600  # hosts that are through wait for the first, which may still score
_LOST = re.compile("Gloo|NCCL|UNAVAILABLE|ABORTED|DEADLINE_EXCEEDED|heartbeat|closed by peer", re.IGNORECASE)
_GRACE_S = 5  # for others that fail of the same: without the first they end as if it were lost


def launched() -> int:
    """Return how many processes SLURM, Open MPI or a TPU pod has started, which jax finds by itself; 1 without these.

    >>> launched()
    1
    """
    env = os.environ
    slurm = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_PROCID", "SLURM_LOCALID")
    if all(name in env for name in slurm):
        return int(env.get("SLURM_STEP_NUM_TASKS", env.get("SLURM_NTASKS", "1")))  # of this step, or of the job
    if "OMPI_MCA_orte_hnp_uri" in env:
        return int(env.get("OMPI_COMM_WORLD_SIZE", "1"))
    if find_spec("libtpu"):
        return len(env.get("TPU_PROCESS_ADDRESSES", env.get("TPU_WORKER_HOSTNAMES", "")).split(","))
    return 1


def connect(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    devices: int | None = None,
) -> None:
    """Connect this process with the others of its run: before jax is used; by itself where something `launched` them.

    Args:
      coordinator: host and port of the first process, where the others find it.
      processes: how many there are.
      process: which this one is, from 0.
      devices: how many all have together, if these are CPUs; by default one each.

    Raises:
      InputError: the three do not go together.
      RunError: the others cannot be reached.
    """
    given = {"coordinator": coordinator, "processes": processes, "process": process}
    missing = [name for name, value in given.items() if value is None]
    if coordinator is not None and processes is not None and process is not None:
        host, _, port = coordinator.rpartition(":")
        if not (host and port.isdigit()):
            raise InputError(f"{coordinator} is not HOST:PORT; write as in 10.0.0.1:4711", field="coordinator")
        if not 0 <= process < processes:
            raise InputError(f"{process} is none of {processes}; give 0 to {processes - 1}", field="process")
    elif len(missing) < 3:
        raise InputError("--coordinator, --processes and --process go together; give all three", field=missing[0])
    elif launched() == 1:
        return
    jax.config.update("jax_num_cpu_devices", max(1, (devices or 0) // (processes or launched())))
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM, which the loop answers
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            heartbeat_timeout_seconds=_HEARTBEAT_S,
            initialization_timeout=_CONNECT_S,
            shutdown_timeout_seconds=_END_S,
        )
    except jax.errors.JaxRuntimeError as error:
        raise RunError(f"the other hosts cannot be reached within {_CONNECT_S} s ({error})") from None


@contextmanager
def connected(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    devices: int | None = None,
    farewell: str,
) -> Iterator[None]:
    """Connect as `connect` does; if this process fails, it leaves the others, which end within a minute.

    Args:
      coordinator, processes, process, devices: as for `connect`.
      farewell: the one line that is said where another host is lost.
    """
    connect(coordinator, processes, process, devices=devices)
    if not several():
        yield
        return
    _filter_stderr(farewell)
    try:
        yield
    except BaseException as error:
        # Else it would wait at its end for the others, which wait for it in their next sum.
        atexit.register(_leave, 2 if isinstance(error, InputError | OSError) else 1)
        raise


@contextmanager
def watch() -> Iterator[None]:
    """Leave at once where another host is lost, without what would wait for it."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if several() and _LOST.search(str(error)):
            os.write(2, stderr_filter.LOST.encode())
            os._exit(1)
        raise


def _filter_stderr(farewell: str) -> None:
    sys.stderr.flush()
    command = [sys.executable, "-I", str(stderr_filter.__file__), farewell]
    reads, writes = os.pipe()
    subprocess.Popen(command, stdin=reads, stdout=subprocess.DEVNULL, start_new_session=True)
    os.dup2(writes, 2)
    os.close(reads)
    os.close(writes)


def _leave(code: int) -> None:
    if is_first():
        time.sleep(_GRACE_S)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def several() -> bool:
    """Whether there are several hosts."""
    return jax.distributed.is_initialized() and jax.process_count() > 1  # the count alone would start the devices


def is_first() -> bool:
    """Whether this is the host that writes what is written once."""
    return not several() or jax.process_index() == 0


def any_of_all(flag: bool) -> bool:
    """Whether a flag is set on any host; all have to ask.

    >>> any_of_all(False)
    False
    """
    if not several():
        return flag
    from jax.experimental import multihost_utils

    return bool(multihost_utils.process_allgather(np.array(flag)).any())


def wait(what: str) -> None:
    """Wait until all hosts are here."""
    if several():
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(what)


def is_of_all(leaf: Any) -> bool:
    """Whether a leaf is an array of several hosts, which one alone cannot use.

    >>> is_of_all(jax.numpy.ones(2))
    False
    """
    return isinstance(leaf, jax.Array) and not leaf.is_fully_addressable


def local(tree: Any) -> Any:
    """Return a tree of arrays of all hosts as one that this host can use alone; all have to ask."""
    return jax.tree.map(_local, tree) if several() else tree


def _local(leaf: Any) -> Any:
    if not is_of_all(leaf):
        return leaf
    if leaf.is_fully_replicated:
        return leaf.addressable_data(0)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(leaf, tiled=True)
