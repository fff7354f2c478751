"""The configuration of a distillation, which builds its system from a trained diffusion run."""

from dataclasses import replace
from math import prod
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from gan_jax.config import Name, NonNegative, Positive, config
from gan_jax.errors import InputError, within
from gan_jax.files import expand_user
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.diffusion.config import Diffusion
from gan_jax.systems.distill.student import student_of, teacher_of
from gan_jax.systems.gan.config import GAN
from gan_jax.systems.gan.network_configs import GeneratorConfig
from gan_jax.systems.system import State, System
from gan_jax.types import Key, Spec

__all__ = ["Distill"]


@config
class Distill:
    """The system: a one-step student of a diffusion run, which begins as its teacher and plays against a critic.

    Attributes:
      teacher: run folder of a trained diffusion model.
      noise: how much there is, `sigma / alpha`, in what the student is given, as its network is told: 2.5 by default,
        as Zhou et al. (2024), Score identity distillation.
      weight: of the distance to what the teacher says of the student's samples once they are noisy again; 0 for the
        critic alone.
      gan: the critic, loss, penalty, constraint, optimizers and all else of the game but the generator, which the
        student is.
    """

    teacher: Name
    noise: Positive = 2.5
    weight: NonNegative = 1.0
    gan: GAN = GAN(loss="non_saturating")
    rests_on: ClassVar[tuple[str, ...]] = ("teacher",)

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
          runs: the teacher's run, open, as `runs["teacher"]`.

        Raises:
          InputError: the teacher is no diffusion run, or of other samples; or as `GAN.build`.
        """
        run = runs["teacher"]
        settings = run.experiment.system_config
        if not isinstance(settings, Diffusion):
            raise InputError(
                f"{self.teacher} is a run of {run.experiment.summary()}, no diffusion model", field="teacher"
            )
        if run.shape != spec["sample"].shape:
            raise InputError(f"{self.teacher} draws {run.shape}, the data are {spec['sample'].shape}", field="teacher")
        if self.gan.generator != GeneratorConfig():
            raise InputError("the student is the teacher's network; leave it out", field="gan.generator")
        if self.gan.conditional != settings.conditional:
            told = "told" if settings.conditional else "not told"
            raise InputError(f"the teacher is {told} the labels; choose the same", field="gan.conditional")
        model = settings.model(spec, batch_size=batch_size, classes=classes)
        params = run.state.ema
        with within("gan"):
            system = self.gan.train(
                student_of(model, self.noise),
                prod(model.shape),
                spec,
                batch_size=batch_size,
                classes=classes,
                sharding=sharding,
                trains=trains,
                teacher=teacher_of(model, params, self.weight),
            )

        def init(key: Key, spec: Spec) -> State:
            """Begin as the teacher."""
            state = system.init(key, spec)
            found = {"params": {"network": params["params"]}}
            moved = jax.tree.map(lambda own, taught: jnp.asarray(taught, own.dtype), state.generator, found)
            copy = jax.tree.map(jnp.copy, moved)  # its own buffers, so that the state can be donated
            return state._replace(generator=moved, generator_ema=copy)

        return system._replace(init=init)

    def summary(self) -> str:
        """Return the system in a line.

        >>> Distill("runs/digits").summary()
        'one step of runs/digits · critic mlp · loss non_saturating · penalty wgan_gp'
        """
        return f"one step of {self.teacher} · {self.gan.summary().partition(' · ')[2]}"

    def resolved(self) -> "Distill":
        """Return the same distillation without a generator of its own, which the student is not."""
        return replace(self, gan=replace(self.gan, generator=GeneratorConfig()))

    def located(self) -> "Distill":
        """Return the same distillation with an absolute path, so that its run can be opened from anywhere."""
        return replace(self, teacher=str(expand_user(self.teacher).absolute()))
