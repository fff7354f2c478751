"""The benchmarks run, say what they measured, and count arithmetic as it can be counted by hand."""

import csv
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import jax
import pytest
from rich.console import Console

from benchmarks import contestants, memory, penalties, profile, published, quality, throughput, trials, truncation
from benchmarks.works import GPU_WORKS, METHODS, OWN, WORKS, Work, method_of, with_method
from gan_jax import GAN, CriticConfig, DataConfig, Experiment, GeneratorConfig, train

NETWORKS = GeneratorConfig("mlp", 8, 1, 4), CriticConfig("mlp", 8, 1)
TINY = Work(Experiment(gan=GAN(*NETWORKS, critic_steps=2), batch_size=8), (2,))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(WORKS, "mlp_2d", TINY)
    # Libraries' users need not be as strict as this suite.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield TINY


@pytest.mark.parametrize("name", [*METHODS, "r1/16"])
def test_every_method_is_built(name):
    experiment = with_method(TINY.experiment, name)
    gan = experiment.gan
    assert name in (gan.penalty.name, gan.constraint.name, f"{gan.penalty.name}/{gan.penalty.every}")
    assert method_of(experiment) == name
    assert experiment.build(TINY.spec).counts["images"] == 16


def test_a_work_has_a_method_of_its_own():
    names = {name: method_of(with_method(work.experiment, OWN)) for name, work in WORKS.items()}
    for name in ("mnist_dcgan", "mlp_2d", "resnet_32", "resnet_critic"):
        assert names[name] == "wgan_gp"
    for name in ("sngan_32", "sngan_cifar10", "sagan_cifar10", "biggan_cifar10"):
        assert names[name] == "spectral_normalization"
    assert names["stylegan2_32"] == names["stylegan2_cifar10"] == "r1/16"
    assert names["r3gan_cifar10"] == "r1_r2"


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="has a GPU")
def test_a_cpu_is_spared_the_published_settings_by_default():
    assert throughput.default_works() == [name for name in WORKS if name not in GPU_WORKS]


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
        assert row["parameters"] == (4 * 8 + 8 + 8 * 2 + 2) + (2 * 8 + 8 + 8 + 1)
    assert picture.stat().st_size > 0
    assert "mlp_2d, batch 8" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("penalty", "loss", "passes"),
    [
        ("none", "wasserstein", 6),
        ("wgan_gp", "wasserstein", 10),
        ("wgan_gp", "non_saturating", 10),
        ("dragan", "wasserstein", 10),
        ("r1", "wasserstein", 8),  # the loss's own pass there, forward and back
        ("r2", "wasserstein", 8),
        ("r1_r2", "wasserstein", 10),
        ("r1", "non_saturating", 9),  # its pass forward
        ("finite_difference_r1", "wasserstein", 9),
        ("consistency", "wasserstein", 12),
        ("adversarial_lipschitz", "wasserstein", 16),
        ("gan_qp", "wasserstein", 6),
        ("pair_slope", "wasserstein", 6),
        ("lecam", "hinge", 6),
        ("weight_clipping", "wasserstein", 6),
        ("gradient_normalization", "wasserstein", 12),
    ],
)
def test_the_arithmetic_of_a_critic_step_is_the_hand_count(tiny, penalty, loss, passes):
    """In units of one pass of the critic forward."""

    gan = replace(TINY.experiment.gan, critic=CriticConfig("mlp", 256, 2), loss=loss)
    work = replace(TINY, experiment=Experiment(gan=gan, batch_size=64))
    forward = 2 * 64 * (2 * 256 + 256 * 256 + 256) / 1e9
    assert contestants.gflop(work, penalty)["critic_step_gflop"] / forward == pytest.approx(passes, rel=0.05)


@pytest.mark.slow
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="reads the program of a CPU")
def test_a_profile_finds_the_arithmetic_that_the_compiler_counts(tiny, monkeypatch, tmp_path, capsys):
    networks = GeneratorConfig("mlp", 64, 1, 4), CriticConfig("mlp", 64, 1)
    wide = Work(Experiment(gan=GAN(*networks, critic_steps=2), batch_size=64), (2,))
    monkeypatch.setitem(WORKS, "mlp_2d", wide)
    file = tmp_path / "rows.json"
    monkeypatch.setattr(sys, "argv", f"profile --work mlp_2d --iterations 3 --json {file}".split())
    profile.main()
    rows = json.loads(file.read_text())
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert all(row["seconds"] > 0 and row["gb"] > 0 for row in rows)
    counted = contestants.gflop(wide, "wgan_gp")["gflop"]  # whose elementwise operations count, too
    assert 0.6 * counted < sum(row["gflop"] for row in rows) < counted
    assert "matrix products" in capsys.readouterr().out


@pytest.mark.slow
def test_memory_is_known_before_a_step(monkeypatch, tmp_path, capsys):
    file = tmp_path / "rows.json"
    command = f"memory --network dcgan --side 16 --batch 16 --micro-batch 2 --json {file}"
    monkeypatch.setattr(sys, "argv", command.split())
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        memory.main()
    whole, parts = json.loads(file.read_text())
    assert (whole["micro_batch"], parts["micro_batch"]) == (None, 2)
    assert 0 < parts["bytes"] < whole["bytes"]
    assert "whole" in capsys.readouterr().out


