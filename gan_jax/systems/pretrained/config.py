"""The configuration of public networks in a folder of diffusers, which builds a system that draws by them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from gan_jax.config import Choice, Count, Name, NonNegative, config
from gan_jax.diffusion import SAMPLERS
from gan_jax.errors import InputError
from gan_jax.files import expand_user, read_json_entries
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.pretrained import pixels, prompts
from gan_jax.systems.system import System
from gan_jax.types import Spec

__all__ = ["Pretrained"]


@config
class Pretrained:
    """The system: public networks, read from files. It draws, and is not trained.

    Attributes:
      folder: as diffusers' pipelines are saved, and perhaps `controlnet`; of a run, within its folder.
      variant: part of the names of the files of weights, as "fp16".
      sampler: how samples are drawn.
      steps: of the sampler.
      guidance: the weight of what a caption says: 1 for none, more for plainer images.
      precision: of the networks' layers; parameters keep the files' precision, samples are float32.
    """

    folder: Name
    variant: Name | None = None
    sampler: Annotated[str, Choice(SAMPLERS)] = "dpm_2m"
    steps: Count = 30
    guidance: NonNegative = 7.5
    precision: Literal["float32", "bfloat16"] = "float32"

    def spec(self) -> tuple[Spec, tuple[str, ...]]:
        """Return what is drawn when no size is given, and the names of the classes.

        Raises:
          InputError: the folder is not read.
        """
        return self._room().spec_of(self)

    def build(
        self,
        spec: Spec,
        *,
        batch_size: int = 1,
        classes: int = 0,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
    ) -> System:
        """Return the system, whose `init` reads the weights.

        Raises:
          InputError: the folder is not read.
        """
        return self._room().system_of(self)

    def parts(self) -> Mapping[str, Path]:
        """Return the folders of the networks whose weights are read, by their names.

        Raises:
          InputError: the folder is not read.
        """
        return self._room().parts_of(self)

    def opened_in(self, folder: Path) -> "Pretrained":
        """Return the same networks where a run has them."""
        return replace(self, folder=str(folder / self.folder))

    def summary(self) -> str:
        """Return the system in a line.

        >>> Pretrained("model").summary()
        'public networks · dpm_2m in 30 steps'
        """
        return f"public networks · {self.sampler} in {self.steps} steps"

    def _room(self) -> Any:
        """Of captions, or of pixels without."""
        file = expand_user(self.folder) / "model_index.json"
        if not file.is_file():
            raise InputError(f"{self.folder}: has no model_index.json; give a folder as diffusers' pipelines are saved")
        return prompts if "text_encoder" in read_json_entries(file) else pixels
