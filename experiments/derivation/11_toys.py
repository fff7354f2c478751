"""Two-dimensional targets: what the generator draws, over the level sets of the critic that taught it.

`python experiments/derivation/11_toys.py` trains experiments/toy_8gaussians.py, toy_25gaussians.py and toy_swissroll.py
into `runs/` unless they are there, which takes about 4 minutes on two CPU cores.
"""

import jax
import jax.numpy as jnp
from gallery import BLUE, RED, panels, publish, trained

from gan_jax.data.sources import read
from gan_jax.data.toy import TOYS
from gan_jax.evaluation import evaluate, mode_counts, reference
from gan_jax.evaluation.features import FEATURES
from gan_jax.networks.mlp import Critic
from gan_jax.runs.run import sample_sets

SHOWN = 2000


def experiment():
    """Train the three toys, count modes, and draw samples over level sets."""
    figure, axes = panels(3, height=3.6, subplot_kw={"aspect": "equal"})
    measured = {}
    for name, axis in zip(("8gaussians", "25gaussians", "swissroll"), axes, strict=True):
        run = trained(f"toy_{name}")
        real = reference(read(name), FEATURES["coordinates"](), name=name, n=1000, scores=["precision_recall"])
        scores = evaluate(sample_sets(run), real, seeds=(0,)).scores
        found = mode_counts(name, sample_sets(run), seed=0) or {}
        measured[name] = {key: value.mean for key, value in scores.items()} | found

        x = jnp.linspace(-2, 2, 200)
        plane = jnp.stack(jnp.meshgrid(x, x), axis=-1)
        critic = Critic(width=run.experiment.gan.critic.width)
        score = critic.apply(run.state.critic.params, plane.reshape(-1, 2)).reshape(200, 200)
        axis.contourf(x, x, score, 24, cmap="Greys_r", alpha=0.5)
        real = TOYS[name]().sample(jax.random.key(0), SHOWN)
        axis.scatter(*real.T, s=6, lw=0, color=RED, label="real")
        axis.scatter(*run.sample(SHOWN, seed=1).T, s=1.5, lw=0, color=BLUE, label="generated")
        title = (
            f"{found['hit']} of {found['of']} modes, {found['high_quality']:.0%} near one" if found else "Swiss roll"
        )
        axis.set(xlim=(-2, 2), ylim=(-2, 2), xticks=[-2, 0, 2], yticks=[-2, 0, 2], title=title)
    figure.legend(*axes[-1].get_legend_handles_labels(), markerscale=3, loc="outside lower center", ncols=2)
    return figure, measured


if __name__ == "__main__":
    publish(__file__)
