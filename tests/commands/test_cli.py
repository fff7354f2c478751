"""The commands end to end on the real digits, and bad input of each kind."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gan_jax.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected

EXPERIMENT = """
from gan_jax import GAN, CriticConfig, Experiment, GeneratorConfig

experiment = Experiment(
    gan=GAN(
        generator=GeneratorConfig(width=8, depth=1, latent=4), critic=CriticConfig(width=8, depth=1), critic_steps=2
    ),
    batch_size=16, steps=40, log_every=10, sample_every=20, checkpoint_every=20,
)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("experiments") / "tiny.py"
    file.write_text(EXPERIMENT)
    return str(file)


@pytest.fixture(scope="module")
def run(file, tmp_path_factory):
    """A trained run; nobody writes to it but `evaluate`."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", file, "--workdir", str(folder), "--gan.penalty.weight", "5"]) == 0
    return folder


def fails(capsys, *arguments):
    """The one line that a command with bad input prints, which it ends on with code 2."""
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gan-jax: ")
    assert error.count("\n") == 1
    return error


@pytest.mark.slow
def test_train_leaves_a_run_folder(run):
    names = {"experiment.json", "source", "environment.json", "checkpoints", "training_metrics.jsonl", "samples"}
    assert {path.name for path in run.iterdir()} >= names
    described = json.loads((run / "experiment.json").read_text())
    assert described["settings"]["gan"]["penalty"]["weight"] == 5
    assert described["spec"]["sample"] == {"shape": [8, 8, 1], "dtype": "float32"}
    assert described["classes"] == list("0123456789")
    assert (run / "source" / "tiny.py").read_text() == EXPERIMENT
    lines = [json.loads(line) for line in (run / "training_metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40]
    assert (lines[-1]["critic_steps"], lines[-1]["generator_steps"], lines[-1]["images"]) == (80, 40, 1280)
    assert sorted(path.name for path in (run / "samples").iterdir()) == ["step_00000020.png", "step_00000040.png"]
    assert list(run.glob("events.out.tfevents.*"))
    with Image.open(run / "samples" / "step_00000040.png") as image:
        assert image.mode == "L"


@pytest.mark.slow
def test_train_says_where_the_run_is_and_what_is_next(file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("tiny", "tiny-2"):
        assert main(["train", file, "--steps", "2"]) == 0
        printed = capsys.readouterr().out
        assert f"run folder: runs/{name}\n" in printed
        assert f"gan-jax sample runs/{name}" in printed
    assert main(["train", file, "--steps", "4", "--resume"]) == 0  # the newest of that name
    assert (tmp_path / "runs" / "tiny-2" / "checkpoints" / "4").is_dir()


@pytest.mark.slow
def test_sample_gives_the_same_bytes_for_the_same_seed(run, tmp_path):
    for name, seed, n in (("a", 0, 7), ("b", 0, 7), ("c", 1, 7), ("d", 0, 600)):
        out = tmp_path / "new" / f"{name}.npz"
        assert main(["sample", str(run), "--n", str(n), "--seed", str(seed), "--out", str(out), "--grid"]) == 0
    files = {name: (tmp_path / "new" / f"{name}.npz").read_bytes() for name in "abc"}
    assert files["a"] == files["b"] != files["c"]
    few, many = (np.load(tmp_path / "new" / f"{name}.npz")["images"] for name in "ad")
    assert (many.shape, many.dtype) == ((600, 8, 8, 1), np.uint8)
    np.testing.assert_array_equal(few, many[:7])
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.mode == "L"


@pytest.fixture(scope="module")
def labeled_run(file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "labeled"
    options = ["--gan.conditional", "true", "--steps", "4", "--sample-every", "4"]
    assert main(["train", file, "--workdir", str(folder), *options]) == 0
    return folder


@pytest.mark.slow
def test_samples_are_drawn_of_labels(labeled_run, tmp_path):
    """As often as in the data, equally, or of one class; the file says which."""
    described = json.loads((labeled_run / "experiment.json").read_text())
    assert sum(described["class_counts"]) == 1437
    arrays = {}
    for name, options in {
        "data": [],
        "balanced": ["--labels", "balanced"],
        "one": ["--label", "3"],
        "few": ["--n", "5"],
    }.items():
        out = tmp_path / f"{name}.npz"
        assert main(["sample", str(labeled_run), "--n", "20", "--out", str(out), *options]) == 0
        arrays[name] = dict(np.load(out))
    assert {name: array["images"].shape for name, array in arrays.items() if name != "few"}.values()
    np.testing.assert_array_equal(arrays["balanced"]["labels"], np.arange(20) % 10)
    np.testing.assert_array_equal(arrays["one"]["labels"], 3)
    assert len(set(arrays["data"]["labels"].tolist())) > 4
    for entry in ("images", "labels"):
        np.testing.assert_array_equal(arrays["few"][entry], arrays["data"][entry][:5])
    assert (arrays["one"]["images"] != arrays["balanced"]["images"]).any()


@pytest.mark.slow
def test_labels_that_are_none_are_one_line(run, labeled_run, file, capsys):
    error = fails(capsys, "sample", labeled_run, "--label", "eleven")
    assert error == "gan-jax: --label: eleven is none of the 10 classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n"
    assert "--label: " in fails(capsys, "sample", labeled_run, "--label", "10")
    assert "draws without labels; leave it out" in fails(capsys, "sample", run, "--label", "3")
    assert "draws without labels; leave it out" in fails(capsys, "sample", run, "--labels", "balanced")
    no_labels = ["--gan.conditional", "true", "--data.source", "8gaussians"]
    assert "--gan.conditional: the data have no labels" in fails(capsys, "train", file, *no_labels)
    sets = ["--gan.conditional", "true", "--gan.critic.name", "deep_sets", "--gan.critic.set-size", "8"]
    assert "deep_sets takes no labels" in fails(capsys, "train", file, *sets)


def test_truncation_needs_styles_and_a_share(run, capsys):
    assert "--truncation: digits" in fails(capsys, "sample", run, "--truncation", "0.7")
    assert "--truncation: " in fails(capsys, "sample", run, "--truncation", "1.5")
    assert "is not drawn with truncation; leave it out" in fails(capsys, "evaluate", run, "--truncation", "0.5")


@pytest.mark.slow
def test_truncated_samples_are_more_alike_and_scored_as_they_are(file, tmp_path):
    options = [f"--gan.{part}.name=stylegan2" for part in ("generator", "critic")]
    options += ["--gan.generator.width=4", "--gan.generator.max-width=4", "--gan.generator.mapping-depth=1"]
    options += ["--gan.generator.depth=1", "--gan.critic.depth=1", "--steps=2", "--gan.penalty.name=none"]
    styled, spread = str(tmp_path / "styled"), {}
    assert main(["train", file, "--workdir", styled, *options]) == 0
    for psi in ("1", "0.5", "0"):
        assert main(["sample", styled, "--truncation", psi, "--out", str(tmp_path / "a.npz")]) == 0
        spread[psi] = np.load(tmp_path / "a.npz")["images"].std(axis=0).mean()
    assert spread["1"] > spread["0.5"] > spread["0"]  # which the added noise leaves
    scores, out = {}, tmp_path / "truncated.json"
    for psi in ("1", "0.2"):
        options = ["--truncation", psi, "--scores", "frechet", "--n", "50", "--seeds", "1", "--out", str(out)]
        assert main(["evaluate", styled, *options]) == 0
        found = json.loads(out.read_text())
        assert f"truncation {float(psi)}" in found["samples"]
        scores[psi] = found["scores"]["frechet"]["mean"]
    assert scores["1"] != scores["0.2"]


@pytest.mark.slow
def test_a_class_is_scored_alone(labeled_run, run, tmp_path, capsys):
    """Its samples, against the held-out samples of that class."""
    out = tmp_path / "three.json"
    options = ["--label", "3", "--scores", "frechet", "--out", str(out)]
    assert main(["evaluate", str(labeled_run), *options]) == 0
    found = json.loads(out.read_text())["protocol"]
    assert found["data"] == "digits, class 3"
    assert 20 < found["n_real"] == found["n_fake"] < 60
    assert "--per-class: " in fails(capsys, "evaluate", labeled_run, "--per-class", "--label", "3")
    assert "is not drawn of labels; leave it out" in fails(capsys, "evaluate", run, "--per-class")
    assert "is not drawn of labels; leave it out" in fails(capsys, "evaluate", run, "--label", "3")
    assert "--label: x is none of the 10 classes" in fails(capsys, "evaluate", labeled_run, "--label", "x")


@pytest.mark.slow
def test_each_class_is_scored_as_it_is_alone(labeled_run, tmp_path, capsys):
    out, scores = tmp_path / "scores.json", ["--scores", "frechet"]
    assert main(["evaluate", str(labeled_run), "--label", "3", *scores, "--out", str(out)]) == 0
    three = json.loads(out.read_text())["scores"]
    assert main(["evaluate", str(labeled_run), "--per-class", *scores, "--out", str(out)]) == 0
    classes = json.loads(out.read_text())["classes"]
    assert [*classes] == [*"0123456789"]
    assert classes["3"]["scores"] == three
    assert classes["4"]["scores"] != three
    assert "in brackets, what real data get" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_a_run_on_a_part_of_the_data_is_scored_beside_a_run_on_all(file, run, tmp_path, capsys):
    part = str(tmp_path / "part")
    assert main(["train", file, "--workdir", part, "--data.fraction=0.1", "--gan.penalty.name=r1", "--steps=2"]) == 0
    shown = capsys.readouterr().out
    assert "144 samples of 8x8x1" in shown
    assert "penalty r1 has its weight of 10; for StyleGAN2's critic 0.0002 x 8 x 8" in " ".join(shown.split())
    for options in ([], ["--data", "digits"]):
        assert main(["evaluate", part, "--scores", "frechet", "--n", "50", "--seeds", "1", *options]) == 0
    out = str(tmp_path / "compare.png")
    assert main(["compare", part, str(run), "--out", out, "--scores", "frechet", "--n", "50", "--seeds", "1"]) == 0
    assert "--data.fraction: " in fails(capsys, "train", file, "--data.fraction=0")


def test_networks_and_augmentations_that_do_not_fit_are_one_line(file, capsys):
    for options, message in {
        ("--gan.generator.blocks", "2"): "--gan.generator.blocks: mlp has no blocks to choose",
        ("--gan.critic.preset", "cifar10"): "--gan.critic.preset: mlp has none, not cifar10",
        (
            "--gan.augment.policies",
            "cutout",
            "--data.source",
            "8gaussians",
        ): "--gan.augment.policies: they are of images",
        (
            "--data.mirror",
            "true",
            "--data.source",
            "8gaussians",
        ): "--data.mirror: is of images, 8gaussians is of points",
        ("--gan.augment.policies", "cutuot"): "--gan.augment.policies: must be one of color, translation",
        ("--gan.augment.strength", "1.5"): "--gan.augment.strength: ",
        ("--gan.generator.name", "r3gan", "--gan.generator.depth", "4"): "--gan.generator: depth 4 halves the image",
    }.items():
        assert message in fails(capsys, "train", file, *options), options


@pytest.mark.slow
def test_evaluate_prints_a_table_and_writes_it(run, capsys):
    assert main(["evaluate", str(run), "--n", "50"]) == 0
    printed = capsys.readouterr().out
    metrics = json.loads((run / "evaluation.json").read_text())
    assert metrics["step"] == 40
    protocol, scores = metrics["protocol"], metrics["scores"]
    assert protocol["n_real"] == protocol["n_fake"] == protocol["n_baseline"] == 50
    assert (protocol["data"], protocol["split"], protocol["features"]) == ("digits", "held_out", "digits")
    assert re.fullmatch("[0-9a-f]{64}", protocol["weights"])
    assert protocol["weights"][:8] in printed
    assert metrics["seeds"] == [0, 1, 2]
    assert scores["frechet"]["mean"] > 3 * scores["frechet"]["baseline"]  # hardly trained
    assert scores["precision"]["baseline"] > scores["precision"]["mean"]
    for split in ("train", "held_out"):
        for name in (
            "wasserstein",
            "critic_loss",
            "gradient_norm_at_real",
            "gradient_norm_at_fake",
            "gradient_norm_at_points",
        ):
            statistics = metrics["diagnostics"][split][name]
            assert statistics["q05"] <= statistics["median"] <= statistics["q95"] <= statistics["max"]
    assert f"{scores['precision']['mean']:.3f}" in printed
    assert f"{metrics['diagnostics']['held_out']['wasserstein']['mean']:.3f}" in printed


QUICK = ["--features", "pixels", "--scores", "precision_recall", "--n", "20"]


@pytest.mark.slow
def test_samples_of_a_run_score_as_the_run_does(run, tmp_path):
    """A file of a run's samples, a folder of them as pictures, and the run itself."""
    file, folder, out = tmp_path / "a.npz", tmp_path / "pictures", tmp_path / "run.json"
    assert main(["sample", str(run), "--n", "20", "--seed", "7", "--out", str(file)]) == 0
    folder.mkdir()
    for i, image in enumerate(np.load(file)["images"]):
        Image.fromarray(image.squeeze(-1)).save(folder / f"{i:02}.png")
    common = ["--data", "digits", *QUICK]
    assert main(["evaluate", str(run), *common, "--seed", "7", "--seeds", "1", "--out", str(out)]) == 0
    assert main(["evaluate", str(file), *common, "--seed", "7"]) == 0
    assert main(["evaluate", str(folder), *common, "--seed", "7"]) == 0
    found = [
        json.loads(path.read_text())
        for path in (out, tmp_path / "a.evaluation.json", tmp_path / "pictures.evaluation.json")
    ]
    assert found[0]["scores"]["precision"]["values"] == found[1]["scores"]["precision"]["values"]
    assert found[1]["scores"] == found[2]["scores"]


