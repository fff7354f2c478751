"""Runs that agree in a setting."""

from collections.abc import Sequence

from gan_jax.errors import InputError, nearest
from gan_jax.runs.run import Run
from gan_jax.settings import settings_of

__all__ = ["group_by"]


def group_by(runs: Sequence[Run | None], setting: str) -> dict[str, list[int]]:
    """Return the places of the runs that have each value of a setting, by the value, in the order of the runs.

    A setting that is short for another, as `gan.penalty` for its name, will do.

    Raises:
      InputError: one of them is no run, or has no such setting.
    """
    groups: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        if run is None:
            raise InputError("all must be runs, which have settings; leave it out", field="by")
        values = {each.name: each.value for each in settings_of(run.experiment)}
        name = setting if setting in values else f"{setting}.name"
        if name not in values:
            near = nearest(setting, values)
            raise InputError(f"a run of {run.experiment.summary()} has no setting {setting}{near}", field="by")
        value = values[name]
        groups.setdefault(str(getattr(value, "__name__", value)), []).append(place)
    return groups
