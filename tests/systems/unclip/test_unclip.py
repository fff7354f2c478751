"""A prior and a decoder on a frozen run of CLIP: standardized embeddings, captions seen, runs that changed refused."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_data import captioned

from gan_jax import Clip, ClipNetworkConfig, DenoiserConfig, Experiment, Prior, Unclip
from gan_jax.data.pipeline import batch_spec, preprocess_batch
from gan_jax.errors import InputError
from gan_jax.systems.frozen import sha256_of
from gan_jax.systems.unclip.embedding import frozen_clip, statistics_of
from gan_jax.systems.unclip.prior import draw_embeddings, standardized

KEY = jax.random.key(0)
DATA = captioned()
SPEC = batch_spec(DATA.train)
BATCH = preprocess_batch(DATA.train.batch(slice(0, 8)), KEY, 0.0)
OF = {"batch_size": 8, "classes": 2, "vocabulary": DATA.vocabulary}


def opened(name, config, runs=None):
    """A run as it is open, of its first parameters, moved a little."""
    experiment = Experiment(data=captioned, batch_size=8, **{name: config})
    system = experiment.build(SPEC, classes=2, vocabulary=DATA.vocabulary, runs=runs or {})
    state = system.init(KEY, SPEC)
    keep = ("clip_mean", "clip_std")
    moved = jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf if getattr(path[-1], "key", "") in keep else leaf + 0.03, state.ema
    )
    return SimpleNamespace(
        experiment=experiment,
        system=system,
        state=state._replace(ema=moved),
        spec=SPEC,
        shape=(4, 4, 1),
        classes=("one", "two"),
        vocabulary=DATA.vocabulary,
    )


@pytest.fixture(scope="module")
def clip():
    return opened("clip", Clip(network=ClipNetworkConfig(width=8, depth=1, heads=2, patch=2, embedding=4)))


@pytest.fixture(scope="module")
def prior(clip):
    settings = Prior("clip", width=8, depth=1, heads=2).resting_on({"clip": clip})
    return opened("prior", settings, {"clip": clip})


def decoder(clip, prior, **settings):
    network = DenoiserConfig(name="mlp", width=8, depth=1)
    return Unclip("clip", "prior", network=network, steps=2, **settings)


@pytest.mark.slow
def test_embeddings_are_standardized_by_what_clip_was_trained_on(clip, prior):
    frozen = frozen_clip(clip, (4, 4, 1), path="clip")
    mean, std = statistics_of(frozen, clip)
    everything = preprocess_batch(DATA.train.batch(slice(None)), KEY, 0.0)["sample"]
    embedded = frozen.embed(everything)
    np.testing.assert_allclose(mean, np.asarray(embedded).mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(prior.state.params["params"]["clip_std"][0], std, rtol=1e-5)
    found = standardized(prior.state, embedded)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(found.std(axis=0), 1, rtol=1e-3)


@pytest.mark.slow
def test_steps_move_neither_clip_nor_the_statistics(clip, prior):
    before = sha256_of(clip.state.ema)
    state, metrics = jax.jit(prior.system.update)(prior.state, KEY, BATCH)
    assert sha256_of(clip.state.ema) == before
    for name in ("clip_mean", "clip_std"):
        np.testing.assert_array_equal(state.params["params"][name], prior.state.params["params"][name])
    assert np.isfinite(metrics["loss"])
    moved = state.params["params"]["proj_in"]["kernel"] != prior.state.params["params"]["proj_in"]["kernel"]
    assert bool(moved.any())


@pytest.mark.slow
def test_the_prior_hears_the_caption_and_what_is_behind_its_end_does_not_count(clip, prior):
    settings = prior.experiment.prior
    model = settings.model(SPEC, batch_size=8, runs={"clip": clip})
    draw = jax.jit(lambda tokens: draw_embeddings(model, prior.state, KEY, tokens))
    one, two = (jnp.asarray(DATA.vocabulary([caption])) for caption in ("a dark one", "a light two"))
    assert draw(one).shape == (1, 4)
    assert float(jnp.abs(draw(one) - draw(two)).max()) > 1e-4
    said = model.frozen.read(one)
    assert said.mask.sum() == 4  # three words, and the end


@pytest.mark.slow
def test_of_two_embeddings_the_likelier_is_kept(clip, prior):
    model = prior.experiment.prior.model(SPEC, batch_size=8, runs={"clip": clip})
    tokens = jnp.asarray(DATA.vocabulary(["a dark one"] * 6))
    text = model.frozen.read(tokens).embedding
    params = prior.state.ema["params"]

    def likeness(drawn):
        return ((drawn * params["clip_std"] + params["clip_mean"]) * text).sum(axis=1)

    many, single = (draw_embeddings(model, prior.state, KEY, tokens, candidates=count) for count in (4, 1))
    assert float(likeness(many).mean()) > float(likeness(single).mean())


@pytest.mark.slow
def test_images_are_drawn_of_captions_of_embeddings_and_of_nothing(clip, prior):
    runs = {"clip": clip, "prior": prior}
    settings = decoder(clip, prior).resting_on(runs)
    assert settings.clip_sha256 == sha256_of(clip.state.ema)
    system = settings.build(SPEC, **OF, runs=runs)
    state, metrics = jax.jit(system.update)(system.init(KEY, SPEC), KEY, BATCH)
    state = state._replace(ema=jax.tree.map(lambda leaf: leaf + 0.05, state.ema))
    assert np.isfinite(metrics["loss"])
    assert system.captioned
    draw = jax.jit(lambda condition: system.sample(state, KEY, 2, condition))
    one, two = (
        draw({"tokens": jnp.asarray(DATA.vocabulary([caption] * 2))}) for caption in ("a dark one", "a light two")
    )
    assert one.shape == (2, 4, 4, 1)
    assert float(jnp.abs(one - two).max()) > 1e-5
    of_nothing, of_zeros = draw({}), draw({"embedding": jnp.zeros((2, 4))})
    np.testing.assert_allclose(of_nothing, of_zeros, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_runs_that_do_not_belong_together_are_refused(clip, prior):
    changed = SimpleNamespace(
        **vars(clip) | {"state": clip.state._replace(ema=jax.tree.map(lambda x: 2 * x, clip.state.ema))}
    )
    with pytest.raises(InputError, match="clip: clip has been trained on since"):
        prior.experiment.prior.build(SPEC, **OF, runs={"clip": changed})
    with pytest.raises(InputError, match="prior: prior rests on another clip"):
        decoder(clip, prior).build(SPEC, **OF, runs={"clip": changed, "prior": prior})
    with pytest.raises(InputError, match="clip: clip is a run of"):
        Prior("clip").build(SPEC, **OF, runs={"clip": prior})
    with pytest.raises(InputError, match=r"prior: prior is a run of .*, no prior"):
        decoder(clip, prior).build(SPEC, **OF, runs={"clip": clip, "prior": clip})
    with pytest.raises(InputError, match="clip: clip reads other captions"):
        Prior("clip", width=8, heads=2).build(SPEC, **OF | {"vocabulary": None}, runs={"clip": clip})
    with pytest.raises(InputError, match="heads: 3 do not divide 8"):
        Prior("clip", width=8, heads=3).build(SPEC, **OF, runs={"clip": clip})
