"""The published penalties, as data.

Weights are the papers' or their code's, for images in [-1, 1], and have to be chosen anew for other data. Where a
paper's formula has another factor than the shape here, the weight makes up for it; the comments say how, and where the
authors' code differs from their paper.
"""

from gan_jax.losses import wasserstein
from gan_jax.penalties.penalty import Penalty, PlainPenalty
from gan_jax.penalties.plain import consistency, lecam
from gan_jax.penalties.points import around_real, at_both, at_fake, at_real, interpolate
from gan_jax.penalties.shapes import maximum, one_sided, one_sided_linear, power, two_sided, zero_centered
from gan_jax.penalties.slopes import adversarial, gradient_dual_l10, noisy, pair, root_pair

__all__ = ["PENALTIES"]

PENALTIES: dict[str, Penalty | PlainPenalty] = {
    "wgan_gp": Penalty(
        interpolate,
        two_sided(),
        weight=10.0,
        paper="Gulrajani et al. (2017), Improved training of Wasserstein GANs",
    ),
    "wgan_lp": Penalty(
        interpolate,
        one_sided(),
        weight=10.0,
        paper="Petzka, Fischer, Lukovnikov (2018), On the regularization of Wasserstein GANs",
    ),
    "one_sided_linear": Penalty(
        interpolate, one_sided_linear(), weight=10.0, paper="this project's derivation, docs/derivation.md"
    ),
    "dragan": Penalty(
        around_real,
        two_sided(),
        weight=10.0,
        paper="Kodali et al. (2017), On convergence and stability of GANs",
    ),
    # gamma / 2 E||g||^2, gamma = 10; the authors' code has gamma E||g||^2, twice as much.
    "r1": Penalty(
        at_real,
        zero_centered(),
        weight=10.0,
        paper="Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?",
    ),
    # As r1.
    "r2": Penalty(
        at_fake,
        zero_centered(),
        weight=10.0,
        paper="Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?",
    ),
    # gamma / 2 (E_real + E_fake), gamma = 1: the mean over both is half the sum. The authors' code has 0.05 to 150, by
    # data set, and lowers it as training goes on.
    "r1_r2": Penalty(
        at_both,
        zero_centered(),
        weight=2.0,
        paper="Huang et al. (2024), The GAN is dead; long live the GAN! A modern baseline GAN",
    ),
    # 10 E||g||^2; the authors go up to 500 for images.
    "zero_centered": Penalty(
        interpolate,
        zero_centered(),
        weight=20.0,
        paper="Thanh-Tung, Tran, Venkatesh (2019), Improving generalization and stability of "
        "generative adversarial networks",
    ),
    # The authors' code has 1 or 0.1, by experiment.
    "max_gradient": Penalty(
        interpolate, maximum(), weight=1.0, paper="Zhou et al. (2019), Lipschitz generative adversarial nets"
    ),
    # The paper's k = 2 and p = 6; the authors' code has k = 10.
    "wgan_div": Penalty(interpolate, power(), weight=2.0, paper="Wu et al. (2018), Wasserstein divergence for GANs"),
    # The authors' weight is the mean norm of the data: about 2 for the L10 norm of images in [-1, 1]. Their code
    # divides scores by the mean dual norm of the data, and adds 1e-5 E D(real)^2, which keeps them near zero.
    "banach": Penalty(
        interpolate,
        two_sided(),
        slope=gradient_dual_l10,
        weight=2.0,
        paper="Adler, Lunz (2018), Banach Wasserstein GAN",
    ),
    # 2 E difference^2, beside `wgan_gp`; alone it is no Lipschitz constraint. A second term is left out.
    "consistency": PlainPenalty(
        at_real,
        consistency,
        weight=4.0,
        paper="Wei et al. (2018), Improving the improved training of Wasserstein GANs: "
        "a consistency term and its dual effect",
    ),
    "adversarial_lipschitz": Penalty(
        at_both,
        one_sided(),
        slope=adversarial,
        weight=10.0,
        paper="Terjék (2020), Adversarial Lipschitz regularization",
    ),
    # 100 E|difference|^2 at 0.01 standard deviations of noise.
    "finite_difference_r1": Penalty(
        at_real,
        zero_centered(),
        slope=noisy,
        weight=0.02,
        paper="Lin et al. (2025), Diffusion adversarial post-training for one-step video generation",
    ),
    # E difference^2 / (2 lambda d), lambda = 10.
    "gan_qp": Penalty(
        at_fake,
        zero_centered(),
        slope=root_pair,
        weight=0.1,
        losses=(wasserstein,),
        paper="Su (2018), GAN-QP: a novel GAN framework without gradient vanishing and Lipschitz constraint",
    ),
    # The paper's formula; code of one of its authors takes the excess itself, not its square.
    "pair_slope": Penalty(
        at_fake,
        one_sided(),
        slope=pair,
        weight=10.0,
        paper="Petzka, Fischer, Lukovnikov (2018), On the regularization of Wasserstein GANs",
    ),
    # 0.3 (E_real + E_fake) of squared distances: the mean over both, of halves, is a quarter of the sum.
    "lecam": PlainPenalty(
        at_both,
        lecam,
        weight=1.2,
        paper="Tseng et al. (2021), Regularizing generative adversarial networks under limited data",
    ),
}
