"""Services that track runs, through one function: `log(step, metrics, images)`. They are extras, and off by default."""

import os
import time
import uuid
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gan_jax.errors import InputError, one_line
from gan_jax.files import read_json_entries, write_json
from gan_jax.types import UInt8

__all__ = ["TRACKERS", "Tracker", "check_trackers", "open_trackers"]

Images = Mapping[str, UInt8[np.ndarray, "h w c"]]


@runtime_checkable
class Tracker(Protocol):
    """What is told of a run between iterations, where the metrics are on the host already."""

    def log(self, step: int, metrics: Mapping[str, float], images: Images) -> None:
        """Take metrics, and uint8 pictures (H, W, C), of an iteration; either may be empty."""

    def close(self) -> None:
        """Finish what is under way."""


class _WandB:
    """Weights & Biases: project `WANDB_PROJECT`, or gan_jax; `WANDB_MODE=offline` keeps all in the run folder."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        import wandb  # pyright: ignore[reportMissingImports]

        self._wandb, project = wandb, os.environ.get("WANDB_PROJECT", "gan_jax")
        given: Any = {"project": project, "name": folder.absolute().name, "dir": str(folder), "config": dict(settings)}
        self._run = wandb.init(**given, id=_identity(folder, "wandb", lambda: uuid.uuid4().hex[:8]), resume="allow")

    def log(self, step: int, metrics: Mapping[str, float], images: Images) -> None:
        pictures = {name: self._wandb.Image(pixels) for name, pixels in images.items()}
        self._run.log({**metrics, **pictures}, step=step)

    def close(self) -> None:
        self._run.finish()


class _MLflow:
    """MLflow: experiment `MLFLOW_EXPERIMENT_NAME`, or gan_jax, where `MLFLOW_TRACKING_URI` says."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]

        # Its small package, the extra's, is a client alone.
        if not os.environ.get("MLFLOW_TRACKING_URI") and find_spec("sqlalchemy") is None:
            raise ValueError("MLFLOW_TRACKING_URI names no server")
        self._client = client = MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "gan_jax")
        experiment = client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else client.create_experiment(name)

        def create() -> str:
            run = client.create_run(number, run_name=folder.absolute().name)
            for setting, value in settings.items():
                client.log_param(run.info.run_id, setting, value)
            return run.info.run_id

        self._run = _identity(folder, "mlflow", create)
        client.update_run(self._run, status="RUNNING")

    def log(self, step: int, metrics: Mapping[str, float], images: Images) -> None:
        from mlflow.entities import Metric  # pyright: ignore[reportMissingImports]

        now = time.time_ns() // 1_000_000
        if metrics:
            self._client.log_batch(self._run, [Metric(name, value, now, step) for name, value in metrics.items()])
        for name, pixels in images.items():
            self._client.log_image(self._run, pixels, key=name, step=step)

    def close(self) -> None:
        self._client.set_terminated(self._run)


TRACKERS: dict[str, Callable[[Path, Mapping[str, Any]], Tracker]] = {"wandb": _WandB, "mlflow": _MLflow}
"""`(run folder, settings by dotted names) -> Tracker`; a run that goes on is the same run there."""


def check_trackers(names: tuple[Any, ...]) -> None:
    """Raise if what one needs is not installed.

    Raises:
      InputError: it is not; the message says what to install.
    """
    for name in names:
        if isinstance(name, str) and find_spec(name) is None:
            raise InputError(f'{name} is not installed; pip install "gan_jax[{name}]"', field="trackers")


def open_trackers(
    names: tuple[Any, ...], folder: Path, settings: Mapping[str, Any], tell: Callable[[str], None]
) -> list[Tracker]:
    """Open those of some names, or functions of one's own.

    Raises:
      InputError: one cannot be opened, as without its server or a login.
    """
    found: list[Tracker] = []
    for name in names:
        shown = name if isinstance(name, str) else getattr(name, "__name__", "the tracker")
        try:
            tracker = (TRACKERS[name] if isinstance(name, str) else name)(folder, settings)
        except Exception as error:  # each has its own
            reason = f"{shown} cannot be opened ({one_line(error)}); see to its server or login, or leave it out"
            raise InputError(reason, field="trackers") from None
        found.append(_Forgiving(tracker, shown, tell))
    return found


class _Forgiving:
    """A tracker that a run outlives: the first time that it fails is told in a line, and it is asked no more."""

    def __init__(self, tracker: Tracker, name: str, tell: Callable[[str], None]):
        self._tracker, self._name, self._tell, self._failed = tracker, name, tell, False

    def log(self, step: int, metrics: Mapping[str, float], images: Images) -> None:
        self._try(lambda: self._tracker.log(step, metrics, images))

    def close(self) -> None:
        self._try(self._tracker.close)

    def _try(self, call: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            call()
        except Exception as error:
            self._failed = True
            self._tell(f"{self._name} has failed ({one_line(error)}); the run goes on without it")


def _identity(folder: Path, name: str, create: Callable[[], str]) -> str:
    """What a service calls the run of a folder: kept there, so that a run that goes on is found again."""
    file = folder / "trackers.json"
    known = read_json_entries(file) if file.exists() else {}
    if name not in known:
        known[name] = create()
        write_json(file, known)
    return known[name]
