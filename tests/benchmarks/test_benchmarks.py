"""The benchmarks run, say what they measured, and count arithmetic as it can be counted by hand."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import jax
import pytest

from benchmarks import contestants, quality, throughput
from benchmarks.works import WORKS, Work, with_penalty
from gan_jax.experiment import GAN, Critic, Experiment, Generator
from gan_jax.penalties import POINTS, SHAPES

TINY = Work(Experiment(gan=GAN(Generator("mlp", 8, 1, 4), Critic("mlp", 8, 1), critic_steps=2), batch_size=8), (2,))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(WORKS, "mlp_2d", TINY)
    # Libraries' users need not be as strict as this suite.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield TINY


def test_every_penalty_has_a_name():
    assert len(throughput.PENALTIES) == 1 + len(POINTS) * len(SHAPES)
    for name in throughput.PENALTIES:
        penalty = with_penalty(TINY.experiment, name).gan.penalty
        assert name in ("none", f"{penalty.points}/{penalty.shape}")


@pytest.mark.slow
def test_rows_of_every_mode_hold_what_a_reader_needs(tiny, tmp_path, monkeypatch, capsys):
    file, picture = tmp_path / "rows.json", tmp_path / "rows.png"
    command = f"throughput --work mlp_2d --rounds 2 --seconds 0.01 --json {file} --plot {picture}".split()
    modes = [*contestants.MODES]
    monkeypatch.setattr(sys, "argv", [*command, "--mode", *modes, "--penalty", "none"])
    throughput.main()
    rows = json.loads(file.read_text())
    assert [(row["penalty"], row["mode"]) for row in rows] == [("none", mode) for mode in modes]
    for row in rows:
        assert row["work"] == "mlp_2d"
        assert row["framework"] == "gan_jax"
        assert row["batch"] == 8
        assert row["iterations_per_s_min"] <= row["iterations_per_s"] <= row["iterations_per_s_max"]
        assert row["images_per_s"] == pytest.approx(16 * row["iterations_per_s"])
        assert {"compile_s", "peak_bytes", "gflop", "device"} <= {*row}
    assert picture.stat().st_size > 0
    assert "mlp_2d, batch 8" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("penalty", "loss", "passes"),
    [
        ("none", "wasserstein", 6),
        ("interpolated/two_sided", "wasserstein", 10),
        ("interpolated/two_sided", "non_saturating", 10),
        ("real/two_sided", "wasserstein", 8),  # the loss's own pass there, forward and back
        ("fake/one_sided", "wasserstein", 8),
        ("both/two_sided", "wasserstein", 10),
        ("real/two_sided", "non_saturating", 9),  # its pass forward
    ],
)
def test_the_arithmetic_of_a_critic_step_is_the_hand_count(tiny, penalty, loss, passes):
    """In units of one pass of the critic forward."""

    def gflop(critic_steps: int) -> float:
        gan = replace(TINY.experiment.gan, critic=Critic("mlp", 256, 2), loss=loss, critic_steps=critic_steps)
        return contestants.gflop(replace(TINY, experiment=Experiment(gan=gan, batch_size=64)), penalty)

    forward = 2 * 64 * (2 * 256 + 256 * 256 + 256) / 1e9
    assert (gflop(2) - gflop(1)) / forward == pytest.approx(passes, rel=0.05)


@pytest.mark.slow
def test_quality_is_measured_where_it_was_asked_for(tmp_path):
    file, picture = tmp_path / "rows.json", tmp_path / "rows.png"
    experiment = Path(__file__).parents[2] / "experiments" / "digits_wgan_gp.py"
    sizes = "--gan.generator.width 8 --gan.critic.width 8 --gan.generator.depth 1 --gan.critic.depth 1 --log_every 5"
    quality.main([str(experiment), *f"--steps 20 10 --n 40 --json {file} --plot {picture}".split(), *sizes.split()])
    first, last = json.loads(file.read_text())
    assert (first["step"], last["step"]) == (10, 20)
    assert 0 < first["minutes"] < last["minutes"]
    assert 0 <= last["precision"] <= 1
    assert last["n_fake"] == last["n_real"] == 40
    assert picture.stat().st_size > 0