def test_compare_puts_runs_and_files_side_by_side(run, tmp_path, capsys):
    file, out = tmp_path / "a.npz", tmp_path / "new" / "compared.png"
    assert main(["sample", str(run), "--n", "60", "--out", str(file)]) == 0
    assert main(["compare", str(run), str(file), "--out", str(out), *QUICK]) == 0
    printed = capsys.readouterr().out
    found = json.loads(out.with_suffix(".json").read_text())
    assert [scored["samples"] for scored in found] == [str(run), str(file)]
    assert all(len(scored["seeds"]) == 3 for scored in found)
    assert found[0]["protocol"] == found[1]["protocol"]
    assert "20 samples against 20 held out of digits" in " ".join(printed.split())
    with Image.open(out) as image:
        assert image.size[0] > 500


@pytest.mark.slow
def test_report_is_one_file(run, tmp_path):
    file = tmp_path / "new" / "report.html"
    assert main(["report", str(run), "--out", str(file), "--n", "20", "--scores", "frechet"]) == 0
    page = file.read_text()
    assert page.count("<img") > 1
    assert not re.search("https?://(?!www.w3.org)", page)


@pytest.mark.slow
def test_a_run_scores_itself_and_keeps_its_best(file, tmp_path, capsys):
    folder = tmp_path / "run"
    command = [
        "train",
        file,
        "--workdir",
        str(folder),
        "--steps",
        "30",
        "--log_every",
        "30",
        "--checkpoint_every",
        "30",
    ]
    watched = ["--evaluation.every", "10", "--evaluation.n", "40", "--evaluation.features", "pixels"]
    watched += ["--evaluation.scores", "precision_recall"]
    assert "--evaluation.best: frechet is not taken; add frechet" in fails(capsys, *command, *watched)
    assert not folder.exists()
    watched += ["--evaluation.best", "recall"]
    assert main([*command, *watched]) == 0
    lines = [json.loads(line) for line in (folder / "evaluation_history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30]
    assert {"precision", "recall", "critic_loss_train", "wasserstein_gap", "gradient_norm_at_points_median"} <= lines[
        0
    ].keys()
    [best] = (folder / "best").iterdir()
    assert {line["step"]: line["recall"] for line in lines}[int(best.name)] == max(line["recall"] for line in lines)
    assert (folder / "evaluation_history.png").exists()
    assert json.loads((folder / "evaluation_protocol.json").read_text())["n_fake"] == 40
    capsys.readouterr()
    assert main(["sample", str(folder), "--best", "--n", "5"]) == 0
    assert f"iteration {best.name}:" in capsys.readouterr().out
    again = [*command, "--resume", *watched, "--steps", "40"]
    assert "n_real is 40 and 50" in fails(capsys, *again, "--evaluation.n", "50")
    assert main(again) == 0
    with open(folder / "training_metrics.jsonl") as metrics:
        plain = [json.loads(line)["images_per_s"] for line in metrics]
    assert len(plain) == 2


@pytest.mark.slow
def test_resume_goes_on_and_refuses_a_changed_experiment(file, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(["train", file, "--workdir", str(folder), "--steps", "5"]) == 0
    again = ["train", file, "--workdir", folder, "--resume"]
    before = (folder / "experiment.json").read_bytes()
    assert "gan.critic_steps: 2 became 3" in fails(capsys, *again, "--gan.critic_steps", "3", "--steps", "9")
    assert "holds a run; add --resume" in fails(capsys, "train", file, "--workdir", folder)
    assert (folder / "experiment.json").read_bytes() == before
    assert "--steps: 3 is below the 5" in fails(capsys, *again, "--steps", "3")
    assert main([*map(str, again), "--steps", "9"]) == 0
    assert (folder / "checkpoints" / "9").is_dir()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--gan.penalty.weigth 5", "--gan.penalty.weigth: .* did you mean --gan.penalty.weight?"),
        ("--lr 5", "--lr: .* did you mean --gan.generator-optimizer.learning-rate or --gan.critic-optimizer.lear"),
        ("--gan.penalty r3", "--gan.penalty.name: must be one of none, wgan_gp.* got 'r3'"),
        ("--evaluation.scores fid", "--evaluation.scores: must be one of frechet.* did you mean frechet?"),
        ("--steps 1.5e0", "--steps: .*1.5e0"),
        ("--vae.width 5", "--vae.width: there is no such option"),
        ("--st 5", "--st: there is no such option"),
        ("digits", "digits: is one argument too many"),
        ("--steps many", "--steps: .*many"),
        ("--batch_size -4", "--batch-size: .*-4"),
        ("--gan.critic_steps 0", "--gan.critic-steps: .*0"),
        ("--gan.penalty.name r1 --gan.penalty.bound 1", "--gan.penalty.bound: .* no bound"),
        ("--gan.penalty.name lecam --gan.penalty.shape power", "--gan.penalty.shape: lecam has no shape"),
        ("--gan.penalty.name gan_qp --gan.loss hinge", "--gan.penalty: .*wasserstein"),
        ("--batch_size 1438", "--batch-size: 1438 .* 1437"),
        ("--gan.critic.name dcgan --gan.critic.depth 4", "--gan.critic: .*16x16"),
        ("--gan.generator.name dcgan_mnist", "--gan.generator.depth: .*no depth to choose"),
        ("--gan.generator.name dcgan_mnist --gan.generator.depth null", "--gan.generator: .*28x28"),
        ("--data.source nothing.npz", "--data.source: .*nothing.npz"),
        ("--resume", "--resume: .*no run"),
        ("--data.source=", "--data.source: is empty"),
        ("--devices 3", "--batch-size: 16 is no multiple of the 3 devices"),
        ("--devices 9", "--devices: 9 are more than the 8 that jax sees"),
        ("--devices 0", "--devices: .*0"),
        ("--shard nothing", "--shard: .*nothing"),
        ("--processes 2", "--coordinator: --coordinator, --processes and --process go together"),
        (
            "--devices 8 --gan.critic.name deep_sets --gan.critic.set_size 4",
            "--batch-size: 16 is no multiple of gan.critic.set_size times devices, 4 x 8",
        ),
    ],
)
def test_bad_training_settings(file, tmp_path, capsys, options, named):
    folder = tmp_path / "run"
    error = fails(capsys, "train", file, "--workdir", folder, *options.split())
    assert re.search(named, error), error
    assert not folder.exists()


def test_bad_arguments_of_every_command(file, run, tmp_path, capsys):
    experiment, missing, file = file, tmp_path / "missing", tmp_path / "file"
    samples = tmp_path / "samples.npz"
    np.savez(samples, images=np.full((20, 2, 2), 9, np.uint8))
    assert "trian: there is no such command; did you mean train?" in fails(capsys, "trian")
    assert "missing.py: there is no such experiment file" in fails(capsys, "train", f"{missing}.py")
    assert "missing: there is no such experiment file" in fails(capsys, "train", "--steps", "5", missing)
    assert "digitz: there is no such experiment; did you mean digits?" in fails(capsys, "train", "digitz")
    assert "did you mean frechet?" in fails(capsys, "evaluate", run, "--scores", "fid")
    assert "required: experiment" in fails(capsys, "train", "--steps", "5")
    assert "is not a run folder" in fails(capsys, "sample", missing)
    assert "there is no run folder, .npz file or folder of images" in fails(capsys, "evaluate", missing)
    assert "--n: input should be greater than 0, got '0'" in fails(capsys, "sample", run, "--n", "0")
    assert "--seed: " in fails(capsys, "sample", run, "--seed", "x")
    assert "must end in .npz, or be a folder" in fails(capsys, "sample", run, "--out", tmp_path / "a.npy")
    assert "--n: 361 is not between 10 and 360" in fails(capsys, "evaluate", run, "--n", "361", "--features", "pixels")
    assert "there is no run folder, .npz file or folder" in fails(capsys, "compare", run, missing)
    assert "must be a file that ends in .png" in fails(capsys, "compare", run, "--out", "a.pdf")
    assert "must be a file that ends in .html" in fails(capsys, "report", run, "--out", "a.pdf")
    assert "is not a run folder" in fails(capsys, "report", missing)
    assert "--data: name the real data" in fails(capsys, "evaluate", samples)
    assert "of shape (8, 8, 1), these are of shape (2, 2, 1)" in fails(capsys, "evaluate", samples, "--data", "digits")
    np.savez(samples, images=np.full((7, 8, 8), 9, np.uint8))
    assert "samples.npz: holds 7 samples, too few" in fails(capsys, "evaluate", samples, "--data", "digits")
    assert "holds no best checkpoint; train with" in fails(capsys, "sample", run, "--best")
    assert "--sede: there is no such option; did you mean --seed?" in fails(capsys, "evaluate", run, "--sede", "1")
    file.write_text("not a folder")
    assert "file" in fails(capsys, "train", experiment, "--workdir", file / "run", "--steps", "1")
    assert "file" in fails(capsys, "sample", run, "--n", "1", "--out", file / "a.npz")
    assert "brackets" in fails(capsys, "train", experiment, "--workdir", tmp_path / "a[b]")
    file.unlink()
    samples.unlink()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_checkpoints_that_cannot_be_read(run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    for file in (copy / "checkpoints" / "40" / "state").rglob("manifest.ocdbt"):
        file.write_bytes(b"torn")
    # In a process of its own: Orbax's threads complain for a while after it has given up.
    command = [sys.executable, "-m", "gan_jax.cli", "sample", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert re.search(r"gan-jax: .*checkpoints: checkpoint 40 cannot be read \(.*\)", done.stderr), done.stderr
    shutil.rmtree(copy / "checkpoints")
    assert "holds no checkpoint; train the run first" in fails(capsys, "sample", copy)
    assert not (copy / "samples.npz").exists()


@pytest.mark.slow
def test_a_run_may_go_on_with_another_number_of_devices(file, tmp_path, capsys):
    def lines(name, *calls):
        folder = tmp_path / name
        for steps, devices, *resume in calls:
            options = ["--steps", steps, "--devices", devices, "--log_every", "3", *resume]
            assert main(["train", file, "--workdir", str(folder), *options]) == 0
            assert f"from digits, devices: {devices}\n" in capsys.readouterr().out
        logged = [json.loads(line) for line in (folder / "training_metrics.jsonl").read_text().splitlines()]
        return [[value for name, value in line.items() if name != "images_per_s"] for line in logged]

    moved = lines("moved", ("3", "8"), ("6", "1", "--resume"))
    np.testing.assert_allclose(moved, lines("stayed", ("6", "1")), rtol=1e-4)


@pytest.mark.slow
def test_devices_are_made_on_a_cpu(file, tmp_path):
    """In a process of its own: they are as many as they were when jax started, and XLA as it was told to be."""
    command = [sys.executable, "-m", "gan_jax.cli", "train", file, "--workdir", str(tmp_path), "--steps", "2"]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    options = ["--devices", "2", "--shard", "state", "--deterministic"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "devices: 2\n" in done.stdout
    assert json.loads((tmp_path / "environment.json").read_text())["xla_flags"].endswith(
        "--xla_gpu_deterministic_ops=true"
    )


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '"x"',
        "{}",
        "{",
        '{"image_shape": [8, 8, 1]}',
        '{"settings": {}, "spec": {"sample": {"shape": [8, "a", 1], "dtype": "float32"}}, "classes": []}',
    ],
)
def test_a_damaged_experiment_json_is_one_line(run, tmp_path, capsys, text):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "experiment.json").write_text(text)
    assert "experiment.json: " in fails(capsys, "sample", copy)
    assert "experiment.json: " in fails(capsys, "evaluate", copy)


@pytest.mark.slow
def test_a_run_refuses_to_go_on_with_other_data(file, tmp_path, capsys):
    source, folder = tmp_path / "mine.npz", tmp_path / "run"
    options = ["train", file, "--workdir", str(folder), "--data.source", str(source)]
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8)).astype(np.uint8)
    np.savez(source, images=images)
    assert main([*options, "--steps", "2"]) == 0
    np.savez(source, images=images[:39])
    assert "fingerprint: " in fails(capsys, *options, "--steps", "4", "--resume")
    for command in ("evaluate", "report"):
        assert "mine.npz is no longer what the run was trained on" in fails(capsys, command, folder)
    np.savez(source, images=images[:, :6, :6])
    assert "of shape (6, 6, 1), these were trained on (8, 8, 1)" in fails(capsys, "evaluate", folder)


