"""A run is the same byte for byte whether its data lie on the devices or are streamed, also resumed, on any devices."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gan_jax import GAN, CriticConfig, DataConfig, Experiment, GeneratorConfig, load, train
from gan_jax.data.alike import Preparation
from gan_jax.data.originals import find_originals
from gan_jax.data.preparation import prepare

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Prepared images of two classes."""
    path = tmp_path_factory.mktemp("data")
    for name in ("a", "b"):
        (path / "raw" / name).mkdir(parents=True)
        for i in range(30):
            Image.fromarray(RNG.integers(0, 256, (4, 4)).astype(np.uint8)).save(path / "raw" / name / f"{i}.png")
    prepare(find_originals(path / "raw"), path / "out", Preparation(), source="raw", processes=1)
    return path / "out"


def experiment(folder, **data):
    small = {"width": 4, "depth": 1}
    gan = GAN(generator=GeneratorConfig(**small, latent=2), critic=CriticConfig(**small), critic_steps=2)
    return Experiment(data=DataConfig(str(folder), **data), gan=gan, batch_size=8, steps=6, log_every=3)


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["with_replacement", "epochs"])
@pytest.mark.parametrize("devices", [1, *(pytest.param(count, marks=pytest.mark.slow) for count in (2, 8))])
def test_resident_and_streamed_runs_are_the_same(folder, tmp_path, sampling, devices):
    chosen = {"sampling": sampling, "dequantization": 0.1}
    whole = train(experiment(folder, resident="yes", **chosen), tmp_path / "resident", devices=devices)
    streamed = experiment(folder, resident="no", **chosen)
    train(replace(streamed, steps=4), tmp_path / "streamed", devices=devices)
    train(streamed, tmp_path / "streamed", devices=devices)  # resumed
    np.testing.assert_array_equal(load(tmp_path / "streamed").sample(20), whole.sample(20))
    assert load(tmp_path / "streamed").classes == ("a", "b")
