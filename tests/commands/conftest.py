"""One run for all tests of commands that write elsewhere."""

import pytest

from gan_jax.cli import main

EXPERIMENT = """
from gan_jax import GAN, CriticConfig, EvaluationConfig, Experiment, GeneratorConfig

experiment = Experiment(
    gan=GAN(generator=GeneratorConfig(width=8, depth=1, latent=4), critic=CriticConfig(width=8, depth=1)),
    batch_size=16, steps=2, evaluation=EvaluationConfig(every=1, n=12, features="pixels"),
)
"""


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A run of two iterations that has scored itself; tests copy it where they write to it."""
    file = tmp_path_factory.mktemp("experiments") / "tiny.py"
    file.write_text(EXPERIMENT)
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", str(file), "--workdir", str(folder)]) == 0
    return folder
