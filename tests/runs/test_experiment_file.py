"""Experiment files: what they may hold, what of it is kept, and that it is found again."""

import sys

import jax
import jax.numpy as jnp
import optax
import pytest

from gan_jax.errors import InputError
from gan_jax.losses import Loss
from gan_jax.penalties import Penalty
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.experiment_file import load
from gan_jax.settings import from_json, has_own_objects, to_json

OWN = '''
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax import GAN, CriticConfig, Experiment, GeneratorConfig, from_arrays
from gan_jax.losses import Loss
from gan_jax.penalties import Penalty
from layers import Hidden


class Critic(nn.Module):
    """A critic of one's own."""

    width: int = 8

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(Hidden(self.width)(x.reshape(len(x), -1))).squeeze(-1)


class Generator(nn.Module):
    """A generator of one's own."""

    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, noise):
        return Hidden(self.shape[0])(noise)


def near_the_data(key, *, real, fake):
    return real + 0.1 * jax.random.normal(key, real.shape)


def steepest(slope):
    return slope**4


def points():
    rows = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    return from_arrays({"sample": rows[:40]}, {"sample": rows[40:]})


softplus = Loss(
    critic=lambda *, real, fake: jax.nn.softplus(-real) + jax.nn.softplus(fake),
    generator=lambda *, real, fake: jax.nn.softplus(-fake),
)

experiment = Experiment(
    data=points,
    gan=GAN(
        generator=GeneratorConfig(name=Generator, latent=3),
        critic=CriticConfig(name=Critic, width=5),
        loss=softplus,
        penalty=Penalty(near_the_data, steepest, weight=2.0),
        critic_optimizer=optax.chain(optax.clip_by_global_norm(1), optax.adamw(1e-3)),
    ),
    batch_size=8,
    steps=4,
)
'''

LAYERS = '''
import flax.linen as nn


class Hidden(nn.Module):
    """A layer that another file of the same folder defines."""

    width: int

    @nn.compact
    def __call__(self, x):
        return nn.tanh(nn.Dense(self.width)(x))
'''


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "own.py").write_text(OWN)
    (folder / "layers.py").write_text(LAYERS)
    return folder / "own.py"


@pytest.mark.slow
def test_everything_may_be_of_ones_own(own):
    gan = load(own).experiment.gan
    assert isinstance(gan.loss, Loss)
    assert isinstance(gan.penalty.build(), Penalty)
    assert isinstance(gan.critic_optimizer, optax.GradientTransformation)
    data = load(own).experiment.data.read()
    assert data.shape == (2,)
    system = load(own).experiment.build(data.spec)
    state = system.init(jax.random.key(0), data.spec)
    state, metrics = jax.jit(system.update)(state, jax.random.key(1), {"sample": jnp.ones((40, 2))})
    assert jnp.isfinite(metrics["critic_total"])
    assert system.sample(state, jax.random.key(2), 3).shape == (3, 2)


def test_what_json_cannot_hold_is_said_to_be_the_files_own(own):
    settings = to_json(load(own).experiment)
    assert settings["data"]["source"] == {"own": "points"}
    assert settings["gan"]["critic"]["name"] == {"own": "Critic"}
    assert settings["gan"]["critic"]["width"] == 5
    assert settings["gan"]["critic_optimizer"]["own"].startswith("GradientTransformation")
    assert has_own_objects(settings)
    again = load(own).experiment
    assert from_json(Experiment, settings, again) == again
    with pytest.raises(InputError, match=r"^data.source: points is an object of the program that trained"):
        from_json(Experiment, settings)


def test_an_object_that_can_be_imported_is_kept_by_its_path(tmp_path):
    file = tmp_path / "imported.py"
    file.write_text(
        "from gan_jax import *\nfrom gan_jax.networks.mlp import Critic\nimport math\n"
        "experiment = Experiment(gan=GAN(critic=Critic))"
    )
    settings = to_json(load(file).experiment)
    assert settings["gan"]["critic"]["name"] == {"import": "gan_jax.networks.mlp:Critic"}
    assert not has_own_objects(settings)
    assert from_json(Experiment, settings) == load(file).experiment
    settings["gan"]["critic"]["name"] = {"import": "gan_jax.networks.mlp:Critik"}
    with pytest.raises(InputError, match=r"^gan.critic.name: gan_jax.networks.mlp:Critik cannot be imported"):
        from_json(Experiment, settings)


def test_modules_beside_the_file_are_kept_and_forgotten(own, tmp_path):
    file = load(own)
    before = file.sha256()
    assert [module.name for module in file.modules] == ["layers.py"]
    assert "layers" not in sys.modules
    assert str(own.parent) not in sys.path
    file.keep(tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["layers.py", "own.py"]
    assert load(tmp_path / "kept" / "own.py").sha256() == before
    (own.parent / "layers.py").write_text(LAYERS.replace("tanh", "relu"))
    assert load(own).sha256() != before


def test_a_file_can_be_kept_where_it_lies(own):
    """A run is resumed by the file that it has kept."""
    file = load(own)
    before = file.sha256()
    file.keep(own.parent)
    assert load(own).sha256() == before


def test_modules_beside_a_file_that_fails_are_forgotten_too(own):
    own.write_text(OWN + "\nraise ValueError('wrong')")
    with pytest.raises(InputError, match="ValueError: wrong"):
        load(own)
    assert "layers" not in sys.modules


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such experiment file"),
        ("x = 1", "must define `experiment = Experiment"),
        ("experiment = 3", "must define .* found 3"),
        ("import nonsense_package", "ModuleNotFoundError: .*nonsense_package"),
        ("1 +", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("from gan_jax import *; experiment = Experiment(batch_size=-3)", "batch_size: .*-3"),
        ("from gan_jax import *; experiment = Experiment(gan=GAN(critic=None))", "critic: "),
        ("from gan_jax import *; experiment = Experiment(gan=GAN(loss=len))", "loss: "),
    ],
)
def test_files_that_hold_no_experiment(tmp_path, text, message):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=f"mine.py: {message}") as error:
        load(file)
    assert "\n" not in str(error.value)