@pytest.mark.slow
def test_a_lazy_penalty_is_measured_over_whole_periods(tiny):
    contestant = contestants.ours("mlp_2d", "r1/16", "scan")
    assert contestant.row["penalty"] == "r1/16"
    throughput.take_turns([contestant], rounds=1, seconds=0.01, console=Console(quiet=True))
    assert contestant.period == 8  # of two critic steps each
    assert len(contestant.speeds) == 1


@pytest.mark.slow
def test_quality_is_measured_where_it_was_asked_for(tmp_path):
    file, picture = tmp_path / "rows.json", tmp_path / "rows.png"
    experiment = Path(__file__).parents[2] / "experiments" / "digits_wgan_gp.py"
    sizes = "--gan.generator.width 8 --gan.critic.width 8 --gan.generator.depth 1 --gan.critic.depth 1 --log_every 5"
    sizes += " --evaluation.n 40 --evaluation.features pixels --steps 20"
    quality.main([str(experiment), *f"--every 10 --json {file} --plot {picture}".split(), *sizes.split()])
    found = json.loads(file.read_text())
    first, last = found["rows"]
    assert (first["step"], last["step"]) == (10, 20)
    assert 0 < first["minutes"] < last["minutes"]
    assert 0 <= last["precision"] <= 1
    assert found["n_fake"] == found["n_real"] == 40
    assert found["baseline"]["frechet"] < last["frechet"]
    assert picture.stat().st_size > 0


@pytest.mark.slow
def test_truncation_is_scored_at_each_psi(tmp_path, monkeypatch):
    file, picture, folder = tmp_path / "rows.json", tmp_path / "rows.png", tmp_path / "run"
    small = {"width": 4, "max_width": 4, "depth": 1, "mapping_depth": 1}
    networks = GeneratorConfig("stylegan2", latent=8, **small), CriticConfig("stylegan2", **small)
    train(Experiment(gan=GAN(*networks, penalty="none"), batch_size=8, steps=1), folder)
    monkeypatch.setattr("sys.argv", f"truncation {folder} --n 40 --json {file} --plot {picture}".split())
    truncation.main()
    rows = json.loads(file.read_text())["rows"]
    assert [row["psi"] for row in rows] == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert len({row["frechet"] for row in rows}) == 6
    assert picture.stat().st_size > 0


@pytest.mark.slow
def test_published_pairs_are_trained_cell_by_cell(tmp_path, monkeypatch, capsys):
    networks = GeneratorConfig("mlp", 8, 1, 4), CriticConfig("mlp", 8, 1)
    gan = GAN(*networks, conditional=True, critic_steps=1)
    tiny = Experiment(data=DataConfig("digits", fraction=0.1), gan=gan, batch_size=8, steps=2)
    monkeypatch.setitem(published.SETTINGS, "mnist_tenth", tiny)
    monkeypatch.setattr(published, "SEEDS", (0,))
    file = tmp_path / "rows.json"
    for penalties_of in (["r1"], ["r1", "lecam"]):
        published.main(["--json", str(file), "--variant", "plain", "augmented", "--penalty", *penalties_of])
    found = json.loads(file.read_text())
    assert [*found["rows"]] == ["r1/plain/0", "r1/augmented/0", "lecam/plain/0", "lecam/augmented/0"]
    assert all(row["frechet"] > found["baseline"]["frechet"] for row in found["rows"].values())
    assert "lecam" in capsys.readouterr().out
    lazy = published.cell(tiny, "r1", "lazy", seed=3)
    assert (lazy.gan.penalty.every, lazy.seed, lazy.gan.loss) == (16, 3, "non_saturating")


@pytest.mark.slow
def test_the_table_of_penalties_goes_on_where_it_stopped(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(WORKS, penalties.WORK, tiny)
    game = trials.GAMES["ruler"]()._replace(steps=2, batch_size=8, width=8)
    monkeypatch.setattr(penalties, "GAMES", {"ruler": lambda: game})
    monkeypatch.setattr(penalties, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    files = {kind: tmp_path / f"rows.{kind}" for kind in ("json", "csv", "png")}
    command = f"--rounds 2 --seconds 0.01 --json {files['json']} --csv {files['csv']} --plot {files['png']} --only"
    penalties.main([*command.split(), "none"])
    first = json.loads(files["json"].read_text())
    assert {*first["trials"]} == {"ruler/none"}

    penalties.main([*command.split(), "none", "r1"])
    second = json.loads(files["json"].read_text())
    assert second["trials"]["ruler/none"] == first["trials"]["ruler/none"]
    played = second["trials"]["ruler/r1"]
    assert {*played["tried"]} == {"0.1", "1.0", "10.0"}
    assert len(played["seeds"]) == 3
    assert [row["penalty"] for row in second["cost"]] == ["none", "r1", "r1/16"]
    rows = list(csv.DictReader(files["csv"].read_text().splitlines()))
    assert [row["method"] for row in rows] == ["none", "r1"]
    assert float(rows[1]["relative"]) > 0
    assert files["png"].stat().st_size > 0
    assert "r1" in capsys.readouterr().out


@pytest.mark.slow
def test_a_ruler_is_read_with_the_strength_that_reads_it_best():
    game = trials.GAMES["ruler"]()._replace(steps=20, width=16)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        played = trials.play(game, "spectral_normalization")
    assert played["strength"] == float(max(played["tried"], key=played["tried"].get))
    for seed in played["seeds"]:
        assert seed["error"] == pytest.approx(abs(seed["distance"] - 1), abs=1e-5)
