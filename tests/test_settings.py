"""Settings from command lines and JSON; every mistake is one line that names the setting."""

import dataclasses
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_jax import (
    GAN,
    AdamConfig,
    AugmentConfig,
    ConstraintConfig,
    Cosine,
    CriticConfig,
    DataConfig,
    EvaluationConfig,
    Experiment,
    GeneratorConfig,
    HalfLife,
    PathLengthConfig,
    PenaltyConfig,
)
from gan_jax.config import parse_value
from gan_jax.errors import InputError
from gan_jax.penalties import at_real, two_sided
from gan_jax.runs.experiment import FREE
from gan_jax.settings import differences, from_json, override, settings_of, to_json

experiments = st.builds(
    Experiment,
    data=st.builds(DataConfig, source=st.sampled_from(["digits", "a/b.npz"]), dir=st.sampled_from([None, "x y"])),
    gan=st.builds(
        GAN,
        generator=st.builds(GeneratorConfig, name=st.sampled_from(["mlp", "dcgan"]), latent=st.integers(1, 99)),
        critic=st.builds(CriticConfig, depth=st.none() | st.integers(1, 9)),
        loss=st.sampled_from(["wasserstein", "hinge"]),
        penalty=st.builds(
            PenaltyConfig,
            name=st.sampled_from(["none", "wgan_gp", "lecam"]),
            weight=st.none() | st.floats(0, 100),
            points=st.sampled_from([None, "mixed"]),
            slope=st.sampled_from([None, "pair"]),
            shape=st.sampled_from([None, "one_sided", "two_sided"]),
            every=st.none() | st.integers(1, 99),
        ),
        constraint=st.builds(
            ConstraintConfig, name=st.sampled_from(["none", "bjorck"]), bound=st.none() | st.floats(1e-3, 9)
        ),
        critic_optimizer=st.builds(AdamConfig, learning_rate=st.floats(1e-9, 1)),
    ),
    steps=st.integers(1, 10**9),
    evaluation=st.builds(EvaluationConfig, scores=st.sampled_from([("frechet",), ("kernel", "frechet")])),
)


@given(experiments)
def test_json_keeps_every_setting(experiment):
    assert from_json(Experiment, to_json(experiment)) == experiment


def test_json_keeps_schedules():
    rate = Cosine(first=1e-3, last=0.0, images=100)
    for life in (HalfLife(100.0, ramp=None), HalfLife(rate)):
        experiment = Experiment(gan=GAN(critic_optimizer=AdamConfig(learning_rate=rate, b2=rate), ema_decay=life))
        assert from_json(Experiment, to_json(experiment)) == experiment
    assert override(experiment, "gan.ema_decay.images.last", "3").gan.ema_decay.images.last == 3


@given(experiments)
def test_a_command_line_can_give_every_setting(experiment):
    made = Experiment()
    for setting in settings_of(experiment):
        text = "null" if setting.value is None else str(setting.value)
        text = ",".join(setting.value) if isinstance(setting.value, tuple) else text
        made = override(made, setting.name, text)
    assert made == experiment


def overridden(experiment, **texts):
    for name, text in texts.items():
        experiment = override(experiment, name.replace("__", "."), text)
    return experiment


def test_what_is_overridden_leaves_the_rest():
    before = Experiment(batch_size=32, gan=GAN(critic_steps=2, penalty=PenaltyConfig(bound=3.0)))
    after = overridden(before, gan__penalty__weight="5", steps="200", seed="1", gan__critic_steps="4", data__dir="a-b")
    assert after == dataclasses.replace(
        before,
        data=DataConfig(dir="a-b"),
        steps=200,
        seed=1,
        gan=GAN(critic_steps=4, penalty=PenaltyConfig(weight=5.0, bound=3.0)),
    )


def test_every_setting_is_explained():
    for setting in settings_of(Experiment()):
        assert setting.help, setting.name


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gan.penalty.weigth", "5", "no such setting"),
        ("stepz", "5", "no such setting"),
        ("steps.more", "5", "no such setting"),
        ("vae.width", "5", "no such setting"),
        ("steps", "many", "'many'"),
        ("steps", "2.5", "2.5"),
        ("steps", "", "''"),
        ("batch_size", "-4", "-4"),
        ("gan.critic_steps", "0", "0"),
        ("gan.penalty.weight", "-1", "-1"),
        ("gan.penalty.weight", "nan", "nan"),
        ("gan.penalty.shape", "round", "two_sided.*round"),
        ("gan.penalty.name", "wgan_pg", "wgan_gp.*wgan_pg"),
        ("gan.penalty.points", "nowhere", "interpolated.*nowhere"),
        ("gan.penalty.points", "none", "none"),
        ("gan.penalty.slope", "steep", "gradient.*steep"),
        ("gan.penalty.every", "0", "0"),
        ("gan.penalty.every", "1.5", "1.5"),
        ("gan.constraint.name", "weight_cliping", "weight_clipping.*weight_cliping"),
        ("gan.constraint.bound", "0", "0"),
        ("gan.critic.name", "unet", "unet"),
        ("gan.ema_decay", "1", "1"),
        ("gan.critic_optimizer.learning_rate", "0", "0"),
        ("gan.precision", "float16", "bfloat16.*float16"),
        ("seed", "-1", "-1"),
        ("seed", "4294967296", "4294967296"),
        ("steps", "3000000000", "3000000000"),
        ("data.dequantization", "inf", "inf"),
        ("evaluation.scores", "frechet,fid", "fid"),
    ],
)
def test_bad_values_are_one_line_that_names_the_setting(name, text, message):
    with pytest.raises(InputError, match=rf"^{name}: .*{message}") as error:
        override(Experiment(), name, text)
    assert "\n" not in str(error.value)
    assert error.value.as_option().startswith(f"--{name.replace('_', '-')}: ")


