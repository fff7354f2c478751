"""Checkpoints of a state and its position in the data, by Orbax: each whole or absent, written in the background."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from gan_jax.errors import InputError
from gan_jax.systems import State

if TYPE_CHECKING:
    from orbax.checkpoint import CheckpointManager

__all__ = ["Checkpoint", "manager", "newest_step", "restore", "save"]


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
    complete. Of several hosts all open the same folder, unless one does so `alone`, with states of its own.
    """
    import orbax.checkpoint as ocp  # imported late: commands that open no checkpoint do without it

    options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=create)
    if alone and jax.process_count() > 1:
        folder.mkdir(parents=True, exist_ok=True)
        host = jax.process_index()
        options.create = False  # which Orbax leaves to whoever opens it alone
        options.multiprocessing_options = ocp.options.MultiprocessingOptions(
            primary_host=host, active_processes={host}, barrier_sync_key_prefix=folder.name
        )
    with ocp.CheckpointManager(folder.absolute(), options=options) as checkpoints:
        yield checkpoints


def newest_step(folder: Path) -> int | None:
    """Return the step of the newest checkpoint in a folder, or None if there is none."""
    steps = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    return max(steps, default=None)


def save(checkpoints: "CheckpointManager", checkpoint: Checkpoint) -> None:
    """Save a checkpoint in the background; its state may be donated as soon as this returns."""
    import orbax.checkpoint as ocp

    state = checkpoint.state
    if jax.process_count() > 1:  # of several hosts, one alone saves what it has itself, not arrays of all
        state = jax.tree.map(lambda leaf: np.asarray(leaf) if leaf.is_fully_addressable else leaf, state)
    items = {"state": ocp.args.StandardSave(state), "position": ocp.args.JsonSave(checkpoint.position)}
    checkpoints.save(checkpoint.step, args=ocp.args.Composite(**items))


def restore(checkpoints: "CheckpointManager", like: State) -> Checkpoint:
    """Return the newest checkpoint, its state shaped as `like` (arrays or their shapes), on one device.

    Raises:
      InputError: it is damaged, or holds another kind of state.
    """
    import orbax.checkpoint as ocp

    step = checkpoints.latest_step()
    if step is None:
        raise InputError(f"{checkpoints.directory}: holds no checkpoint")
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device), like)
    items = {"state": ocp.args.StandardRestore(like), "position": ocp.args.JsonRestore()}
    try:
        restored = checkpoints.restore(step, args=ocp.args.Composite(**items))
    except (ValueError, KeyError, FileNotFoundError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{checkpoints.directory}: checkpoint {step} cannot be read ({reason})") from error
    return Checkpoint(step, restored["state"], restored["position"])
