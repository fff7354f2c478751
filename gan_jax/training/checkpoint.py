"""Checkpoints of a state and its position in the data, by Orbax: each whole or absent, written in the background.

Beside the arrays lies their SHA-256: what a disk, a copy or a hand has changed is found when a checkpoint is read.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jax.experimental.multihost_utils import sync_global_devices

from gan_jax.errors import InputError, RunError, one_line
from gan_jax.systems import State
from gan_jax.training import hosts

if TYPE_CHECKING:
    from orbax.checkpoint import CheckpointManager

__all__ = [
    "Checkpoint",
    "digests",
    "manager",
    "newest_step",
    "raise_errors",
    "restore",
    "restore_newest",
    "save",
    "set_damaged_aside",
    "steps",
]

# Orbax logs tracebacks of what is told in one line here, and leaves more to asyncio.
logging.getLogger("absl").setLevel(logging.CRITICAL)
logging.getLogger("asyncio").addFilter(lambda record: "orbax-checkpoint" not in record.getMessage())


class Checkpoint(NamedTuple):
    """A state at a step, and the position in the data from which it goes on."""

    step: int
    state: State
    position: dict[str, Any]


@contextmanager
def manager(
    folder: Path, keep: int | None = None, *, create: bool = True, alone: bool = False
) -> "Iterator[CheckpointManager]":
    """Open a folder of checkpoints, one per step, of which the newest `keep` stay; at the end it waits for writing.

    Saving copies the state and returns; the copy is written in the background under a temporary name and renamed when
    complete. Whoever creates removes what was cut off in writing. Of several hosts all open the same folder, unless one
    does so `alone`, with states of its own.

    Raises:
      InputError: the folder is a file.
      RunError: it cannot be written to.
    """
    import orbax.checkpoint as ocp  # imported late: commands that open no checkpoint do without it

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file where a run keeps its checkpoints; move it away")
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=create, cleanup_tmp_directories=create)
    if alone and jax.process_count() > 1:
        folder.mkdir(parents=True, exist_ok=True)
        host = jax.process_index()
        options.create = False  # which Orbax leaves to whoever opens it alone
        options.multiprocessing_options = ocp.options.MultiprocessingOptions(
            primary_host=host, active_processes={host}, barrier_sync_key_prefix=folder.name
        )
    with _written(folder):
        checkpoints = ocp.CheckpointManager(folder.absolute(), options=options)
    try:
        yield checkpoints
    except BaseException:
        with suppress(Exception):  # what went wrong first is what is told
            checkpoints.close()
        raise
    with _written(folder):
        checkpoints.close()


def steps(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder, the oldest first."""
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdigit() and path.is_dir())


def newest_step(folder: Path) -> int | None:
    """Return the step of the newest checkpoint in a folder, or None if there is none."""
    return max(steps(folder), default=None)


