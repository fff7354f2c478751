"""The alternating update: who moves when, against a plain version written out, and the averages and counts."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from labeled import LabeledCritic, LabeledGenerator

from gan_jax import losses, penalties
from gan_jax.constraints import Constraint
from gan_jax.errors import InputError
from gan_jax.networks import mlp
from gan_jax.penalties import PENALTIES, Penalty
from gan_jax.systems.gan import AugmentConfig, gan

KEY = jax.random.key(0)
GENERATOR, CRITIC = mlp.Generator(shape=(3,), width=5, depth=1), mlp.Critic(width=5, depth=1)
STEPS, BATCH, LATENT = 3, 4, 2
REAL = jax.random.normal(jax.random.key(9), (STEPS * BATCH, 3))
DATA = {"sample": REAL}
SPEC = {"sample": jax.ShapeDtypeStruct((3,), jnp.float32)}

plus_one = optax.stateless(lambda updates, _: jax.tree.map(jnp.ones_like, updates))
gradient_itself = optax.identity()


def system(**changes):
    settings = {
        "generator": GENERATOR,
        "critic": CRITIC,
        "loss": losses.wasserstein,
        "penalty": PENALTIES["wgan_gp"],
        "generator_optimizer": optax.adam(1e-2),
        "critic_optimizer": optax.adam(1e-2),
        "latent": LATENT,
        "batch_size": BATCH,
        "critic_steps": STEPS,
        "ema_decay": 0.9,
    }
    return gan(**settings | changes)


def moved(before, after):
    return jax.tree.map(lambda a, b: b - a, before, after)


@pytest.mark.slow
def test_each_network_moves_at_its_own_steps():
    """Optimizers that add one: three for the critic, one for the generator."""
    game = system(generator_optimizer=plus_one, critic_optimizer=plus_one)
    before = game.init(KEY, SPEC)
    after, _ = jax.jit(game.update)(before, KEY, DATA)
    chex.assert_trees_all_close(
        moved(before.critic.params, after.critic.params), jax.tree.map(lambda p: 0 * p + 3, before.critic.params)
    )
    chex.assert_trees_all_close(
        moved(before.generator, after.generator), jax.tree.map(lambda p: 0 * p + 1, before.generator)
    )
    assert int(after.step) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "points"),
    [("wasserstein", "interpolated"), ("wasserstein", "real"), ("relativistic", "fake"), ("relativistic", "both")],
)
def test_equal_to_the_update_written_out(loss, points):
    """Every pass by itself, every step in Python: the fakes stay, the critic moves thrice, then the generator."""
    optimizer = optax.sgd(0.1)
    points = penalties.POINTS[points]
    optimizers = {"generator_optimizer": optimizer, "critic_optimizer": optimizer}
    penalty = Penalty(points, penalties.two_sided(), weight=10.0)
    game = system(loss=losses.LOSSES[loss], penalty=penalty, **optimizers)
    state = game.init(KEY, SPEC)
    after, metrics = jax.jit(game.update)(state, KEY, DATA)

    fake_key, points_key, noise_key, _ = jax.random.split(KEY, 4)
    noise = jax.random.normal(fake_key, (STEPS * BATCH, LATENT))
    critic, gaps = state.critic.params, []
    for i, key in enumerate(jax.random.split(points_key, STEPS)):
        real = REAL[i * BATCH : (i + 1) * BATCH]
        fake = GENERATOR.apply(state.generator, noise[i * BATCH : (i + 1) * BATCH])

        def critic_loss(params, key=key, real=real, fake=fake):
            def score(x):
                return CRITIC.apply(params, x)

            penalty = penalties.gradient_penalty(score, points(key, real=real, fake=fake))
            return losses.LOSSES[loss].critic(real=score(real), fake=score(fake)).mean() + 10 * penalty.mean()

        gaps.append(CRITIC.apply(critic, real).mean() - CRITIC.apply(critic, fake).mean())
        critic = jax.tree.map(lambda p, g: p - 0.1 * g, critic, jax.grad(critic_loss)(critic))
    latents = jax.random.normal(noise_key, (BATCH, LATENT))

    def generator_loss(params, critic=critic):
        score = CRITIC.apply(critic, GENERATOR.apply(params, latents))
        return losses.LOSSES[loss].generator(real=CRITIC.apply(critic, REAL[-BATCH:]), fake=score).mean()

    value, gradient = jax.value_and_grad(generator_loss)(state.generator)
    generator = jax.tree.map(lambda p, g: p - 0.1 * g, state.generator, gradient)
    chex.assert_trees_all_close(after.critic.params, critic, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(after.generator, generator, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(metrics["wasserstein"], np.mean(gaps), rtol=1e-4)
    np.testing.assert_allclose(metrics["generator_loss"], value, rtol=1e-4)
    np.testing.assert_allclose(metrics["generator_param_grad_norm"], optax.tree.norm(gradient), rtol=1e-4)


def test_metrics_are_reported_apart():
    game = system()
    _, metrics = jax.jit(game.update)(game.init(KEY, SPEC), KEY, DATA)
    assert set(metrics) == {
        *("wasserstein", "critic_loss", "penalty", "critic_total", "slope", "critic_param_grad_norm"),
        *("generator_loss", "generator_param_grad_norm"),
    }
    chex.assert_shape(list(metrics.values()), ())
    chex.assert_type(list(metrics.values()), jnp.float32)
    np.testing.assert_allclose(metrics["critic_total"], metrics["critic_loss"] + 10 * metrics["penalty"], rtol=1e-5)
    np.testing.assert_allclose(metrics["critic_loss"], -metrics["wasserstein"], rtol=1e-5)


def test_a_whole_iteration_is_traced_once():
    game = system()
    update = jax.jit(chex.assert_max_traces(lambda *arguments: game.update(*arguments), n=1))
    state = game.init(KEY, SPEC)
    for step in range(3):
        state, _ = update(state, jax.random.fold_in(KEY, step), {"sample": REAL + step})
    assert int(state.step) == 3


def test_the_average_follows_the_generator_and_draws_the_samples():
    game = system(generator_optimizer=plus_one, ema_decay=0.15)
    state = game.init(KEY, SPEC)
    first = state.generator
    average = jnp.zeros(())
    for step in range(3):  # decays 0.1, 2/11 capped to 0.15, 0.15
        state, _ = jax.jit(game.update)(state, KEY, DATA)
        decay = min((1 + step) / (10 + step), 0.15)
        average = decay * average + (1 - decay) * (step + 1)
    chex.assert_trees_all_close(
        moved(first, state.generator_ema), jax.tree.map(lambda p: 0 * p + average, first), rtol=1e-4, atol=1e-5
    )
    noise = jax.random.normal(KEY, (5, LATENT))
    np.testing.assert_array_equal(game.sample(state, KEY, 5), GENERATOR.apply(state.generator_ema, noise))


@pytest.mark.slow
def test_a_diagnosis_measures_each_sample_against_the_generator_that_trains():
    """Not against its EMA, which the critic never met."""
    game = system()
    state = game.init(KEY, SPEC)
    state = state._replace(generator_ema=jax.tree.map(jnp.zeros_like, state.generator))
    measured = game.diagnose(state, KEY, DATA)
    chex.assert_shape(list(measured.values()), (len(REAL),))
    fake = GENERATOR.apply(state.generator, jax.random.normal(jax.random.split(KEY)[0], (len(REAL), LATENT)))
    np.testing.assert_allclose(
        measured["wasserstein"].mean(),
        CRITIC.apply(state.critic.params, REAL).mean() - CRITIC.apply(state.critic.params, fake).mean(),
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        measured["gradient_norm_at_real"],
        penalties.gradient_norm(lambda x: CRITIC.apply(state.critic.params, x), REAL),
        rtol=1e-5,
    )


def test_counts_and_batches_agree():
    game = system()
    assert game.counts == {"critic_steps": 3, "generator_steps": 1, "images": 12}
    with pytest.raises(ValueError, match="3 x 4 samples"):
        game.update(game.init(KEY, SPEC), KEY, {"sample": REAL[:-1]})


@pytest.mark.slow
def test_the_critic_learns_the_gap_and_the_generator_closes_it():
    """Points far from where the generator starts: after a while its samples are there."""
    adam = optax.adam(2e-3, 0.5)
    networks = {"generator": mlp.Generator(shape=(3,), width=32, depth=2), "critic": mlp.Critic(width=32, depth=2)}
    game = system(**networks, generator_optimizer=adam, critic_optimizer=adam)
    real = 0.5 + 0.05 * REAL
    state = game.init(KEY, SPEC)

    def body(state, step):
        return game.update(state, jax.random.fold_in(KEY, step), {"sample": real})

    state, metrics = jax.jit(lambda state: jax.lax.scan(body, state, jnp.arange(600)))(state)
    samples = game.sample(state, KEY, 500)
    np.testing.assert_allclose(samples.mean(axis=0), real.mean(axis=0), atol=0.1)
    assert metrics["wasserstein"][:20].mean() > 5 * jnp.abs(metrics["wasserstein"][-20:].mean())


@pytest.mark.slow
def test_without_a_penalty_there_is_none():
    """As with a weight of zero, and without the gradient: no second derivative is taken."""
    state = system().init(KEY, SPEC)
    free, metrics = jax.jit(system(penalty=None).update)(state, KEY, DATA)
    weightless, _ = jax.jit(system(penalty=PENALTIES["wgan_gp"]._replace(weight=0.0)).update)(state, KEY, DATA)
    chex.assert_trees_all_close(free.critic, weightless.critic, rtol=1e-5)
    assert not {"penalty", "slope", "critic_total"} & {*metrics}
    measured = system(penalty=None).diagnose(state, KEY, DATA)
    assert {*measured} == {"wasserstein", "critic_loss", "gradient_norm_at_real", "gradient_norm_at_fake"}


@pytest.mark.slow
def test_a_lazy_penalty_has_a_step_of_its_own_at_every_third_of_the_critics():
    """Eight steps of the critic in two iterations, in Python: a step on the loss, and thrice one on the penalty."""
    every, steps, weight = 3, 4, 2.0
    batch = jax.random.normal(jax.random.key(5), (steps * BATCH, 3))
    penalty = Penalty(penalties.at_both, penalties.two_sided(), slope=penalties.SLOPES["noisy"], weight=weight)
    adam = optax.adam(1e-2, 0.5, 0.9)
    game = system(
        critic=mlp.Critic(width=5, depth=1, activation=jnp.tanh),
        loss=losses.non_saturating,  # the last bias of a critic of differences has no gradient but rounding
        penalty=penalty._replace(every=every),
        critic_optimizer=adam,
        critic_steps=steps,
    )
    critic = mlp.Critic(width=5, depth=1, activation=jnp.tanh)
    state = game.init(KEY, SPEC)
    params, optimizer = state.critic.params, state.critic.optimizer

    @jax.jit
    def on_loss(params, real, fake):
        def value(params):
            return losses.minimax_critic(real=critic.apply(params, real), fake=critic.apply(params, fake)).mean()

        return jax.grad(value)(params)

    @jax.jit
    def on_penalty(params, key, real, fake):
        def value(params):
            def score(x):
                return critic.apply(params, x)

            scored = penalties.score_batch(score, penalty.points, key, real=real, fake=fake)
            slope = penalty.slope(scored, key)
            return every * weight * ((slope - 1) ** 2).mean(), slope.mean()

        (value, slope), gradient = jax.value_and_grad(value, has_aux=True)(params)
        return gradient, value / weight, every * slope

    def step(params, optimizer, gradient):
        with jax.numpy_dtype_promotion("standard"):
            updates, optimizer = adam.update(gradient, optimizer, params)
        return optax.apply_updates(params, updates), optimizer

    update, count = jax.jit(game.update), 0
    for iteration in range(2):
        key = jax.random.fold_in(KEY, iteration)
        fake_key, _, _, slope_key = jax.random.split(key, 4)
        noise = jax.random.normal(fake_key, (steps, BATCH, LATENT))
        totals, slopes = [], []
        for i, step_key in enumerate(jax.random.split(slope_key, steps)):
            real, fake = batch[i * BATCH : (i + 1) * BATCH], GENERATOR.apply(state.generator, noise[i])
            params, optimizer = step(params, optimizer, on_loss(params, real, fake))
            due = count % 3 == 0
            if due:
                gradient, value, slope = on_penalty(params, step_key, real, fake)
                params, optimizer = step(params, optimizer, gradient)
            totals.append(value if due else 0.0)
            slopes.append(slope if due else 0.0)
            count += 1
        state, metrics = update(state, key, {"sample": batch})
        chex.assert_trees_all_close(state.critic.params, params, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(metrics["penalty"], np.mean(totals), rtol=1e-3)
        np.testing.assert_allclose(metrics["slope"], np.mean(slopes), rtol=1e-3)
        np.testing.assert_allclose(
            metrics["critic_total"], metrics["critic_loss"] + weight * metrics["penalty"], rtol=1e-5
        )
    assert count == 8
    assert int(optax.tree.get(state.critic.optimizer, "count")) == 8 + 3


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("every", [1, 3])
def test_every_penalty_fits_the_update(name, every):
    """Traced only: state and metrics keep their shapes and types."""
    game = system(penalty=PENALTIES[name]._replace(every=every))
    state = jax.eval_shape(lambda: game.init(KEY, SPEC))
    after, metrics = jax.eval_shape(game.update, state, KEY, DATA)
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
    assert {"penalty", "critic_total"} <= {*metrics}
    assert {(metric.shape, metric.dtype) for metric in metrics.values()} == {((), jnp.dtype("float32"))}


def test_scores_averages_are_means_at_first_and_then_forget():
    """After 100 steps a step counts for a hundredth; the penalty looks at the averages before its step."""
    game = system(penalty=PENALTIES["lecam"], critic_steps=1)
    state = game.init(KEY, SPEC)
    np.testing.assert_array_equal(state.critic.score_means, [0, 0])
    update, means = jax.jit(game.update), []
    for step in range(5):
        if step == 4:
            state = state._replace(step=jnp.int32(1000))
        key, before = jax.random.fold_in(KEY, step), state.critic.score_means
        real = REAL[step : step + BATCH]
        noise = jax.random.normal(jax.random.split(key, 4)[0], (BATCH, LATENT))
        real_score, fake_score = (
            CRITIC.apply(state.critic.params, x) for x in (real, GENERATOR.apply(state.generator, noise))
        )
        means.append([real_score.mean(), fake_score.mean()])
        state, metrics = update(state, key, {"sample": real})
        expected = 0.99 * before + 0.01 * np.array(means[-1]) if step == 4 else np.mean(means, axis=0)
        np.testing.assert_allclose(state.critic.score_means, expected, rtol=1e-4, atol=1e-6)
        squares = ((real_score - before[1]) ** 2).mean() + ((fake_score - before[0]) ** 2).mean()
        np.testing.assert_allclose(metrics["penalty"], squares / 4, rtol=1e-4)


@pytest.mark.parametrize(("every", "moves"), [(1, 3), (2, 5), (3, 4)])
def test_the_critic_is_projected_at_first_and_after_each_of_its_steps(every, moves):
    def halved(params):
        return jax.tree.map(lambda leaf: leaf / 2, params)

    penalty = PENALTIES["r1"]._replace(every=every)
    game = system(penalty=penalty, constraint=Constraint(project=halved), critic_optimizer=plus_one)
    before = game.init(KEY, SPEC)
    chex.assert_trees_all_close(before.critic.params, halved(system(penalty=penalty).init(KEY, SPEC).critic.params))
    after, _ = jax.jit(game.update)(before, KEY, DATA)
    expected = before.critic.params
    for _ in range(moves):
        expected = jax.tree.map(lambda leaf: (leaf + 1) / 2, expected)
    chex.assert_trees_all_close(after.critic.params, expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 2])
def test_what_a_constraint_iterates_on_is_carried_from_step_to_step(every):
    """Once for each step on the loss; the parameters themselves stay as they are."""

    def start(key, params):
        return jnp.zeros((), jnp.int32)

    def normalize(params, count):
        return jax.tree.map(lambda leaf: leaf * count, params), count + 1

    with jax.numpy_dtype_promotion("standard"):
        game = system(
            penalty=PENALTIES["r1"]._replace(every=every), constraint=Constraint(init=start, normalize=normalize)
        )
        before = game.init(KEY, SPEC)
        after, _ = jax.jit(game.update)(before, KEY, DATA)
        assert int(after.critic.constraint) == STEPS
        assert int(jax.jit(game.update)(after, KEY, DATA)[0].critic.constraint) == 2 * STEPS
        once = system(critic_steps=1, constraint=Constraint(init=start, normalize=normalize))
        _, metrics = jax.jit(once.update)(before, KEY, {"sample": REAL[:BATCH]})
    np.testing.assert_array_equal(metrics["wasserstein"], 0)  # the parameters times zero
    np.testing.assert_array_equal(metrics["slope"], 0)


@pytest.mark.slow
def test_the_critic_is_wrapped_wherever_it_is_used():
    def doubled(critic):
        return lambda x: 2 * critic(x)

    plain, wrapped = (
        system(critic_steps=1, critic_optimizer=optax.set_to_zero(), constraint=constraint)
        for constraint in (Constraint(), Constraint(wrap=doubled))
    )
    state = plain.init(KEY, SPEC)
    once, twice = (jax.jit(game.update)(state, KEY, {"sample": REAL[:BATCH]})[1] for game in (plain, wrapped))
    for name in ("wasserstein", "slope", "generator_loss", "generator_param_grad_norm"):
        np.testing.assert_allclose(twice[name], 2 * once[name], rtol=1e-4, err_msg=name)
    once, twice = (game.diagnose(state, KEY, DATA) for game in (plain, wrapped))
    chex.assert_trees_all_close(twice, jax.tree.map(lambda value: 2 * value, once), rtol=1e-4)


@pytest.mark.parametrize(("penalty", "loss"), [("gan_qp", "hinge"), ("lecam", "relativistic")])
def test_a_penalty_that_does_not_fit_the_loss_is_one_line(penalty, loss):
    with pytest.raises(InputError, match=r"^penalty: .*wasserstein") as error:
        system(penalty=PENALTIES[penalty], loss=losses.LOSSES[loss])
    assert "\n" not in str(error.value)
    system(penalty=PENALTIES[penalty], loss=losses.wasserstein)


LABELS = jnp.arange(STEPS * BATCH, dtype=jnp.int32) % 4
LABELED = {"sample": REAL.at[:, -1].set(LABELS.astype(jnp.float32)), "label": LABELS}
LABELED_SPEC = SPEC | {"label": jax.ShapeDtypeStruct((), jnp.int32)}


@pytest.mark.slow
@pytest.mark.parametrize("points", ["interpolated", "real", "both"])
@pytest.mark.parametrize("every", [1, 2])
def test_a_label_stays_with_its_sample(points, every):
    """In the critic's losses, at the penalty's points, in the generator's loss, and in the diagnosis."""
    penalty = Penalty(penalties.POINTS[points], penalties.two_sided(), weight=10.0, every=every)
    game = system(generator=LabeledGenerator(), critic=LabeledCritic(), penalty=penalty)
    state = game.init(KEY, LABELED_SPEC)
    state, metrics = jax.jit(game.update)(state, KEY, LABELED)
    assert abs(metrics["critic_loss"]) < 100
    assert abs(metrics["generator_loss"]) < 100
    assert metrics["penalty"] < 100
    chex.assert_tree_all_finite(state)
    assert all(jnp.abs(values).max() < 100 for values in game.diagnose(state, KEY, LABELED).values())
    np.testing.assert_array_equal(game.sample(state, KEY, 4, {"label": LABELS[:4]})[:, -1], LABELS[:4])
    assert {*np.asarray(game.sample(state, KEY, 50)[:, -1]).tolist()} == {0, 1, 2, 3}
    latents = game.encode(state, KEY, {"sample": LABELED["sample"][:2], "label": LABELS[2:4]})
    np.testing.assert_array_equal(game.decode(state, latents, {"label": LABELS[2:4]})[:, -1], LABELS[2:4])


