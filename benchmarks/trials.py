"""What a penalty or a constraint buys: small games that end in scores, for several seeds.

Every method plays the same three games with the Wasserstein loss and gets its strength (a penalty's weight, a
constraint's bound) chosen by a seed of its own, from the published one and a grid that is the same for all.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from gan_jax.constraints import CONSTRAINTS, UNCONSTRAINED
from gan_jax.data import read, resident
from gan_jax.data.images import postprocess, preprocess
from gan_jax.data.toy import gaussians_25
from gan_jax.evaluation.features.plain import pixels
from gan_jax.lipschitz import largest_gradient_norm, largest_slope
from gan_jax.losses import wasserstein
from gan_jax.networks import mlp
from gan_jax.networks.activations import ACTIVATIONS
from gan_jax.penalties import PENALTIES
from gan_jax.scores.manifold import precision_recall
from gan_jax.scores.modes import mode_scores
from gan_jax.systems import State, System
from gan_jax.systems.gan import gan
from gan_jax.types import Array, Critic, Key, Samples

WEIGHTS = (0.1, 1.0, 10.0)
BOUNDS = (1.0, 3.0, 10.0)  # times the constraint's own
SEEDS = (0, 1, 2)
_CHOOSING_SEED = 100
_OWN_BOUND = {"weight_clipping": 0.01}


class Game(NamedTuple):
    """A game, and what counts at its end.

    Attributes:
      generator: the module that plays it.
      data: `(key, count) -> (count, ...)`, real samples.
      score: `(samples, critic, key) -> scores`, a dictionary of numbers; `samples(count)` draws some.
      merit: `scores -> number`, the more the better, by which a strength is chosen.
      width, latent, batch_size, steps, learning_rate, b1: the usual.
    """

    generator: nn.Module
    data: Callable[[Key, int], Samples]
    score: Callable[[Callable[[int], Samples], Critic, Key], dict[str, Array]]
    merit: Callable[[dict[str, float]], float]
    width: int
    latent: int
    batch_size: int
    steps: int
    learning_rate: float
    b1: float


def strengths(method: str) -> list[float]:
    """What a method's strength is chosen from.

    >>> strengths("r1_r2"), strengths("weight_clipping")
    ([0.1, 1.0, 2.0, 10.0], [0.01, 0.03, 0.1])
    """
    if method in PENALTIES:
        return sorted({*WEIGHTS, PENALTIES[method].weight})
    return [round(times * _OWN_BOUND.get(method, 1.0), 6) for times in BOUNDS] if method in CONSTRAINTS else [0.0]


def play(game: Game, method: str) -> dict[str, Any]:
    """Choose the method's strength, play the game with every seed, and return both."""

    @jax.jit
    def end(seed: Array, strength: Array) -> dict[str, Array]:
        system, module, constraint = _system(game, method, strength)
        init_key, run_key, sample_key, score_key = jax.random.split(jax.random.key(seed), 4)

        def iteration(step: Array, state: State) -> State:
            data_key, update_key = jax.random.split(jax.random.fold_in(run_key, step))
            return system.update(state, update_key, {"sample": game.data(data_key, system.counts["images"])})[0]

        one = jax.eval_shape(lambda: game.data(init_key, 1)[0])
        state = lax.fori_loop(0, game.steps, iteration, system.init(init_key, {"sample": one}))
        params, _ = constraint.normalize(state.critic.params, state.critic.constraint)
        critic = constraint.wrap(partial(module.apply, params))
        return game.score(lambda count: system.sample(state, sample_key, count), critic, score_key)

    def scores(seed: int, strength: float) -> dict[str, float]:
        return {name: float(value) for name, value in end(jnp.uint32(seed), jnp.float32(strength)).items()}

    tried = {strength: game.merit(scores(_CHOOSING_SEED, strength)) for strength in strengths(method)}
    best = max(tried, key=lambda strength: np.nan_to_num(tried[strength], nan=-np.inf))
    return {"strength": best, "tried": {str(k): v for k, v in tried.items()}, "seeds": [scores(s, best) for s in SEEDS]}


