"""Published ways of diffusion, as data: each a path, what the network says, how it is trained and how it draws."""

from typing import NamedTuple

__all__ = ["PRESETS", "Preset"]


class Preset(NamedTuple):
    """The choices of one paper; each may be made otherwise.

    Attributes:
      schedule: from `SCHEDULES`.
      parameterization: from `PARAMETERIZATIONS`.
      times: from `gan_jax.diffusion.training.TIMES`, at which noise it trains.
      weighting: from `gan_jax.diffusion.training.WEIGHTINGS`, of the squared errors.
      spacing: from `SPACINGS`, the levels of the sampler.
      sampler: from `SAMPLERS`.
      steps: of the sampler.
      paper: where it is from.
    """

    schedule: str
    parameterization: str
    times: str
    weighting: str
    spacing: str
    sampler: str
    steps: int
    paper: str


_SDE = "Song et al. (2021), Score-based generative modeling through stochastic differential equations"

PRESETS: dict[str, Preset] = {
    # The paper learns the variances of its Gaussian steps; here they are the fixed ones of its binomial steps, each of
    # which erases as much of the signal. It predicts each step's mean, of which the data are the unknown part.
    "deep_unsupervised": Preset(
        *("erasing", "sample", "steps", "bound", "leading", "ddpm", 1000),
        "Sohl-Dickstein et al. (2015), Deep unsupervised learning using nonequilibrium thermodynamics",
    ),
    "ddpm": Preset(
        *("ddpm", "noise", "steps", "output", "leading", "ddpm", 1000),
        "Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models",
    ),
    "ddim": Preset(
        *("ddpm", "noise", "steps", "output", "quadratic", "ddim", 50),
        "Song, Meng, Ermon (2021), Denoising diffusion implicit models",
    ),
    "score_sde_vp": Preset("vp", "noise", "uniform", "output", "linspace", "predictor_corrector", 1000, _SDE),
    "score_sde_subvp": Preset("subvp", "noise", "uniform", "output", "linspace", "predictor_corrector", 1000, _SDE),
    "score_sde_ve": Preset("ve", "noise", "uniform", "output", "linspace", "predictor_corrector", 1000, _SDE),
    "edm": Preset(
        *("edm", "edm", "log_normal", "output", "karras", "heun", 18),
        "Karras et al. (2022), Elucidating the design space of diffusion-based generative models",
    ),
    "flow": Preset(
        *("flow", "flow", "uniform", "output", "linspace", "heun", 25),
        "Lipman et al. (2023), Flow matching for generative modeling",
    ),
}
