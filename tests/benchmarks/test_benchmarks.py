"""The benchmarks run, say what they measured, and count arithmetic as it can be counted by hand."""

import json
import sys
from dataclasses import replace

import jax
import pytest

from benchmarks import contestants, throughput
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


def test_the_arithmetic_is_the_hand_count(tiny):
    """Ten passes of the critic a step with a penalty between the samples, six without; one of the generator."""
    wide = replace(TINY.experiment.gan, generator=Generator("mlp", 8, 1, 4), critic=Critic("mlp", 256, 2))
    work = Work(replace(TINY.experiment, gan=wide, batch_size=64), (2,))
    forward = 2 * 64 * (2 * 256 + 256 * 256 + 256) / 1e9
    one, two = (
        {name: contestants.gflop(contestants.system_of(work, name, critic_steps=k), (2,)) for name in ("none", INSIDE)}
        for k in (1, 2)
    )
    step = {name: (two[name] - one[name]) / forward for name in one}
    assert step["none"] == pytest.approx(6, rel=0.1)
    assert step[INSIDE] == pytest.approx(10, rel=0.1)


INSIDE = "interpolated/two_sided"
