"""What describes a run in its folder: its settings, its data, its experiment file."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

from gan_jax.data.dataset import Dataset
from gan_jax.data.pipeline import batch_spec
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError
from gan_jax.files import read_json
from gan_jax.runs.folder import RunFolder
from gan_jax.settings import differences
from gan_jax.training.checkpoint import newest_step
from gan_jax.types import Spec

__all__ = ["Description", "describe", "read", "refuse_another_run"]

_LISTS = ("classes", "class_counts", "words", "captions")


class Description(NamedTuple):
    """What `experiment.json` holds.

    Attributes:
      settings: of the experiment, as `settings.to_json` gives them.
      spec: of the batches trained on, without the batch axis.
      classes: names of the classes.
      fingerprint: of the training data.
      source: name of the experiment file in the folder `source`; None where a program trained the run.
      source_sha256: of that file and its modules, where the run depends on objects that they define.
      version: of gan_jax.
      class_counts: how many training samples each class has; none of a run whose samples are drawn of no labels.
      files: SHA-256 of files that the run keeps and that were not made here, by their paths in its folder.
      words: of the data's captions, in the order of their numbers.
      captions: of training samples, as samples are drawn of; none of a run whose samples are drawn of none.
    """

    settings: dict[str, Any]
    spec: Spec
    classes: tuple[str, ...]
    fingerprint: str
    source: str | None
    source_sha256: str | None
    version: str
    class_counts: tuple[int, ...] = ()
    files: Mapping[str, str] = MappingProxyType({})
    words: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary of the data's captions, if they have any."""
        return Vocabulary(self.words, self.spec["tokens"].shape[0]) if "tokens" in self.spec else None

    def to_json(self) -> dict[str, Any]:
        """Return dictionaries that JSON can hold."""
        entries = {name: {"shape": list(e.shape), "dtype": str(e.dtype)} for name, e in self.spec.items()}
        lists = {name: list(getattr(self, name)) for name in _LISTS}
        return self._asdict() | {"spec": entries, "files": dict(self.files)} | lists


def describe(
    settings: dict[str, Any],
    data: Dataset,
    *,
    class_counts: tuple[int, ...] = (),
    captions: tuple[str, ...] = (),
    source: str | None = None,
    source_sha256: str | None = None,
) -> Description:
    """Describe a run that this version is to train."""
    from gan_jax import __version__

    return Description(
        settings=settings,
        spec=batch_spec(data.train),
        classes=data.classes,
        fingerprint=data.train.fingerprint,
        source=source,
        source_sha256=source_sha256,
        version=__version__,
        class_counts=class_counts,
        words=data.vocabulary.words if data.vocabulary else (),
        captions=captions,
    )


def refuse_another_run(folder: RunFolder, new: Description, given: dict[str, Any], *, free: tuple[str, ...]) -> None:
    """Raise if a folder holds checkpoints of other settings or data than a run that is to go on there.

    Args:
      folder: of the run.
      new: describes what is to go on.
      given: its settings with null for what a preset says, as older runs have written them.
      free: names of the settings that may differ.

    Raises:
      InputError: it does, or they are beyond the iterations to be done; the message shows what differs.
    """
    step = newest_step(folder.checkpoints)
    if not step:
        return
    before = read(folder.experiment)
    # The same data may lie elsewhere now.
    moved = ("data.source",) if before.fingerprint == new.fingerprint else ()
    as_given = {*differences(before.settings, given, free + moved)}
    found = [each for each in differences(before.settings, new.settings, free + moved) if ": None became" not in each]
    found += [each for each in as_given if ": None became" in each]
    found += [
        f"{name}: {getattr(before, name)} became {getattr(new, name)}"
        for name in ("spec", "classes", "words", "fingerprint")
        if getattr(before, name) != getattr(new, name)
    ]
    if before.source_sha256 != new.source_sha256:
        found.append("the experiment file, or a module beside it, has changed, and with it perhaps its own objects")
    if found:
        raise InputError(f"{folder.experiment}: cannot resume with other settings ({'; '.join(found)})")
    if step > new.settings["steps"]:
        raise InputError(f"{new.settings['steps']} is below the {step} that {folder.path} has done", field="steps")


def read(file: Path) -> Description:
    """Read `experiment.json`.

    Raises:
      InputError: there is none, or it is not what this version writes.
    """
    try:
        found = read_json(file)
    except FileNotFoundError:
        raise InputError(f"{file.parent}: is not a run folder, it has no {file.name}") from None
    if isinstance(found, dict) and "image_shape" in found:
        raise InputError(f"{file}: was written by an older gan_jax, whose runs this one cannot open; train anew")
    try:
        spec = {
            name: jax.ShapeDtypeStruct(tuple(entry["shape"]), entry["dtype"]) for name, entry in found["spec"].items()
        }
        if not all(isinstance(size, int) and size > 0 for size in spec["sample"].shape):
            raise ValueError(f"its samples have the shape {spec['sample'].shape}")
        if not isinstance(found["settings"], dict):
            raise ValueError("its settings are none")
        return Description(**{**found, "spec": spec, **{name: tuple(found.get(name, ())) for name in _LISTS}})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise InputError(f"{file}: is not what a run has written ({reason})") from None
