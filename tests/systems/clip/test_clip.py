"""CLIP as a system: what one device learns eight do, its scale is held, and a text ends at its end."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_data import CAPTIONS, captioned

from gan_jax import AdamConfig, Clip, ClipNetworkConfig
from gan_jax.data.pipeline import batch_spec, preprocess_batch
from gan_jax.errors import InputError
from gan_jax.systems.clip.system import LARGEST_SCALE, embed_texts
from gan_jax.training.devices import data_parallel

KEY = jax.random.key(0)
DATA = captioned()
SPEC = batch_spec(DATA.train)
BATCH = preprocess_batch(DATA.train.batch(slice(0, 16)), KEY, 0.0)
TINY = ClipNetworkConfig(width=8, depth=1, heads=2, patch=2, embedding=4)


def build(sharding=None, **settings):
    given = {"sharding": sharding} if sharding else {}
    clip = Clip(network=TINY, **settings)
    return clip.build(SPEC, batch_size=16, classes=2, vocabulary=DATA.vocabulary, **given)


def step(devices, system):
    """The state and the metrics after a step."""
    state = devices.replicate(system.init(KEY, SPEC))
    rest = (devices.replicate(jax.random.key_data(KEY)), devices.replicate(dict(BATCH)))

    def update(state, key, batch):
        return system.update(state, jax.random.wrap_key_data(key), batch)

    return devices.compile(update, state, *rest)(state, *rest)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_eight_devices_learn_what_one_does(loss):
    settings = {"loss": loss, "optimizer": AdamConfig(b1=0.9, b2=0.9), "augment": ("translation",)}
    alone, metrics = jax.jit(build(**settings).update)(build(**settings).init(KEY, SPEC), KEY, BATCH)
    for strategy in ("jit", "shard_map"):
        devices = data_parallel(8, strategy)
        state, found = step(devices, build(devices.sharding, **settings))
        for name in metrics:
            np.testing.assert_allclose(found[name], metrics[name], rtol=2e-3, err_msg=f"{strategy} {name}")
        gradients = (jax.tree.leaves(each.optimizer) for each in (alone, state))
        for one, other in zip(*gradients, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-6)


@pytest.mark.slow
def test_embeddings_that_are_not_gathered_are_another_loss():
    devices = data_parallel(8, "shard_map")
    _, right = step(devices, build(devices.sharding))
    _, wrong = step(devices, build(devices.sharding._replace(all_gather=lambda shard: shard)))
    assert abs(float(right["loss"]) - float(wrong["loss"])) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_the_scale_begins_as_published_and_is_held(loss):
    system = build(loss=loss)
    state = system.init(KEY, SPEC)
    begins = {"softmax": 1 / 0.07, "sigmoid": 10.0}[loss]
    assert float(jnp.exp(state.params["params"]["logit_scale"])) == pytest.approx(begins, rel=1e-5)
    params = state.params | {"params": state.params["params"] | {"logit_scale": jnp.float32(9)}}
    after, _ = jax.jit(system.update)(state._replace(params=params), KEY, BATCH)
    assert float(after.params["params"]["logit_scale"]) == pytest.approx(LARGEST_SCALE)
    if loss == "sigmoid":
        assert float(state.params["bias"]) == -10


@pytest.mark.slow
def test_images_are_seen_through_augmentations_while_the_towers_learn_and_as_they_are_afterwards():
    system, black = build(), build(augment=(lambda key, image, strength: 0 * image,))
    state = system.init(KEY, SPEC)
    metrics = [jax.jit(each.update)(state, KEY, BATCH)[1] for each in (system, black)]
    assert float(metrics[1]["loss"]) != pytest.approx(float(metrics[0]["loss"]), rel=1e-3)
    np.testing.assert_array_equal(black.encode(state, KEY, BATCH), system.encode(state, KEY, BATCH))


def test_a_caption_is_read_at_its_end_and_what_is_behind_does_not_count():
    clip = Clip(network=TINY).model(SPEC, batch_size=16, classes=2, vocabulary=DATA.vocabulary)
    params = clip.network.init(KEY, *clip.network.example_inputs()[0])
    tokens = jnp.asarray(DATA.vocabulary(["a dark one", "a dark two"]))
    behind = tokens.at[0, -1].set(1)
    read = jax.jit(partial(embed_texts, clip.network, params))
    np.testing.assert_allclose(read(tokens)[0], read(behind)[0], atol=1e-6)
    assert float(jnp.abs(read(tokens)[0] - read(tokens)[1]).max()) > 1e-3
    np.testing.assert_allclose(jnp.linalg.norm(read(tokens), axis=1), 1, rtol=1e-5)


@pytest.mark.slow
def test_pairs_are_told_apart_after_some_steps_and_classes_by_their_prompts():
    settings = {"prompts": CAPTIONS, "optimizer": AdamConfig(learning_rate=1e-2, b1=0.9, b2=0.99)}
    system = build(**settings, ema_decay=0.5)
    state, update = system.init(KEY, SPEC), jax.jit(system.update)
    for i in range(120):
        state, metrics = update(state, jax.random.fold_in(KEY, i), BATCH)
    assert float(metrics["loss"]) < 1.1 * np.log(4)  # of four equal captions each is right
    assert float(metrics["matched"]) > 0.9
    told = system.diagnose(state, KEY, BATCH)["zero_shot"]
    assert told.shape == (16,)
    assert float(told.mean()) > 0.7  # by chance it would be 0.5; the light one is between the two
    np.testing.assert_allclose(jnp.linalg.norm(system.encode(state, KEY, BATCH), axis=1), 1, rtol=1e-5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="the data have none"):
        Clip(network=TINY).build(SPEC, batch_size=16)
    with pytest.raises(InputError, match="prompts: are 1, and the data have 2 classes"):
        build(prompts=CAPTIONS[:1])
    with pytest.raises(InputError, match="prompts: 'cat' is no word"):
        build(prompts=("a cat", "a dog"))
    with pytest.raises(InputError, match="augment: ada_color turns hues"):
        Clip(network=TINY, augment=("ada_color",)).build(
            {"sample": jax.ShapeDtypeStruct((4, 4, 2), jnp.float32)},
            batch_size=16,
            classes=2,
            vocabulary=DATA.vocabulary,
        )
    with pytest.raises(InputError, match=r"network: needs square images"):
        Clip(network=ClipNetworkConfig(patch=3)).build(SPEC, batch_size=16, classes=2, vocabulary=DATA.vocabulary)
