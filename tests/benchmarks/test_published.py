"""Comparisons of penalties and of augmentation: schedules end with the runs, and curves hold what is drawn."""

import pytest

from benchmarks import augmentation
from benchmarks.published import PAIRS, SETTINGS, VARIANTS, cell
from gan_jax import GAN, AugmentConfig, CriticConfig, DataConfig, EvaluationConfig, Experiment, GeneratorConfig
from gan_jax.losses import LOSSES
from gan_jax.penalties import PENALTIES


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("penalty", PAIRS)
def test_a_cell_has_its_pair_and_rates_that_fall_until_its_end(penalty, variant):
    for experiment in SETTINGS.values():
        gan = cell(experiment, penalty, variant, seed=1).gan
        assert gan.loss in LOSSES
        assert gan.penalty.name in {"none", *PENALTIES}
        seen = experiment.batch_size * gan.critic_steps * experiment.steps
        for optimizer in (gan.critic_optimizer, gan.generator_optimizer):
            assert optimizer.learning_rate.images == seen
        assert bool(gan.augment.policies) == (variant == "augmented")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected
def test_curves_are_of_distance_gap_and_strength(tmp_path):
    small = {"width": 8, "depth": 1}
    experiment = Experiment(
        data=DataConfig(source="digits"),
        gan=GAN(
            generator=GeneratorConfig(latent=4, **small),
            critic=CriticConfig(**small),
            augment=AugmentConfig(("translation",), strength=0.0, target=0.6, images=1_000),
        ),
        batch_size=16,
        steps=4,
        log_every=2,
        evaluation=EvaluationConfig(every=2, n=12, features="pixels"),
    )
    adaptive = augmentation.curve(experiment, "ada", 0)
    assert [row["step"] for row in adaptive["rows"]] == [2, 4]
    assert adaptive["rows"][-1]["strength"] > 0
    augmentation.plot({"ada/0": adaptive, "none/0": adaptive}, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000