def test_points_between_unlike_labels_are_refused():
    penalty = Penalty(penalties.mix, penalties.two_sided(), weight=10.0)
    with pytest.raises(InputError, match=r"^penalty.points: .*unlike labels"):
        system(generator=LabeledGenerator(), critic=LabeledCritic(), penalty=penalty)
    game = system(generator=LabeledGenerator(), penalty=penalty)  # whose critic takes none
    jax.eval_shape(lambda: game.update(game.init(KEY, LABELED_SPEC), KEY, LABELED))


@pytest.mark.slow
def test_samples_are_encoded_and_decoded():
    game = system(generator=mlp.Generator(shape=(3,), width=16, depth=1))
    state = game.init(KEY, SPEC)
    samples = game.sample(state, KEY, 2)
    latents = game.encode(state, jax.random.key(3), {"sample": samples})
    assert latents.shape == (2, LATENT)
    np.testing.assert_allclose(game.decode(state, latents), samples, atol=0.05)


def test_every_metric_is_described():
    for penalty in (None, PENALTIES["wgan_gp"], PENALTIES["lecam"], PENALTIES["r1"]._replace(every=2)):
        game = system(penalty=penalty)
        state = jax.eval_shape(lambda game=game: game.init(KEY, SPEC))
        _, metrics = jax.eval_shape(game.update, state, KEY, DATA)
        measured = jax.eval_shape(game.diagnose, state, KEY, DATA)
        assert {*metrics, *measured} == {*game.metrics}


