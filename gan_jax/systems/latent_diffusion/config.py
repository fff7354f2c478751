"""The configuration of latent diffusion, which builds its system from a trained autoencoder's run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from gan_jax.config import Name, config
from gan_jax.data.dataset import sha256
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError, within
from gan_jax.files import expand_user
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.autoencoder.config import Autoencoder
from gan_jax.systems.autoencoder.system import encoded
from gan_jax.systems.diffusion.config import DenoiserConfig, Diffusion
from gan_jax.systems.latent_diffusion.system import Frozen, latent_diffusion, latent_spec
from gan_jax.systems.system import System
from gan_jax.types import Spec

__all__ = ["LatentDiffusion"]


@config
class LatentDiffusion:
    """The system: diffusion of what an autoencoder's run makes of images, which stays as it is.

    Attributes:
      autoencoder: run folder of a trained autoencoder.
      diffusion: of the latents, which are scaled to unit variance; told captions by the network text_unet.
      autoencoder_sha256: of the autoencoder's weights, which the run keeps; of those that there are by default.
    """

    autoencoder: Name
    diffusion: Diffusion = Diffusion(network=DenoiserConfig("text_unet"), preset="flow")
    autoencoder_sha256: Name | None = None
    rests_on: ClassVar[tuple[str, ...]] = ("autoencoder",)
    captioned: ClassVar[bool] = True

    def build(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int = 0,
        vocabulary: Vocabulary | None = None,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
        runs: Any = None,
    ) -> System:
        """Return the system for training batches of a spec.

        Args:
          spec, batch_size, classes, vocabulary, sharding, trains: as for `Diffusion.build`.
          runs: the autoencoder's run, open, as `runs["autoencoder"]`.

        Raises:
          InputError: the run is of no autoencoder, of other images, or has other weights; or as `Diffusion.build`.
        """
        run = runs["autoencoder"]
        settings = run.experiment.system_config
        if not isinstance(settings, Autoencoder):
            reason = f"{self.autoencoder} is a run of {run.experiment.summary()}, no autoencoder"
            raise InputError(reason, field="autoencoder")
        shape = spec["sample"].shape
        if run.shape != shape:
            raise InputError(f"{self.autoencoder} is of {run.shape}, the data are {shape}", field="autoencoder")
        if self.autoencoder_sha256 not in (None, weights_sha256(run)):
            reason = f"{self.autoencoder} has other weights than this run was trained on; put those back, or train anew"
            raise InputError(reason, field="autoencoder")
        if self.diffusion.clip:
            raise InputError("latents are not held to [-1, 1] as images are; leave it out", field="diffusion.clip")
        network, params = settings.network.build(shape, settings.precision), run.system.drawn_with(run.state)
        image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        latents = jax.eval_shape(lambda image: encoded(network, params, image).mean, image)
        frozen = Frozen(network, params, latents.shape[1:])
        with within("diffusion"):
            inner = self.diffusion.build(
                latent_spec(frozen, spec),
                batch_size=batch_size,
                classes=classes,
                vocabulary=vocabulary,
                sharding=sharding,
                trains=trains,
            )
        return latent_diffusion(inner, frozen, batch_size, sharding)

    def summary(self) -> str:
        """Return the system in a line.

        >>> LatentDiffusion("runs/a").summary()
        'latents of runs/a · diffusion flow · network text_unet'
        """
        return f"latents of {self.autoencoder} · {self.diffusion.summary()}"

    def resting_on(self, runs: Mapping[str, Any]) -> "LatentDiffusion":
        """Return the same with the hash of the weights that the autoencoder's run has."""
        if self.autoencoder_sha256 is not None:
            return self
        return replace(self, autoencoder_sha256=weights_sha256(runs["autoencoder"]))

    def located(self) -> "LatentDiffusion":
        """Return the same with an absolute path, so that its run can be opened from anywhere."""
        return replace(self, autoencoder=str(expand_user(self.autoencoder).absolute()))


def weights_sha256(run: Any) -> str:
    """Hash the weights that a run draws with."""
    if run.system.drawn_with is None:
        return ""
    leaves: Any = flatten_dict(jax.tree.map(np.asarray, run.system.drawn_with(run.state)), sep=".")
    return sha256(leaves)