@pytest.mark.parametrize(
    ("construct", "message"),
    [
        (lambda: Experiment(batch_size=-1), "^batch_size: .*-1"),
        (lambda: Experiment(batch_size=True), "^batch_size: .*True"),
        (lambda: Experiment(batch_size="5"), "^batch_size: .*'5'"),
        (lambda: Experiment(batchsize=5), "^batchsize: there is no such field; choose one of data, gan"),
        (lambda: GAN(critic=None), "^critic: .*CriticConfig.*None"),
        (lambda: GAN(loss=len), "^loss: .*wasserstein.*a Loss.*len"),
        (lambda: GAN(loss="wassserstein"), "^loss: .*wasserstein.*'wassserstein'"),
        (lambda: GAN(critic_optimizer=1e-3), "^critic_optimizer: .*AdamConfig or an optax optimizer.*0.001"),
        (lambda: PenaltyConfig("none", weight=-1), "^weight: .*-1"),
        (lambda: PenaltyConfig(5), "^name: .*5"),
        (lambda: DataConfig(source=5), "^source: .*5"),
        (lambda: Experiment(gan=GAN(), system=AdamConfig()), "an experiment has one system, not gan and system"),
        (lambda: Experiment(system=5), "^system: .*build.*5"),
    ],
)
def test_values_are_checked_when_a_configuration_is_made(construct, message):
    with pytest.raises(InputError, match=message) as error:
        construct()
    assert "\n" not in str(error.value)


ODD = [None, True, [], {}, (), "", "nonsense", math.nan, math.inf, 1e300, 1e-300, -1, -0.5, 0, 3.5, 2**33, 10**400]
ODD += [b"x", object(), [5], {"a": 1}, ("a",), 1 + 2j]
CONFIGS = [DataConfig, EvaluationConfig, GeneratorConfig, CriticConfig, PenaltyConfig, ConstraintConfig, AdamConfig]
CONFIGS += [AugmentConfig, HalfLife, Cosine, PathLengthConfig, GAN, Experiment]
NEEDED = {Cosine: {"first": 1.0, "last": 1.0, "images": 1}, HalfLife: {"images": 1.0}}
ZERO = ("b1", "b2", "ema_decay", "dequantization", "weight", "bound", "strength", "target", "first", "last", "images")
ZERO += ("decay", "style_mixing")
FIELDS = [(config, field.name) for config in CONFIGS for field in dataclasses.fields(config)]


@pytest.mark.parametrize(("config", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_odd_values_are_one_line_that_names_the_field(config, name):
    """What is taken is none, a name, or a number that float32 or int32 holds."""
    for value in ODD:
        taken, message = None, None
        try:
            taken = getattr(config(**NEEDED.get(config, {}) | {name: value}), name)
        except InputError as error:
            message = str(error)
        assert message is None or re.fullmatch(rf"{name}: .{{10,340}}", message)
        assert taken is None or taken == () or isinstance(taken, str | int | float) or dataclasses.is_dataclass(taken)
        if isinstance(taken, float) and name not in ZERO:
            assert np.float32(taken) not in (0, np.inf)
        assert taken is not True or name in ("conditional", "residual", "mirror", "chunked", "nan_to_num")
        assert taken not in (1e300, math.inf, "", 10**400)


def test_a_list_of_scores_has_one():
    assert override(Experiment(), "evaluation.scores", "kernel, frechet").evaluation.scores == ("kernel", "frechet")
    with pytest.raises(InputError, match=r"^evaluation.scores: .*at least 1 item"):
        override(Experiment(), "evaluation.scores", "[]")


def test_json_that_holds_no_experiment():
    with pytest.raises(InputError, match=r"^unknown: there is no such setting"):
        from_json(Experiment, {"unknown": 1})
    with pytest.raises(InputError, match=r"^gan.critic.widht: there is no such setting"):
        from_json(Experiment, {"gan": {"critic": {"widht": 1}}})
    with pytest.raises(InputError, match=r"^gan.critic.width: .*'wide'"):
        from_json(Experiment, {"gan": {"critic": {"width": "wide"}}})


def test_differences_name_what_changes_the_result_and_nothing_else():
    before = Experiment()
    assert differences(to_json(before), to_json(dataclasses.replace(before, steps=7, log_every=3)), FREE) == []
    after = dataclasses.replace(before, gan=GAN(penalty=PenaltyConfig(weight=5.0)), seed=2)
    assert differences(to_json(before), to_json(after)) == ["gan.penalty.weight: None became 5.0", "seed: 0 became 2"]


def test_functions_that_are_dataclasses_are_no_configurations():
    """Points and shapes: their fields are no options, and an experiment file brings them back."""
    experiment = Experiment(gan=GAN(penalty=PenaltyConfig(points=at_real, shape=two_sided(bound=2.0))))
    assert not [setting.name for setting in settings_of(experiment) if setting.name.startswith("gan.penalty.shape.")]
    settings = to_json(experiment)
    assert settings["gan"]["penalty"]["points"] == {"import": "gan_jax.penalties.points:at_real"}
    assert settings["gan"]["penalty"]["shape"] == {"own": "BoundedShape"}
    assert from_json(Experiment, settings, experiment) == experiment
    assert override(experiment, "gan.penalty.shape", "one_sided").gan.penalty.shape == "one_sided"


def test_several_numbers_are_read_as_numbers():
    assert parse_value(tuple[int, ...], "1, 2") == (1, 2)
    with pytest.raises(InputError, match="'x'"):
        parse_value(tuple[int, ...], "1,x")
