"""Experiments from files, command lines and JSON; every mistake is one line that names the setting."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_jax.errors import InputError
from gan_jax.runs.experiment import GAN, Adam, Constraint, Critic, Data, Experiment, Generator, Penalty
from gan_jax.runs.settings import differences, experiment_of, from_json, load, parse, parser, to_json

experiments = st.builds(
    Experiment,
    data=st.builds(Data, source=st.sampled_from(["digits", "a/b.npz"]), dir=st.sampled_from([None, "x y"])),
    gan=st.builds(
        GAN,
        generator=st.builds(Generator, name=st.sampled_from(["mlp", "dcgan"]), latent=st.integers(1, 99)),
        critic=st.builds(Critic, depth=st.none() | st.integers(1, 9)),
        loss=st.sampled_from(["wasserstein", "hinge"]),
        penalty=st.builds(
            Penalty,
            name=st.sampled_from(["none", "wgan_gp", "lecam"]),
            weight=st.none() | st.floats(0, 100),
            points=st.sampled_from([None, "mixed"]),
            slope=st.sampled_from([None, "pair"]),
            shape=st.sampled_from([None, "one_sided", "two_sided"]),
            every=st.none() | st.integers(1, 99),
        ),
        constraint=st.builds(
            Constraint, name=st.sampled_from(["none", "bjorck"]), bound=st.none() | st.floats(1e-3, 9)
        ),
        critic_optimizer=st.builds(Adam, learning_rate=st.floats(1e-9, 1), decay_steps=st.none()),
    ),
    steps=st.integers(1, 10**9),
)


def parser_of(experiment):
    """As the commands use it, with the settings of a file as defaults."""
    of_file = parser()
    of_file.set_defaults(to_json(experiment))
    return of_file


@given(experiments)
def test_json_and_the_command_line_keep_every_setting(experiment):
    assert from_json(to_json(experiment)) == experiment
    assert experiment_of(parse(parser_of(experiment), [])) == experiment


def test_options_override_the_file_and_leave_the_rest():
    before = Experiment(batch_size=32, gan=GAN(critic_steps=2, penalty=Penalty(bound=3.0)))
    options = [
        "--gan.penalty.weight",
        "5",
        "--steps=200",
        "--seed",
        "1",
        "--gan.critic-steps",
        "4",
        "--data-dir",
        "a-b",
    ]
    after = experiment_of(parse(parser_of(before), options))
    assert after == dataclasses.replace(
        before,
        data=Data(dir="a-b"),
        steps=200,
        seed=1,
        gan=GAN(critic_steps=4, penalty=Penalty(weight=5.0, bound=3.0)),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--gan.penalty.weigth 5", "gan.penalty.weigth"),
        ("--stepz 5", "stepz"),
        ("--steps many", "steps: .*'many'"),
        ("--steps 2.5", "steps: .*2.5"),
        ("--steps", "steps"),
        ("--batch_size -4", "batch_size: .*-4"),
        ("--gan.critic_steps 0", "gan.critic_steps: .*0"),
        ("--gan.penalty.weight -1", "gan.penalty.weight: .*-1"),
        ("--gan.penalty.weight nan", "gan.penalty.weight: .*nan"),
        ("--gan.penalty.shape round", "gan.penalty.shape: .*two_sided.*round"),
        ("--gan.penalty.name wgan_pg", "gan.penalty.name: .*wgan_gp.*wgan_pg"),
        ("--gan.penalty.points nowhere", "gan.penalty.points: .*interpolated.*nowhere"),
        ("--gan.penalty.points none", "gan.penalty.points: .*none"),
        ("--gan.penalty.slope steep", "gan.penalty.slope: .*gradient.*steep"),
        ("--gan.penalty.every 0", "gan.penalty.every: .*0"),
        ("--gan.penalty.every 1.5", "gan.penalty.every: .*1.5"),
        ("--gan.constraint.name weight_cliping", "gan.constraint.name: .*weight_clipping.*weight_cliping"),
        ("--gan.constraint.bound 0", "gan.constraint.bound: .*0"),
        ("--gan.critic.name unet", "gan.critic.name: .*unet"),
        ("--gan.ema_decay 1", "gan.ema_decay: .*1"),
        ("--gan.critic_optimizer.learning_rate 0", "gan.critic_optimizer.learning_rate: .*0"),
        ("--seed -1", "seed: .*-1"),
        ("--seed 4294967296", "seed: .*4294967296"),
        ("--steps 3000000000", "steps: .*3000000000"),
        ("--data.noise inf", "data.noise: .*inf"),
        ("--st 3", "--st 3"),
    ],
)
def test_bad_options_are_one_line_that_names_the_setting(options, message):
    with pytest.raises(InputError, match=message) as error:
        experiment_of(parse(parser(), options.split()))
    assert "\n" not in str(error.value)


def test_bad_values_in_the_file_are_refused_too():
    with pytest.raises(InputError, match=r"batch_size: .*-3"):
        parse(parser_of(Experiment(batch_size=-3)), [])
    with pytest.raises(InputError, match="unknown"):
        from_json({"unknown": 1})
    with pytest.raises(InputError, match=r"gan.*widht"):
        from_json({"gan": {"critic": {"widht": 1}}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such experiment file"),
        ("x = 1", "must define `experiment = Experiment"),
        ("experiment = 3", "must define .* found 3"),
        ("import nonsense_package", "ModuleNotFoundError: .*nonsense_package"),
        ("1 +", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("from gan_jax.runs.experiment import *; experiment = Experiment(batch_size=-3)", "batch_size: .*-3"),
        ("from gan_jax.runs.experiment import *; experiment = Experiment(gan=GAN(critic=None))", ".*"),
        ("from gan_jax.runs.experiment import *; experiment = Experiment(gan=GAN(loss=len))", ".*"),
    ],
)
def test_files_that_hold_no_experiment(tmp_path, text, message):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=f"mine.py: {message}"):
        load(file)


def test_differences_name_what_changes_the_result_and_nothing_else():
    before = Experiment()
    assert differences(to_json(before), to_json(dataclasses.replace(before, steps=7, log_every=3))) == []
    after = dataclasses.replace(before, gan=GAN(penalty=Penalty(weight=5.0)), seed=2)
    assert differences(to_json(before), to_json(after)) == ["gan.penalty.weight: None became 5.0", "seed: 0 became 2"]