@pytest.mark.slow
def test_data_that_have_moved_are_the_same_data(file, tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", images=images)
    folder, options = tmp_path / "run", ["train", file, "--workdir", str(tmp_path / "run")]
    options += ["--evaluation.every", "2", "--evaluation.features", "pixels"]
    assert main([*options, "--data.source", str(tmp_path / "a.npz"), "--steps", "2"]) == 0
    (tmp_path / "a.npz").rename(tmp_path / "b.npz")
    assert "there is no file or folder" in fails(capsys, "evaluate", folder)
    moved = ["--data.source", str(tmp_path / "b.npz"), "--steps", "4", "--resume"]
    assert main([*options, *moved]) == 0
    assert main(["evaluate", str(folder), "--features", "pixels", "--scores", "frechet"]) == 0
    assert "gan.critic_steps: " in fails(capsys, *options, *moved, "--gan.critic_steps", "3")


@pytest.mark.slow
def test_a_diverging_run_exits_with_1_and_can_be_started_anew(file, tmp_path, capsys):
    command = ["train", file, "--workdir", str(tmp_path / "run"), "--steps", "30"]
    assert main([*command, "--gan.critic_optimizer.learning_rate", "1e30"]) == 1
    error = capsys.readouterr().err
    assert re.match(r"gan-jax: .* = .* in iteration \d+; there is no checkpoint yet in .*\n$", error)
    assert main(command) == 0


@pytest.mark.slow
def test_seeds_and_settings_reach_the_run(file, tmp_path):
    def drawn(name, *options):
        folder = tmp_path / name
        fast = ["--gan.generator_optimizer.learning_rate", "0.05"]
        assert main(["train", file, "--workdir", str(folder), "--steps", "3", *fast, *options]) == 0
        assert main(["sample", str(folder), "--n", "5"]) == 0
        return (folder / "samples.npz").read_bytes()

    default = drawn("default")
    assert drawn("again") == default
    assert drawn("seed", "--seed", "1") != default
    assert drawn("noise", "--data.dequantization", "0.5") != default


def test_help(file, capsys):
    assert main(["--help"]) == 0
    assert "gan-jax train" in capsys.readouterr().out
    assert main([]) == 0
    assert main(["--version"]) == 0
    assert re.search(r"^\d+\.\d+\.\d+$", capsys.readouterr().out, flags=re.MULTILINE)
    with pytest.raises(SystemExit):
        main(["train", file, "--help"])
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) < 60
    assert "batch-size=16" in printed  # the file's, not the library's
    assert "gan.penalty.  name=wgan_gp" in printed
    with pytest.raises(SystemExit):
        main(["train", file, "--help-all"])
    printed = capsys.readouterr().out
    assert "default: 16)" in printed.replace("\n", " ")
    assert "--gan.penalty.weight" in printed
    assert re.search("--data.dir( VALUE)?, --data-dir( VALUE)?", printed)  # Python 3.13 says the value once


