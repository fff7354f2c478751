"""The configuration of a ControlNet, which builds its system on a trained diffusion run."""

from dataclasses import replace
from typing import Any, ClassVar

from gan_jax.config import Count, Decay, Name, NonNegative, config
from gan_jax.errors import InputError, within
from gan_jax.files import expand_user
from gan_jax.networks.control import ControlNet
from gan_jax.networks.unet import Denoiser
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.control.controlled import Controlled, told_hints
from gan_jax.systems.diffusion.config import Diffusion
from gan_jax.systems.diffusion.system import diffusion
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.learner import Learner
from gan_jax.systems.optimizers import AdamConfig, Optimizer, build_optimizer
from gan_jax.systems.system import System
from gan_jax.types import Spec

__all__ = ["Control"]


@config
class Control:
    """The system: a ControlNet of a diffusion run, which is locked; at first it draws what that run draws.

    The data have an entry "hint" beside the samples: images of 8 bits, of the samples' size.

    Attributes:
      base: run folder of a diffusion model whose network is a unet.
      widths: features of the layers that see the hint.
      guidance: the weight of the label, where the base is told any, when samples are drawn; the base's by default.
      optimizer: Adam's configuration, or any optax optimizer.
      ema_decay: decay of the exponential moving average of the parameters, which draws the samples, or its half-life in
        images.
    """

    base: Name
    widths: tuple[Count, ...] = (16, 32)
    guidance: NonNegative | None = None
    optimizer: Optimizer = AdamConfig(learning_rate=1e-3, b1=0.9, b2=0.999)
    ema_decay: Decay | HalfLife = HalfLife(50_000.0)
    rests_on: ClassVar[tuple[str, ...]] = ("base",)

    def build(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int = 0,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
        runs: Any = None,
    ) -> System:
        """Return the system for training batches of a spec.

        Args:
          spec, batch_size, classes, sharding, trains: as for `GAN.build`.
          runs: the base's run, open, as `runs["base"]`.

        Raises:
          InputError: the base is no diffusion run of a unet, or of other samples, or the data have no hints.
        """
        run = runs["base"]
        settings = run.experiment.system_config
        if not isinstance(settings, Diffusion):
            raise InputError(f"{self.base} is a run of {run.experiment.summary()}, no diffusion model", field="base")
        if run.shape != spec["sample"].shape:
            raise InputError(f"{self.base} draws {run.shape}, the data are {spec['sample'].shape}", field="base")
        if "hint" not in spec:
            others = ", ".join(name for name in spec if name != "sample") or "nothing"
            raise InputError(f"the data have no hint beside the samples, but {others}; give some", field="data.source")
        sharding.check(batch_size)
        model = settings.model(run.spec, batch_size=batch_size, classes=len(run.classes))
        if not isinstance(model.network, Denoiser) or model.beside is not None:
            raise InputError(f"the network of {self.base} is no unet that is told labels alone", field="base")
        if spec["hint"].shape[:2] != model.shape[:2]:
            raise InputError(f"the hints are {spec['hint'].shape}, the samples {model.shape}; give one size")
        with within("widths"):
            control = ControlNet(model.network, self.widths)
        optimizer = build_optimizer(self.optimizer, images_each=batch_size)
        return diffusion(
            model._replace(
                network=Controlled(model.network, control, run.state.ema),
                learner=Learner(optimizer, self.ema_decay, batch_size, sharding),
                guidance=settings.guidance if self.guidance is None else self.guidance,
                beside=told_hints(spec),
            )
        )

    def summary(self) -> str:
        """Return the system in a line.

        >>> Control("runs/discs").summary()
        'control of runs/discs'
        """
        return f"control of {self.base}"

    def located(self) -> "Control":
        """Return the same with an absolute path, so that its run can be opened from anywhere."""
        return replace(self, base=str(expand_user(self.base).absolute()))
