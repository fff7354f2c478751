"""Scores of arrays and of runs, their spread, their baseline, and what is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stub_runs import run_of

from gan_jax.data.sources import Dataset
from gan_jax.errors import InputError
from gan_jax.evaluation import evaluate, of_array, reference
from gan_jax.evaluation.features import FEATURES, FeatureNetwork, Features
from gan_jax.evaluation.scores import GOOD, SCORES
from gan_jax.runs.run import draw
from gan_jax.runs.samples import of_run, open_samples
from gan_jax.scores.manifold import precision_recall

RNG = np.random.default_rng(0)
DATA = Dataset(*(RNG.integers(0, 256, (count, 2, 2, 1)).astype(np.uint8) for count in (60, 40)))


def _classes(params, images):
    """Mean and contrast, and whether an image is bright."""
    x = images.reshape(len(images), -1).astype(jnp.float32) / 255
    mean = x.mean(axis=1, keepdims=True)
    return Features(
        jnp.concatenate([mean, x.max(axis=1, keepdims=True) - mean], axis=1), jnp.tile(mean, (1, 2)) * params
    )


CLASSES = FeatureNetwork("classes", None, "none", 16, np.array([[10.0, -10.0]], np.float32), _classes)


@pytest.fixture(scope="module")
def against():
    return reference(DATA, CLASSES, name="mine", n=30)


def test_every_score_is_taken_for_every_set(against):
    found = evaluate(RNG.integers(0, 256, (95, 2, 2, 1)).astype(np.uint8), against, seeds=(4, 5, 6, 7))
    assert found.seeds == (4, 5, 6)  # there are no four sets of 30
    assert found.scores.keys() == GOOD.keys()
    for name, value in found.scores.items():
        assert len(value.values) == 3, name
        assert np.isfinite([*value.values, value.baseline]).all(), name
    assert found.scores["frechet"].sd == pytest.approx(np.std(found.scores["frechet"].values, ddof=1))
    written = json.loads(json.dumps(found.to_json()))
    assert written["scores"]["recall"]["mean"] == found.scores["recall"].mean
    assert written["protocol"]["n_fake"] == written["protocol"]["n_baseline"] == 30
    assert written["protocol"]["settings"].keys() == SCORES.keys()


def test_real_images_stand_in_for_the_floor():
    """The baseline is what the other part of the data would get as samples."""
    scores = ["precision_recall", "frechet"]
    whole = reference(Dataset(DATA.train[:40], DATA.held_out), FEATURES["pixels"](), name="mine", scores=scores)
    found = evaluate(DATA.train[:40], whole)
    assert found.seeds == (0,)
    assert found.scores["frechet"].sd is None
    for name, value in found.scores.items():
        assert value.mean == pytest.approx(value.baseline, rel=1e-5), name
        assert whole.baseline[name] == value.baseline
    turned = reference(DATA, FEATURES["pixels"](), name="mine", split="train", n=50, scores=["frechet"])
    assert (turned.protocol.split, turned.protocol.n_real, turned.protocol.n_baseline) == ("train", 50, 40)


def test_scores_are_of_the_features_it_says():
    whole = reference(DATA, FEATURES["pixels"](), name="mine", scores=["precision_recall"])
    found = evaluate(DATA.train[:40], whole)
    real, fake = (jnp.asarray(x.reshape(40, -1) / np.float32(255)) for x in (DATA.held_out, DATA.train[:40]))
    expected = precision_recall(real=real, fake=fake, k=3)
    assert found.scores["precision"].mean == pytest.approx(float(expected.precision))
    assert found.scores["recall"].mean == pytest.approx(float(expected.recall))


def test_copies_of_the_training_data_are_found(against):
    found = evaluate(DATA.train[:30], against)
    assert found.scores["closer"].mean > 0.8
    assert found.scores["closer"].baseline == 0.5
    assert found.scores["copied"].mean > 0.5


def test_each_set_of_a_run_is_what_its_seed_draws():
    def sample(state, key, count):
        return jax.random.uniform(key, (count, 2, 2, 1), minval=-1)

    sets = of_run(run_of(sample, (2, 2, 1)))
    drawn = dict(sets.take((3, 9), 12))
    assert [*drawn] == [3, 9]
    np.testing.assert_array_equal(drawn[9], draw(sets.run, jax.random.key(9), 12))
    assert (drawn[3] != drawn[9]).any()


def test_sets_of_an_array_share_no_sample():
    images = np.arange(90, dtype=np.uint8).reshape(90, 1, 1, 1)
    sets = [drawn for _, drawn in of_array(images).take((0, 1, 2), 30)]
    assert sorted(np.concatenate(sets).ravel()) == list(range(90))
    assert sorted(sets[0].ravel()) != list(range(30))  # shuffled: files may come in the order of their classes


def test_what_cannot_be_scored_is_one_line(against):
    images = DATA.train
    cases = [
        (images[:29], "holds 29 samples; score at most so many, by --n, not 30"),
        (images[:, :, :1], r"is of shape \(2, 1, 1\), mine of \(2, 2, 1\); resize"),
        (images.astype(np.float32) / 255, r"in \[0, 1\], store np.round\(255"),
        (images.astype(np.float32) / 127.5 - 1, r"in \[-1, 1\], store np.round\(127.5"),
        (images.astype(np.float64) * np.nan, "240 numbers that are not finite"),
        (images.astype(np.uint16) * 256, "must be uint8, 0 to 255, got uint16 from"),
        ((images > 99).astype(np.uint8), "no grey but 1 of 255"),
    ]
    for samples, message in cases:
        with pytest.raises(InputError, match=message) as error:
            evaluate(samples, against)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"inception_score needs classes, which the features pixels do not tell"):
        reference(DATA, FEATURES["pixels"](), name="mine", scores=["inception_score"])
    with pytest.raises(InputError, match="mine: holds 9 samples that are held out, too few"):
        reference(Dataset(DATA.train, DATA.held_out[:9]), FEATURES["pixels"](), name="mine")
    with pytest.raises(InputError, match=r"--n: 41 is not between 10 and 40, all that is held out of mine"):
        reference(DATA, FEATURES["pixels"](), name="mine", n=41)


def test_constant_images_are_scored_without_breaking():
    """Many a generator begins so."""
    whole = reference(DATA, CLASSES, name="mine", n=30)
    found = evaluate(np.full((30, 2, 2, 1), 200, np.uint8), whole)
    assert found.scores["frechet"].mean > 10 * whole.baseline["frechet"]
    assert found.scores["recall"].mean == 0
    assert found.scores["inception_score"].mean == pytest.approx(1, abs=1e-5)


def test_paths_that_hold_no_samples(tmp_path):
    with pytest.raises(InputError, match=r"there is no run folder, .npz file or folder of images"):
        open_samples(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no images"):
        open_samples(tmp_path)
    np.savez(tmp_path / "points.npz", points=np.full((20, 2), np.inf))
    with pytest.raises(InputError, match=r"points.npz: 40 of the points' numbers are not finite"):
        open_samples(tmp_path / "points.npz")
    with pytest.raises(InputError, match=r"--best: .* is not a run folder"):
        open_samples(tmp_path / "points.npz", best=True)
    np.savez(tmp_path / "points.npz", points=np.zeros((20, 2)))
    assert open_samples(tmp_path / "points.npz").shape == (2,)