@pytest.mark.slow
def test_a_group_stands_for_its_name_and_lists_are_of_commas_or_spaces(file, tmp_path):
    settings = []
    for i, (penalty, policies) in enumerate([("", ["translation,cutout"]), (".name", ["translation", "cutout"])]):
        options = [f"--gan.penalty{penalty}", "r1", "--gan.critic-optimizer.learning-rate", "1e-3", "--steps", "1e0"]
        options += ["--workdir", str(tmp_path / str(i)), "--gan.augment.policies", *policies]
        assert main(["train", file, *options]) == 0
        settings.append(json.loads((tmp_path / str(i) / "experiment.json").read_text())["settings"])
    assert settings[0] == settings[1]
    assert settings[0]["gan"]["penalty"]["name"] == "r1"
    assert settings[0]["gan"]["augment"]["policies"] == ["translation", "cutout"]
    assert settings[0]["steps"] == 1


@pytest.mark.slow
def test_experiments_of_the_package_are_listed_copied_and_trained_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["experiments"]) == 0
    assert "digits_wgan_gp   " in capsys.readouterr().out
    assert main(["experiments", "--copy", "digits"]) == 0
    assert "8x8 handwritten digits" in (tmp_path / "digits_wgan_gp.py").read_text()
    assert "--copy: digits_wgan_gp.py is here already" in fails(capsys, "experiments", "--copy", "digits")
    assert main(["train", "digits", "--steps", "1"]) == 0
    assert (tmp_path / "runs" / "digits_wgan_gp" / "source" / "digits_wgan_gp.py").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_options_and_experiments(shell, capsys):
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    for word in ("train", "--gan.penalty.weight", "digits_wgan_gp", "--scores"):
        assert word in printed


def test_pure_modules_import_little():
    """Users of one loss should not wait for data sets, plots and checkpoints."""
    program = "import sys, gan_jax.losses, gan_jax.penalties; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"tensorflow_datasets", "matplotlib", "orbax", "flax", "optax", "sklearn", "PIL", "tensorboardX"}
    assert "gan_jax.penalties" in loaded
    assert not heavy & {name.partition(".")[0] for name in loaded}
