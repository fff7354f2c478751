"""Fréchet distances to the statistics of real data that a file holds, and files that hold none."""

import hashlib

import numpy as np
import pytest

from gan_jax.data.dataset import from_arrays
from gan_jax.errors import InputError
from gan_jax.evaluation import evaluate, read_statistics, reference, statistics_reference
from gan_jax.evaluation.features import FEATURES

REAL, OTHER, SAMPLES = np.random.default_rng(0).normal(size=(3, 60, 3)).astype(np.float32)
NETWORK = FEATURES["coordinates"]()
MOMENTS = {"mu": REAL.mean(axis=0, dtype=float), "sigma": np.cov(REAL.astype(float).T)}


@pytest.fixture
def file(tmp_path):
    """As pytorch-fid writes it."""
    np.savez_compressed(tmp_path / "mine.npz", **MOMENTS)
    return tmp_path / "mine.npz"


def test_statistics_give_the_distance_of_the_data_that_they_are_of(file):
    data = from_arrays({"sample": OTHER}, {"sample": REAL})
    expected = evaluate(SAMPLES, reference(data, NETWORK, name="mine", n_fake=30, scores=["frechet"]))
    found = evaluate(SAMPLES, statistics_reference(read_statistics(file), NETWORK, n_fake=30))
    assert found.scores.keys() == {"frechet"}
    np.testing.assert_allclose(found.scores["frechet"].values, expected.scores["frechet"].values, rtol=1e-12)
    assert np.isnan(found.scores["frechet"].baseline)


def test_the_protocol_names_the_file_and_its_hash(file):
    protocol = statistics_reference(read_statistics(file), NETWORK, n_fake=30).protocol
    assert (protocol.data, protocol.split, protocol.n_real) == (str(file), "statistics", None)
    assert protocol.fingerprint == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": MOMENTS["mu"]}, "lacks an array mu or sigma"),
        (MOMENTS | {"sigma": np.eye(2)}, r"must be \(d,\) and \(d, d\), got \(3,\) and \(2, 2\)"),
        (MOMENTS | {"mu": np.zeros((3, 1))}, r"must be \(d,\) and \(d, d\)"),
        (MOMENTS | {"mu": np.array([1.0, np.nan, 0.0])}, "must be finite floats"),
        (MOMENTS | {"mu": np.zeros(3, int)}, "must be finite floats"),
        (MOMENTS | {"sigma": np.triu(np.ones((3, 3)))}, "sigma is no covariance"),
        (MOMENTS | {"sigma": -np.eye(3)}, "sigma is no covariance"),
        (MOMENTS | {"mu": np.array([None] * 3)}, "is not a readable .npz file"),
    ],
)
def test_what_is_no_statistics_is_one_line(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=rf"a.npz: .*{message}"):
        read_statistics(tmp_path / "a.npz")


def test_files_and_features_that_do_not_fit_are_one_line(file, tmp_path):
    (tmp_path / "torn.npz").write_bytes(file.read_bytes()[:50])
    for name in ("torn.npz", "missing.npz"):
        with pytest.raises(InputError, match=rf"{name}: is not a readable .npz file"):
            read_statistics(tmp_path / name)
    against = statistics_reference(read_statistics(file), NETWORK, n_fake=30)
    with pytest.raises(InputError, match=r"^features: coordinates has 2 features, .*mine.npz is of 3; choose those"):
        evaluate(SAMPLES[:, :2], against)
    with pytest.raises(InputError, match=r"^n_fake: 9 samples are too few"):
        statistics_reference(read_statistics(file), NETWORK, n_fake=9)