def _system(game: Game, method: str, strength: Array) -> tuple[System, nn.Module, Any]:
    penalty = PENALTIES[method]._replace(weight=strength) if method in PENALTIES else None
    constraint = CONSTRAINTS[method](bound=strength) if method in CONSTRAINTS else UNCONSTRAINED
    activation = ACTIVATIONS["group_sort" if method == "bjorck" else "relu"]
    critic = mlp.Critic(width=game.width, activation=activation)
    adam = optax.adam(optax.cosine_decay_schedule(game.learning_rate, game.steps, alpha=0.01), game.b1, 0.9)
    critic_adam = optax.adam(optax.cosine_decay_schedule(game.learning_rate, 5 * game.steps, alpha=0.01), game.b1, 0.9)
    system = gan(
        generator=game.generator,
        critic=critic,
        loss=wasserstein,
        penalty=penalty,
        constraint=constraint,
        generator_optimizer=adam,
        critic_optimizer=critic_adam,
        latent=game.latent,
        batch_size=game.batch_size,
        critic_steps=5,
        ema_decay=0.99,
    )
    return system, critic, constraint


def _steepest(critic: Critic, real: Samples, fake: Samples) -> Array:
    """The largest slope that can be found among samples and between them."""
    both = jnp.concatenate([real, fake])
    return jnp.maximum(largest_slope(critic, both, both), largest_gradient_norm(critic, both, steps=0))


def _toy() -> Game:
    toy = gaussians_25()

    def score(samples, critic, key):
        found = mode_scores(samples=samples(10_000), modes=toy.modes, sd=toy.sd, within=4.0)  # as results/ has it
        slope = _steepest(critic, toy.sample(key, 300), samples(300))
        return {"modes": found.hit(20), "high_quality": found.high_quality, "slope": slope}

    return Game(
        generator=mlp.Generator(shape=(2,), width=64),
        data=toy.sample,
        score=score,
        merit=lambda scores: scores["high_quality"] * scores["modes"],
        **{"width": 64, "latent": 2, "batch_size": 128, "steps": 8000, "learning_rate": 2e-3, "b1": 0.0},
    )


def _digits() -> Game:
    digits = read("digits")
    held_out = jnp.asarray(digits.held_out.batch(slice(None))["sample"])

    def data(key: Key, count: int) -> Samples:
        pipeline = resident(digits.train, size=count, dequantization=0.15, replicate=lambda arrays: arrays)
        return pipeline.batch(jax.tree.map(jnp.asarray, pipeline.fetch(0, 1)), key, jnp.int32(0))["sample"]

    def score(samples, critic, key):
        real = lax.optimization_barrier(held_out)  # or else the compiler would sort its distances, slowly
        fake = samples(len(real))
        found = precision_recall(real=pixels(None, real).vectors, fake=pixels(None, postprocess(fake)).vectors, k=3)
        return {**found._asdict(), "slope": _steepest(critic, preprocess(real), fake)}

    return Game(
        generator=mlp.Generator(shape=(8, 8, 1), width=128),
        data=data,
        score=score,
        merit=lambda scores: min(scores["precision"], scores["recall"]),
        **{"width": 128, "latent": 32, "batch_size": 64, "steps": 3000, "learning_rate": 1e-3, "b1": 0.5},
    )


class _Noise(nn.Module):
    """Gives back the noise: a distribution that is known, and does not learn."""

    @nn.compact
    def __call__(self, noise: Array) -> Array:
        return noise + 0 * self.param("unused", nn.initializers.zeros, (1, 1))


def _ruler() -> Game:
    """Two Gaussians at a distance of 1, which is what the critic should say."""
    shift = jnp.array([[0.6, 0.8]])

    def real(key: Key, count: int) -> Samples:
        return shift + jax.random.normal(key, (count, 2))

    def score(samples, critic, key):
        fake = samples(20_000)
        distance = critic(real(key, 20_000)).mean() - critic(fake).mean()
        slope = _steepest(critic, real(key, 300), fake[:300])
        return {"distance": distance, "error": jnp.abs(distance - 1), "slope": slope}

    return Game(
        generator=_Noise(),
        data=real,
        score=score,
        merit=lambda scores: -scores["error"],
        **{"width": 64, "latent": 2, "batch_size": 256, "steps": 300, "learning_rate": 2e-3, "b1": 0.5},
    )


GAMES: dict[str, Callable[[], Game]] = {"25gaussians": _toy, "digits": _digits, "ruler": _ruler}