LINEAR_IMAGES = jax.random.uniform(KEY, (BATCH, 6, 6, 1), minval=-1)


@pytest.mark.slow
def test_penalties_are_taken_through_the_augmentation_in_the_image_as_it_is():
    """Of a linear critic, the slope behind a box of zeros is the norm of the weights outside it."""

    class Linear(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(1)(x.reshape(len(x), -1)).squeeze(-1)

    def half(key, image, strength):
        return image.at[:, :3].set(0.0)

    settings = {"generator": mlp.Generator(shape=(6, 6, 1), width=4), "critic": Linear(), "critic_steps": 1}
    for points in ("real", "both", "interpolated"):
        penalty = Penalty(penalties.POINTS[points], penalties.zero_centered(), weight=0.0)
        game = system(**settings, penalty=penalty, augment=AugmentConfig((half,)))
        state = game.init(KEY, {"sample": jax.ShapeDtypeStruct((6, 6, 1), jnp.float32)})
        weights = state.critic.params["params"]["Dense_0"]["kernel"].reshape(6, 6)
        _, metrics = jax.jit(game.update)(state, KEY, {"sample": LINEAR_IMAGES})
        np.testing.assert_allclose(metrics["slope"], jnp.linalg.norm(weights[:, 3:]), rtol=1e-5)
    whole = system(**settings, penalty=penalty, augment=AugmentConfig((half,), strength=0.0))
    assert "augment_strength" in whole.metrics
    assert "augment_strength" not in system(**settings, penalty=penalty).metrics


@pytest.mark.slow
def test_augmentations_without_strength_change_nothing():
    settings = {"generator": mlp.Generator(shape=(6, 6, 1), width=4), "critic": mlp.Critic(width=4), "critic_steps": 1}
    spec, data = {"sample": jax.ShapeDtypeStruct((6, 6, 1), jnp.float32)}, {"sample": LINEAR_IMAGES}
    plain, absent = (
        system(**settings, augment=augment) for augment in (AugmentConfig(), AugmentConfig(("blit",), strength=0.0))
    )
    states = [jax.jit(game.update)(game.init(KEY, spec), KEY, data)[0] for game in (plain, absent)]
    chex.assert_trees_all_close(*states, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_the_strength_follows_the_signs_of_real_scores():
    """Up while the critic is sure of what is real, every fourth step, whatever the number of critic steps."""
    augment = AugmentConfig(("translation",), strength=0.25, target=0.0, images=4 * BATCH * 10)
    critic = mlp.Critic(width=4)
    game = system(generator=mlp.Generator(shape=(6, 6, 1), width=4), critic=critic, augment=augment)
    state = game.init(KEY, {"sample": jax.ShapeDtypeStruct((6, 6, 1), jnp.float32)})
    state = state._replace(critic=state.critic._replace(params=jax.tree.map(jnp.abs, state.critic.params)))
    update, data = jax.jit(game.update), {"sample": jnp.abs(jnp.concatenate([LINEAR_IMAGES] * STEPS))}
    signs = []
    for step in range(4):
        state, metrics = update(state, jax.random.fold_in(KEY, step), data)
        signs.append(float(metrics["real_sign"]))
    assert min(signs) > 0
    np.testing.assert_allclose(state.critic.augment.strength, 0.25 + 3 * 0.1, rtol=1e-5)
    assert int(state.critic.augment.steps) == 0


def test_points_between_samples_of_unlike_augmentations_are_refused():
    penalty = Penalty(penalties.mix, penalties.two_sided(), weight=10.0)
    with pytest.raises(InputError, match=r"^penalty.points: .*augmentations"):
        system(penalty=penalty, augment=AugmentConfig(("cutout",)))


@pytest.mark.slow
def test_shuffled_labels_are_the_batchs_in_another_order_for_generator_and_critic():
    """A sample that meets another's label costs 1000: none does, though the generated ones are of other labels."""
    met = []

    class Watching(LabeledGenerator):
        def __call__(self, noise, label):
            jax.debug.callback(lambda label: met.append(np.asarray(label)), label)
            return super().__call__(noise, label)

    networks = {"critic": LabeledCritic(), "penalty": PENALTIES["r1"], "loss": losses.hinge}
    game = system(generator=Watching(), shuffles_labels=True, **networks)
    state = game.init(KEY, LABELED_SPEC)
    met.clear()
    _, metrics = jax.jit(game.update)(state, KEY, LABELED)
    jax.effects_barrier()
    assert abs(float(metrics["critic_loss"])) < 100
    assert abs(float(metrics["generator_loss"])) < 100
    of_critic_steps = max(met, key=len)
    assert of_critic_steps.tolist() != LABELS.tolist()
    for drawn, given in zip(of_critic_steps.reshape(STEPS, BATCH), LABELS.reshape(STEPS, BATCH), strict=True):
        assert sorted(drawn.tolist()) == sorted(given.tolist())
    with pytest.raises(InputError, match=r"^penalty.points: of both a real and a generated sample"):
        system(generator=LabeledGenerator(), critic=LabeledCritic(), shuffles_labels=True)


class Cliff(nn.Module):
    """Scores 3 with a gradient that is NaN."""

    @nn.compact
    def __call__(self, x):
        bias = self.param("bias", nn.initializers.zeros, (2,))
        return 3 + jnp.sqrt(x.sum(axis=1) * 0 + bias[0]) + bias[1]


@pytest.mark.slow
def test_gradients_that_are_not_finite_are_hidden_and_counted():
    game = system(critic=Cliff(), penalty=None, nan_to_num=True, critic_optimizer=optax.sgd(1.0))
    state = game.init(KEY, SPEC)
    new, metrics = jax.jit(game.update)(state, KEY, DATA)
    assert float(metrics["critic_nonfinite"]) == 1  # of each step one of two numbers
    assert float(metrics["generator_nonfinite"]) > 0
    chex.assert_tree_all_finite(new)
    assert set(metrics) <= set(game.metrics)
    plain = system(critic=Cliff(), penalty=None, critic_optimizer=optax.sgd(1.0))
    after, metrics = jax.jit(plain.update)(state, KEY, DATA)
    assert "critic_nonfinite" not in metrics
    assert not np.isfinite(after.critic.params["params"]["bias"]).all()


def test_the_generators_constraint_projects_it_after_each_step():
    halved = Constraint(project=lambda params: jax.tree.map(lambda leaf: leaf / 2, params))
    game = system(generator_constraint=halved, generator_optimizer=plus_one)
    before = game.init(KEY, SPEC)
    after, _ = jax.jit(game.update)(before, KEY, DATA)
    chex.assert_trees_all_close(after.generator, jax.tree.map(lambda p: (p + 1) / 2, before.generator), rtol=1e-5)
