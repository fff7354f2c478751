"""Checkpoints of a whole state, by Orbax: written while training goes on, each whole or absent."""

from pathlib import Path

import jax
import orbax.checkpoint as ocp

from gan_jax.errors import InputError
from gan_jax.systems import State


def manager(folder: Path, keep: int | None = None, *, create: bool = True) -> ocp.CheckpointManager:
    """Open a folder of checkpoints, one per step, of which the newest `keep` stay.

    Saving copies the state and returns; the copy is written in the background under a temporary name and renamed when
    complete. Closing the manager waits for it.
    """
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=create)
    return ocp.CheckpointManager(folder.absolute(), options=options)


def newest_step(folder: Path) -> int | None:
    """Return the step of the newest checkpoint in a folder, or None if there is none."""
    steps = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    return max(steps, default=None)


def save(checkpoints: ocp.CheckpointManager, step: int, state: State) -> None:
    """Save a state in the background; the state may be donated as soon as this returns."""
    checkpoints.save(step, args=ocp.args.StandardSave(state))


def restore(checkpoints: ocp.CheckpointManager, like: State) -> tuple[int, State]:
    """Return the newest checkpoint's step and its state, shaped and placed as `like` (arrays or their shapes).

    Raises:
      InputError: it is damaged, or holds another kind of state.
    """
    step = checkpoints.latest_step()
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device), like)
    try:
        return step, checkpoints.restore(step, args=ocp.args.StandardRestore(like))
    except (ValueError, KeyError, FileNotFoundError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{checkpoints.directory}: checkpoint {step} cannot be read ({reason})") from error
