"""A one-step student: it begins as its teacher, hears it, plays a GAN's game, and is opened with its run."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import GAN, CriticConfig, DenoiserConfig, Diffusion, Distill, GeneratorConfig
from gan_jax.cli import main
from gan_jax.diffusion.oracles import gaussian_mixture
from gan_jax.errors import InputError
from gan_jax.runs.experiment import Experiment
from gan_jax.systems.diffusion.model import bind_denoiser
from gan_jax.systems.distill.student import student_of, teacher_of

KEY = jax.random.key(0)
SPEC = {"sample": jax.ShapeDtypeStruct((2,), jnp.float32)}
TEACHER = Diffusion(network=DenoiserConfig(width=8, depth=1), steps=5)
GAME = GAN(critic=CriticConfig(width=8, depth=1), loss="non_saturating", critic_steps=1)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


@pytest.fixture(scope="module")
def taught():
    """A run as it is open: parameters away from zero, so that the network says something."""
    experiment = Experiment(data="8gaussians", diffusion=TEACHER, batch_size=8)
    system = experiment.build(SPEC)
    state = system.init(KEY, SPEC)
    moved = jax.tree.map(lambda leaf: leaf + 0.1, state.params)
    return SimpleNamespace(experiment=experiment, system=system, state=state._replace(ema=moved), shape=(2,))


@pytest.mark.slow
def test_a_student_begins_as_its_teacher_at_its_level(taught):
    distill = Distill("teacher", noise=1.5, gan=GAME)
    system = distill.build(SPEC, batch_size=8, runs={"teacher": taught})
    state = system.init(jax.random.key(5), SPEC)
    model = TEACHER.model(SPEC, batch_size=8, classes=0)
    noise = jax.random.normal(KEY, (4, 2))
    expected = bind_denoiser(model, taught.state.ema)(1.5 * noise, jnp.float32(1), jnp.float32(1.5))
    student = student_of(model, 1.5)
    np.testing.assert_allclose(student.apply(state.generator, noise), expected, rtol=1e-5, atol=1e-5)
    assert system.sample(state, KEY, 3).shape == (3, 2)
    assert system.evaluations == 1


@pytest.mark.slow
def test_both_networks_move_and_the_teacher_is_reported(taught):
    system = Distill("teacher", gan=GAME).build(SPEC, batch_size=8, runs={"teacher": taught})
    state = system.init(KEY, SPEC)
    after, metrics = jax.jit(system.update)(state, KEY, {"sample": jax.random.normal(KEY, (8, 2))})
    assert metrics["teaching"] > 0
    assert "teaching" in system.metrics
    for a, b in ((state.generator, after.generator), (state.critic.params, after.critic.params)):
        assert any((x != y).any() for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    alone = Distill("teacher", weight=0.0, gan=GAME).build(SPEC, batch_size=8, runs={"teacher": taught})
    assert "teaching" not in alone.metrics


@pytest.mark.slow
def test_a_teachers_word_is_its_distance_and_has_no_gradient_of_its_own(taught):
    model = TEACHER.model(SPEC, batch_size=8, classes=0)
    teach = teacher_of(model, taught.state.ema, 2.0)
    keys = jax.random.split(KEY, 3)
    samples = jax.random.normal(jax.random.key(1), (3, 2))
    values, pull = jax.vjp(lambda samples: teach(keys, samples, None), samples)
    (gradient,) = pull(jnp.ones(3))
    # `2 weight (G - D) / d`, as if D did not move: so the value is the gradient's own square.
    np.testing.assert_allclose(values, (gradient**2).sum(axis=1) * 2 / (4 * 2.0), rtol=1e-5)
    assert teacher_of(model, taught.state.ema, 0.0) is None


def test_what_does_not_fit_is_refused(taught):
    build = partial(Distill("teacher", gan=GAME).build, SPEC, batch_size=8)
    gan = SimpleNamespace(experiment=Experiment(data="8gaussians"), state=None, shape=(2,))
    with pytest.raises(InputError, match="teacher: teacher is a run of 8gaussians"):
        build(runs={"teacher": gan})
    images = {"sample": jax.ShapeDtypeStruct((8, 8, 1), jnp.float32)}
    with pytest.raises(InputError, match=r"teacher: teacher draws \(2,\)"):
        Distill("teacher", gan=GAME).build(images, batch_size=8, runs={"teacher": taught})
    of = Distill("teacher", gan=GAN(generator=GeneratorConfig(width=4)))
    with pytest.raises(InputError, match=r"gan\.generator: the student is the teacher's network"):
        of.build(SPEC, batch_size=8, runs={"teacher": taught})
    of = Distill("teacher", gan=GAN(conditional=True))
    with pytest.raises(InputError, match=r"gan\.conditional: the teacher is not told the labels"):
        of.build(SPEC, batch_size=8, classes=2, runs={"teacher": taught})


@pytest.mark.slow
def test_a_student_is_trained_and_drawn_from_by_the_commands(tmp_path, capsys):
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    (tmp_path / "teacher.py").write_text(
        "from gan_jax import DenoiserConfig, Diffusion, Experiment\n"
        "experiment = Experiment(data='8gaussians', diffusion=Diffusion(network=DenoiserConfig(width=8, depth=1)),"
        " batch_size=8, steps=2)\n"
    )
    (tmp_path / "student.py").write_text(
        "from gan_jax import GAN, CriticConfig, Distill, Experiment\n"
        "game = GAN(critic=CriticConfig(width=8, depth=1), critic_steps=1)\n"
        f"distill = Distill({str(teacher)!r}, gan=game)\n"
        "experiment = Experiment(data='8gaussians', distill=distill, batch_size=8, steps=2)\n"
    )
    command = ["train", str(tmp_path / "student.py"), "--workdir", str(student)]
    assert main(command) == 2
    assert "gan-jax: --distill.teacher: " in capsys.readouterr().err
    assert main(["train", str(tmp_path / "teacher.py"), "--workdir", str(teacher)]) == 0
    assert main([*command, "--distill.gan.penalty.name", "r1"]) == 0
    assert main(["sample", str(student), "--n", "5"]) == 0
    assert np.load(student / "samples.npz")["points"].shape == (5, 2)


def test_the_exact_denoiser_at_much_noise_draws_the_mean():
    """Why a student is given less noise than its teacher begins with."""
    denoise = gaussian_mixture(jnp.array([[-1.0], [1.0]]), jnp.full(2, 0.01), jnp.full(2, 0.5))
    noise = jax.random.normal(KEY, (500, 1))
    spread = [float(denoise(s * noise, jnp.float32(1), jnp.float32(s)).std()) for s in (80.0, 1.0, 0.3)]
    assert spread[0] < 0.05 < spread[1] < spread[2]