def digests(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the SHA-256 of every array by its path, and of all with the step and the position.

    >>> found = digests(Checkpoint(3, {"x": np.zeros(2)}, {}))
    >>> list(found["arrays"]), found["whole"] == digests(Checkpoint(4, {"x": np.zeros(2)}, {}))["whole"]
    (['x'], False)
    """
    leaves = jax.tree_util.tree_leaves_with_path(checkpoint.state)
    arrays = {
        jax.tree_util.keystr(path, simple=True, separator="/"): _sha256(hosts.local(leaf)) for path, leaf in leaves
    }
    whole = json.dumps([checkpoint.step, checkpoint.position, arrays], sort_keys=True)
    return {"arrays": arrays, "whole": hashlib.sha256(whole.encode()).hexdigest()}


def save(checkpoints: "CheckpointManager", checkpoint: Checkpoint) -> None:
    """Save a checkpoint in the background; its state may be donated as soon as this returns.

    Raises:
      RunError: it cannot be written, or the one before could not be.
    """
    import orbax.checkpoint as ocp

    state = checkpoint.state
    if hosts.several():  # one alone saves what it has itself, not arrays of all
        state = jax.tree.map(lambda leaf: leaf if hosts.is_of_all(leaf) else np.asarray(leaf), state)
    items = {
        "state": ocp.args.StandardSave(state),
        "position": ocp.args.JsonSave(checkpoint.position),
        "sha256": ocp.args.JsonSave(digests(checkpoint)),
    }
    with _written(Path(checkpoints.directory)):
        checkpoints.save(checkpoint.step, args=ocp.args.Composite(**items))


def raise_errors(checkpoints: "CheckpointManager", *, wait: bool = False) -> None:
    """Raise what has gone wrong in the background; wait for what is being written, or let it be.

    Raises:
      RunError: a checkpoint could not be written, or their folder is gone.
    """
    if not Path(checkpoints.directory).is_dir():
        raise RunError(f"{checkpoints.directory}: is gone")
    if wait or not checkpoints.is_saving_in_progress():
        with _written(Path(checkpoints.directory)):
            checkpoints.wait_until_finished()


def restore(checkpoints: "CheckpointManager", like: State, step: int | None = None) -> Checkpoint:
    """Return the checkpoint of a step, by default the newest, its state shaped as `like`.

    Args:
      checkpoints: of a folder.
      like: shapes, dtypes and shardings; without a sharding an array comes to one device.
      step: of the checkpoint.

    Raises:
      InputError: it is damaged, holds another kind of state, or no SHA-256.
    """
    import orbax.checkpoint as ocp

    step = checkpoints.latest_step() if step is None else step
    if step is None:
        raise InputError(f"{checkpoints.directory}: holds no checkpoint")
    name = f"{checkpoints.directory}: checkpoint {step}"
    if not (Path(checkpoints.directory) / str(step) / "sha256").exists():
        raise InputError(f"{name} lacks its SHA-256: it is damaged, or an older gan_jax has written it")
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    like = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding or device), like
    )
    items = {
        "state": ocp.args.StandardRestore(like),
        "position": ocp.args.JsonRestore(),
        "sha256": ocp.args.JsonRestore(),
    }
    try:
        restored = checkpoints.restore(step, args=ocp.args.Composite(**items))
    except Exception as error:  # every reader below Orbax has its own for what is damaged
        raise InputError(f"{name} cannot be read ({one_line(error)})") from error
    checkpoint = Checkpoint(step, restored["state"], restored["position"])
    expected, found = restored["sha256"], digests(checkpoint)
    if expected != found:
        arrays = expected.get("arrays") if isinstance(expected, dict) else None
        known = arrays if isinstance(arrays, dict) else {}
        changed = [path for path, digest in found["arrays"].items() if known.get(path) != digest]
        what = changed[0] if changed else "its step or its position"
        raise InputError(f"{name} is damaged: {what} is not what was saved, by its SHA-256")
    return checkpoint


def restore_newest(checkpoints: "CheckpointManager", like: State, tell: Callable[[str], None]) -> Checkpoint:
    """Return the newest checkpoint that is whole, and tell in a line which newer ones are not and why.

    They are renamed to `STEP.damaged`, since the iterations after it are taken again.

    Raises:
      InputError: none is whole; the message is of the newest, and all stay as they are.
    """
    damaged: dict[int, InputError] = {}
    for step in reversed(steps(Path(checkpoints.directory))):
        try:
            checkpoint = restore(checkpoints, like, step)
        except InputError as error:
            damaged[step] = error
            continue
        for step, error in damaged.items():
            tell(f"{error}; going back to checkpoint {checkpoint.step}")
            _set_aside(Path(checkpoints.directory) / str(step))
        if damaged:
            sync_global_devices("damaged checkpoints are set aside")
            checkpoints.reload()
        return checkpoint
    raise next(iter(damaged.values()), InputError(f"{checkpoints.directory}: holds no checkpoint"))


def set_damaged_aside(checkpoints: "CheckpointManager", like: State, tell: Callable[[str], None]) -> None:
    """Rename what is damaged to `STEP.damaged`, and tell in a line each what is and why."""
    for step in steps(Path(checkpoints.directory)):
        try:
            restore(checkpoints, like, step)
        except InputError as error:
            tell(f"{error}; set aside")
            _set_aside(Path(checkpoints.directory) / str(step))
            checkpoints.reload()


def _set_aside(path: Path) -> None:
    if jax.process_index() == 0:
        aside = path.with_name(f"{path.name}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)


def _sha256(leaf: Any) -> str:
    """Of dtype, shape and bytes."""
    array = np.asarray(leaf)
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Say in one line what keeps Orbax from writing, of which every layer raises its own kind of error."""
    try:
        yield
    except Exception as error:
        raise RunError(f"{folder}: a checkpoint cannot be written ({one_line(error)})") from error
