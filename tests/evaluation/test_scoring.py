"""Scores of arrays, their spread, their baseline, and what is refused."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.data.dataset import from_arrays
from gan_jax.errors import InputError
from gan_jax.evaluation import SampleSets, evaluate, of_array, reference
from gan_jax.evaluation.features import FEATURES, FeatureNetwork, Features
from gan_jax.evaluation.scores import GOOD, SCORES
from gan_jax.scores.manifold import precision_recall

RNG = np.random.default_rng(0)
TRAIN, HELD_OUT = (RNG.integers(0, 256, (count, 2, 2, 1)).astype(np.uint8) for count in (40, 40))


def dataset(train, held_out):
    return from_arrays({"sample": train}, {"sample": held_out})


DATA = dataset(TRAIN, HELD_OUT)


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


@pytest.mark.slow
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


def test_the_baseline_is_the_score_of_real_data():
    """The baseline is what the other part of the data would get as samples."""
    scores = ["precision_recall", "frechet"]
    whole = reference(dataset(TRAIN[:30], HELD_OUT[:30]), CLASSES, name="mine", scores=scores)
    found = evaluate(TRAIN[:30], whole)
    assert found.seeds == (0,)
    assert found.scores["frechet"].sd is None
    for name, value in found.scores.items():
        assert value.mean == pytest.approx(value.baseline, rel=1e-5), name
        assert whole.baseline[name] == value.baseline
    turned = reference(dataset(TRAIN, HELD_OUT[:30]), CLASSES, name="mine", split="train", scores=[])
    assert (turned.protocol.split, turned.protocol.n_real, turned.protocol.n_baseline) == ("train", 40, 30)


def test_scores_are_those_of_the_features():
    whole = reference(DATA, FEATURES["pixels"](), name="mine", scores=["precision_recall"])
    found = evaluate(TRAIN[:40], whole)
    real, fake = (jnp.asarray(x.reshape(40, -1) / np.float32(255)) for x in (HELD_OUT, TRAIN[:40]))
    expected = precision_recall(real=real, fake=fake, k=3)
    assert found.scores["precision"].mean == pytest.approx(float(expected.precision))
    assert found.scores["recall"].mean == pytest.approx(float(expected.recall))


@pytest.mark.slow
def test_copies_of_the_training_data_are_found(against):
    found = evaluate(TRAIN[:30], against)
    assert found.scores["closer"].mean > 0.8
    assert found.scores["closer"].baseline == 0.5
    assert found.scores["copied"].mean > 0.5


def test_samples_that_are_drawn_have_each_seed_of_their_own(against):
    drawn = []

    def take(seeds, n):
        for seed in seeds:
            drawn.append((seed, n))
            yield seed, np.random.default_rng(seed).integers(0, 256, (n, 2, 2, 1)).astype(np.uint8)

    found = evaluate(SampleSets("noise", (2, 2, 1), None, take), against, seeds=(3, 9))
    assert (found.samples, found.seeds, drawn) == ("noise", (3, 9), [(3, 30), (9, 30)])
    assert len({*found.scores["frechet"].values}) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"n_fake": 70}, (40, 70, 40)),
        ({"n": 20, "n_fake": 35}, (20, 35, 35)),
        ({"n_real": 12}, (12, 40, 40)),
        ({"n": 15, "n_real": 30}, (30, 15, 15)),
    ],
)
def test_real_and_generated_samples_may_differ_in_number(numbers, expected):
    """More generated samples than there are real ones, too; other real ones stand for as many generated ones."""
    apart = reference(DATA, CLASSES, name="mine", **numbers)
    assert (apart.protocol.n_real, apart.protocol.n_fake, apart.protocol.n_baseline) == expected
    n_fake = expected[1]
    assert len(apart.real.vectors) == expected[0]
    images = RNG.integers(0, 256, (2 * n_fake, 2, 2, 1)).astype(np.uint8)
    found = evaluate(images, apart)
    assert found.seeds == (0, 1)
    assert found.scores.keys() == GOOD.keys()
    assert all(np.isfinite(value.values).all() for value in found.scores.values())
    with pytest.raises(InputError, match=rf"^n_fake: .* choose at most so many, not {n_fake}"):
        evaluate(images[: n_fake - 1], apart)


def test_progress_counts_every_sample(against):
    counts = {}

    def progress(what, count):
        counts[what] = [count]
        return counts[what].append

    reference(DATA, CLASSES._replace(weights=None), name="mine", n=30, progress=progress)
    evaluate(TRAIN[:30], against, progress=progress)
    extracted = ["real samples", "training data", "held-out data", "other real data"]
    scored = ["computing real data's scores", "samples, seed 0", "computing scores, seed 0"]
    assert [*counts] == extracted + scored
    for what, (count, *done) in counts.items():
        assert sum(done) == count > 0, what


def test_sets_of_an_array_share_no_sample():
    images = np.arange(90, dtype=np.uint8).reshape(90, 1, 1, 1)
    sets = [drawn for _, drawn in of_array(images).take((0, 1, 2), 30)]
    assert sorted(np.concatenate(sets).ravel()) == list(range(90))
    assert sorted(sets[0].ravel()) != list(range(30))  # shuffled: files may come in the order of their classes


def test_arrays_of_jax_score_as_those_of_numpy_do(against):
    assert evaluate(jnp.asarray(TRAIN), against) == evaluate(TRAIN, against)
    points = RNG.normal(size=(3, 20, 2)).astype(np.float32)
    of_points = reference(dataset(points[0], points[1]), FEATURES["coordinates"](), name="mine", scores=["frechet"])
    assert evaluate(jnp.asarray(points[2]), of_points) == evaluate(points[2], of_points)


@pytest.mark.parametrize("samples", [TRAIN.tolist(), 0.5, None, [TRAIN], "a.npz", {"images": TRAIN}], ids=type)
def test_what_is_no_array_is_one_line(against, unchecked_types, samples):
    with pytest.raises(InputError, match=rf"must be an array of JAX or NumPy, not {type(samples).__name__}; give"):
        evaluate(samples, against)


def test_no_seeds_are_one_line(against):
    with pytest.raises(InputError, match=r"^seeds: there are none; give one for each"):
        evaluate(TRAIN, against, seeds=())


def test_what_cannot_be_scored_is_one_line(against):
    images = TRAIN
    cases = [
        (images[:29], "holds 29 samples; choose at most so many, not 30"),
        (images[:, :, :1], r"is of shape \(2, 1, 1\), mine of \(2, 2, 1\); resize"),
        (images.astype(np.float32) / 255, r"in \[0, 1\], store np.round\(255"),
        (images.astype(np.float32) / 127.5 - 1, r"in \[-1, 1\], store np.round\(127.5"),
        (images.astype(np.float64) * np.nan, "160 numbers that are not finite"),
        (images.astype(np.uint16) * 256, "must be uint8, 0 to 255, got uint16 from"),
        ((images > 99).astype(np.uint8), "no gray but 1 of 255"),
    ]
    cases += [(jnp.asarray(samples), message) for samples, message in cases if samples.dtype != np.float64]
    for samples, message in cases:
        with pytest.raises(InputError, match=message) as error:
            evaluate(samples, against)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"^n: .* holds 29") as error:
        evaluate(images[:29], against)
    assert error.value.field == "n"


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            DATA,
            {"scores": ["inception_score"]},
            "^scores: inception_score needs classes, which the features pixels ",
        ),
        (DATA, {"scores": ["fid"]}, "^scores: there is no fid; choose from frechet, "),
        (dataset(TRAIN, HELD_OUT[:9]), {}, "^data: there are 9 held-out samples of mine, too few; give at least 10"),
        (DATA, {"n": 41}, "^n: 41 is not between 10 and 40, the number of held-out samples of mine"),
        (DATA, {"n_real": 41}, "^n_real: 41 is not between 10 and 40, the number of held-out samples of mine"),
        (DATA, {"n_fake": 9}, "^n_fake: 9 samples are too few to score; give at least 10"),
        (DATA, {"n": 9, "n_real": 10}, "^n: 9 samples are too few to score; give at least 10"),
    ],
    ids=["classes", "unknown", "few", "many", "many real", "few fake", "few"],
)
def test_a_reference_that_cannot_be_made_is_one_line(data, options, message):
    with pytest.raises(InputError, match=message) as error:
        reference(data, FEATURES["pixels"](), name="mine", **options)
    assert "\n" not in str(error.value)


def test_constant_images_are_scored_without_breaking(against):
    """Many a generator begins so."""
    found = evaluate(np.full((30, 2, 2, 1), 200, np.uint8), against)
    assert found.scores["frechet"].mean > 10 * against.baseline["frechet"]
    assert found.scores["recall"].mean == 0
    assert found.scores["inception_score"].mean == pytest.approx(1, abs=1e-5)
