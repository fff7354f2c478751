"""What the numbers that a GAN reports mean."""

from gan_jax.penalties import SLOPES, BoundedShape, Penalty, PlainPenalty
from gan_jax.systems.gan.game import Game
from gan_jax.systems.system import Metric

__all__ = ["metrics_of"]

_SCORE, _SLOPE = "critic score", "score per unit of data"
_NORMS, _NONFINITE = "Parameter gradient norm", "Gradients that were not finite, hidden"


def metrics_of(game: Game) -> dict[str, Metric]:
    """Describe the metrics of a GAN, training and diagnosis, as far as what it has reports them."""
    metrics = {
        "wasserstein": Metric("Wasserstein estimate", _SCORE, history=("gap",), progress=True),
        "critic_loss": Metric("critic's loss", _SCORE, panel="Losses", history=("train", "held_out"), progress=True),
        "critic_total": Metric("critic's loss with penalty", _SCORE, panel="Losses"),
        "generator_loss": Metric("generator's loss", _SCORE, panel="Losses", progress=True),
        "teaching": Metric("What the teacher adds to the generator's loss", "squared, weighted", scale="log"),
        "penalty": Metric("Penalty before its weight", "penalty", scale="log", progress=True),
        "slope": Metric("Critic's slope where it is penalized", _SLOPE),
        "critic_param_grad_norm": Metric("critic", "norm", panel=_NORMS, scale="log"),
        "generator_param_grad_norm": Metric("generator", "norm", panel=_NORMS, scale="log"),
        "augment_strength": Metric("strength", "probability", panel="Augmentation"),
        "real_sign": Metric("mean sign of real scores", "probability", panel="Augmentation"),
        "path_length": Metric("Path length, its running mean", "data per style"),
        "path_penalty": Metric("Path-length penalty before its weight", "penalty", scale="log"),
        "critic_nonfinite": Metric("critic", "numbers", panel=_NONFINITE),
        "penalty_nonfinite": Metric("lazy penalty", "numbers", panel=_NONFINITE),
        "generator_nonfinite": Metric("generator", "numbers", panel=_NONFINITE),
        "path_nonfinite": Metric("path-length penalty", "numbers", panel=_NONFINITE),
        "gradient_norm_at_real": Metric("Critic's gradient norm at real samples", _SLOPE),
        "gradient_norm_at_fake": Metric("Critic's gradient norm at generated samples", _SLOPE),
        "gradient_norm_at_points": Metric("Critic's gradient norm at penalized points", _SLOPE),
    }
    penalty = game.penalty
    absent = {"slope"} if isinstance(penalty, PlainPenalty) else set()
    if penalty is None:
        absent = {"critic_total", "penalty", "slope", "gradient_norm_at_points"}
    if game.teacher is None:
        absent |= {"teaching"}
    if not game.augment.policies:
        absent |= {"augment_strength", "real_sign"}
    if not game.path_length.weight:
        absent |= {"path_length", "path_penalty", "path_nonfinite"}
    if not game.nan_to_num:
        absent |= {"critic_nonfinite", "penalty_nonfinite", "generator_nonfinite", "path_nonfinite"}
    if penalty is None or penalty.every == 1:
        absent |= {"penalty_nonfinite"}
    place = "gradient_norm_at_real" if penalty is None else "gradient_norm_at_points"
    metrics[place] = metrics[place]._replace(history=("quantiles",))
    if isinstance(penalty, Penalty) and isinstance(penalty.shape, BoundedShape):
        bound = float(penalty.shape.bound)
        bounded = ("slope", "gradient_norm_at_points") if penalty.slope is SLOPES["gradient"] else ("slope",)
        metrics |= {name: metrics[name]._replace(bound=bound) for name in bounded}
    return {name: metric for name, metric in metrics.items() if name not in absent}
