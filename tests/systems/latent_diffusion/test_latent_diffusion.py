"""Diffusion told captions, in an autoencoder's latents: what it hears, scales, remembers, shares and refuses."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from devices import update_on
from PIL import Image

from gan_jax import (
    AdamConfig,
    AdversaryConfig,
    Autoencoder,
    AutoencoderNetworkConfig,
    DenoiserConfig,
    Diffusion,
    Experiment,
    LatentDiffusion,
    load,
    train,
)
from gan_jax.cli import main
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError
from gan_jax.networks.text_unet import Denoiser
from gan_jax.sharding import UNSHARDED
from gan_jax.systems.diffusion.model import bind_denoiser
from gan_jax.systems.latent_diffusion import latent_diffusion
from gan_jax.systems.latent_diffusion.system import Frozen
from gan_jax.training.devices import STRATEGIES

KEY = jax.random.key(0)
OTHERS = [strategy for strategy in STRATEGIES if strategy != "jit"]
WORDS = Vocabulary(("black", "white"), length=3)
SPEC = {"sample": jax.ShapeDtypeStruct((4, 4, 1), jnp.float32), "tokens": jax.ShapeDtypeStruct((3,), jnp.int32)}
NETWORK = DenoiserConfig("text_unet", features=(8,), heads=2, text_width=8, text_depth=1)
TOLD = Diffusion(network=NETWORK, preset="flow", steps=4, optimizer=AdamConfig(learning_rate=5e-3, b1=0.9, b2=0.99))


def captioned(count):
    """Plain images, which their captions name."""
    white = np.arange(count) % 2
    images = np.broadcast_to(np.where(white, 220, 30).astype(np.uint8).reshape(-1, 1, 1, 1), (count, 4, 4, 1))
    return {"sample": images.copy(), "tokens": WORDS([("black", "white")[i] for i in white])}


def batch_of(count):
    arrays = captioned(count)
    return arrays | {"sample": arrays["sample"].astype(np.float32) / 127.5 - 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of shades of them: a run on a run finds the data of both by their names."""
    folder = tmp_path_factory.mktemp("pictures")
    for i, image in enumerate(captioned(40)["sample"]):
        Image.fromarray(image[..., 0] + np.uint8(i // 2)).save(folder / f"{i}.png")
        (folder / f"{i}.txt").write_text(("black", "white")[i % 2])
    return str(folder)


@pytest.fixture(scope="module")
def run_below(data, tmp_path_factory):
    """An autoencoder that has learnt hardly anything."""
    settings = Autoencoder(
        network=AutoencoderNetworkConfig(features=(4, 4), latents=2, attention=False),
        adversary=AdversaryConfig(weight=0.0),
    )
    folder = tmp_path_factory.mktemp("runs") / "autoencoder"
    return train(Experiment(data=data, autoencoder=settings, batch_size=8, steps=2), folder)


def latent(run_below, **changes):
    return LatentDiffusion(str(run_below.folder.path), diffusion=replace(TOLD, **changes))


@pytest.mark.slow
def test_captions_are_heard_and_guidance_pushes_towards_them():
    system = TOLD.build(SPEC, batch_size=32, vocabulary=WORDS)
    assert system.captioned
    assert not system.conditional
    batch = batch_of(32)

    @jax.jit
    def run(state):
        return jax.lax.scan(lambda state, key: system.update(state, key, batch), state, jax.random.split(KEY, 400))

    state, _ = run(system.init(KEY, SPEC))
    rows = jnp.asarray(WORDS(["black", "white", ""])).repeat(16, axis=0)
    draw = jax.jit(partial(system.sample, state, KEY, 48, {"tokens": rows}), static_argnames="guidance")
    means = draw().mean(axis=(1, 2, 3)).reshape(3, 16)
    assert means[0].mean() < -0.4
    assert means[1].mean() > 0.4
    pushed = draw(guidance=3.0).mean(axis=(1, 2, 3)).reshape(3, 16)
    assert pushed[1].mean() - pushed[0].mean() > means[1].mean() - means[0].mean()
    # Without a word, as without a condition, there is no guidance.
    np.testing.assert_allclose(pushed[2], means[2], atol=1e-4)


@pytest.mark.slow
def test_hidden_captions_are_the_empty_one():
    """The guided network must have seen in training what it is pushed away from: an empty caption, not zeros."""
    settings = replace(TOLD, label_dropout=1.0)
    system = settings.build(SPEC, batch_size=8, vocabulary=WORDS)
    state = system.init(KEY, SPEC)
    batch = batch_of(8)
    empty = batch | {"tokens": WORDS([""] * 8)}
    update = jax.jit(system.update)
    hidden, said = update(state, KEY, batch)[1], update(state, KEY, empty)[1]
    np.testing.assert_array_equal(hidden["loss"], said["loss"])
    assert WORDS([""])[0].tolist() == [3, 0, 0]
    kept = jax.jit(replace(TOLD, label_dropout=0.0).build(SPEC, batch_size=8, vocabulary=WORDS).update)
    assert float(kept(state, KEY, batch)[1]["loss"]) != float(hidden["loss"])


@pytest.mark.slow
def test_what_is_behind_a_captions_end_is_not_looked_at():
    network = Denoiser(features=(8,), heads=2, text_width=8, text_depth=1, words=4, length=5)
    x, time = jax.random.normal(KEY, (1, 4, 4, 1)), jnp.ones(1)
    rows = jnp.array([[1, 3, 0, 0, 0]])
    params = network.init(KEY, x, time, rows)
    said = network.apply(params, x, time, rows)
    table = params["params"]["text"]["position_embedding"]["embedding"]
    cut = jax.tree.map(lambda leaf: leaf[:3] if leaf.shape == table.shape else leaf, params)
    np.testing.assert_allclose(said, network.clone(length=3).apply(cut, x, time, rows[:, :3]), atol=1e-5)
    assert not np.allclose(said, network.apply(params, x, time, jnp.array([[2, 3, 0, 0, 0]])), atol=1e-4)


@pytest.mark.slow
def test_latents_have_unit_variance_whatever_the_autoencoders_are(run_below):
    """Without the scale, noise that is meant for unit variance hides nothing, or everything."""
    system = latent(run_below).build(SPEC, batch_size=8, vocabulary=WORDS, runs={"autoencoder": run_below})
    network = run_below.experiment.system_config.network.build((4, 4, 1), "float32")
    batch = batch_of(8)

    def seen(factor):
        """The standard deviation of what the diffusion is given, of latents so many times as large."""
        params = run_below.system.drawn_with(run_below.state)
        last = params["params"]["quant_conv"]
        larger = {"kernel": last["kernel"].at[:, :2].multiply(factor), "bias": last["bias"].at[:2].multiply(factor)}
        params = {"params": params["params"] | {"quant_conv": larger}}
        frozen = Frozen(network, params, (2, 2, 2))
        spread = []

        def update(state, key, batch):
            spread.append(batch["sample"].std())
            return state._replace(step=state.step + 1), {}

        inner = system._replace(update=update, init=lambda key, spec: Inner(jnp.int32(0)))
        whole = latent_diffusion(inner, frozen, 8, UNSHARDED)
        state = whole.init(KEY, SPEC)
        state, _ = whole.update(state, KEY, batch)
        again, _ = whole.update(state, jax.random.key(1), batch | {"sample": 0 * batch["sample"]})
        assert float(again.scale) == float(state.scale)  # of the first batch
        return float(spread[0])

    assert seen(1.0) == pytest.approx(1, rel=1e-4)
    assert seen(1000.0) == pytest.approx(1, rel=1e-4)


class Inner(NamedTuple):
    """A state with nothing but a step."""

    step: jax.Array


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["jit", *(pytest.param(s, marks=pytest.mark.slow) for s in OTHERS)])
def test_devices_share_a_batch_and_change_nothing(run_below, strategy):
    def build(sharding):
        # Adam would divide the gradients that are zero but for rounding, as those of attention's biases, by themselves.
        settings = latent(run_below, optimizer=optax.sgd(0.1))
        return settings.build(SPEC, batch_size=8, vocabulary=WORDS, sharding=sharding, runs={"autoencoder": run_below})

    one, metrics = update_on(build, SPEC, batch_of(8), count=1, strategy="jit")
    eight, others = update_on(build, SPEC, batch_of(8), count=8, strategy=strategy)
    np.testing.assert_allclose(metrics["loss"], others["loss"], rtol=1e-4)
    np.testing.assert_allclose(one.scale, eight.scale, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(eight), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_run_goes_on_bit_for_bit_and_draws_of_captions(run_below, data, tmp_path, capsys):
    experiment = Experiment(data=data, latent_diffusion=latent(run_below), batch_size=8, steps=4, log_every=2)
    whole = train(experiment, tmp_path / "whole")
    train(replace(experiment, steps=2), tmp_path / "parts")
    parts = train(experiment, tmp_path / "parts")
    for a, b in zip(jax.tree.leaves(whole.state), jax.tree.leaves(parts.state), strict=True):
        np.testing.assert_array_equal(a, b)
    opened = load(tmp_path / "whole", experiment=experiment)
    assert opened.vocabulary.words == WORDS.words
    assert {*opened.captions} == {"black", "white"}
    np.testing.assert_array_equal(opened.sample(5), whole.sample(5))
    white = opened.sample(5, condition={"tokens": opened.vocabulary(["white"] * 5)}, guidance=3.0)
    assert white.shape == (5, 4, 4, 1)
    assert experiment.latent_diffusion.autoencoder_sha256 is None
    assert len(opened.experiment.latent_diffusion.autoencoder_sha256) == 64


@pytest.mark.slow
def test_the_commands_draw_of_a_prompt_and_refuse_another_autoencoder(tmp_path, capsys):
    file, below, folder = tmp_path / "ae.py", tmp_path / "ae", tmp_path / "ld"
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for i in range(24):
        Image.fromarray(rng.integers(0, 256, (4, 4)).astype(np.uint8)).save(pictures / f"{i}.png")
        (pictures / f"{i}.txt").write_text(("a cat", "a dog")[i % 2])
    file.write_text(
        "from gan_jax import AdversaryConfig, Autoencoder, AutoencoderNetworkConfig, Experiment\n"
        "network = AutoencoderNetworkConfig(features=(4, 4), latents=2, attention=False)\n"
        "system = Autoencoder(network=network, adversary=AdversaryConfig(weight=0.0))\n"
        f"experiment = Experiment(data={str(pictures)!r}, autoencoder=system, batch_size=8, steps=2)\n"
    )
    (tmp_path / "ld.py").write_text(
        "from gan_jax import DenoiserConfig, Diffusion, Experiment, LatentDiffusion\n"
        "network = DenoiserConfig('text_unet', features=(8,), heads=2, text_width=8, text_depth=1)\n"
        "diffusion = Diffusion(network=network, preset='flow', steps=2)\n"
        f"system = LatentDiffusion({str(below)!r}, diffusion=diffusion)\n"
        f"experiment = Experiment(data={str(pictures)!r}, latent_diffusion=system, batch_size=8, steps=2)\n"
    )
    command = ["train", str(tmp_path / "ld.py"), "--workdir", str(folder)]

    def refused(*arguments):
        assert main([*map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "--latent-diffusion.autoencoder: " in refused(*command)
    assert main(["train", str(file), "--workdir", str(below)]) == 0
    assert "draws without captions" in refused("sample", below, "--prompt", "a cat")
    assert main(command) == 0
    out = tmp_path / "out.npz"
    assert main(["sample", str(folder), "--prompt", "A cat", "--n", "3", "--guidance", "3", "--out", str(out)]) == 0
    with np.load(out) as found:
        assert found["images"].shape == (3, 4, 4, 1)
        assert found["captions"].tolist() == ["A cat"] * 3
    assert main(["sample", str(folder), "--n", "5", "--out", str(out)]) == 0
    with np.load(out) as found:
        assert {*found["captions"].tolist()} <= {"a cat", "a dog"}
    assert "--prompt: 'cats' is no word of the captions" in refused("sample", folder, "--prompt", "a cats")
    assert "--label: " in refused("sample", folder, "--label", "cat")
    # The autoencoder goes on: its weights are others.
    assert main(["train", str(below), "--resume", "--steps", "3"]) == 0
    assert "has other weights than this run was trained on" in refused("sample", folder)
    assert "autoencoder_sha256" in refused(*command, "--resume", "--steps", "4")


@pytest.mark.slow
def test_what_does_not_fit_is_refused(run_below):
    build = partial(LatentDiffusion.build, spec=SPEC, batch_size=8, vocabulary=WORDS)
    runs = {"autoencoder": run_below}
    with pytest.raises(InputError, match=r"diffusion.clip: latents are not held"):
        build(latent(run_below, clip=True), runs=runs)
    with pytest.raises(InputError, match=r"diffusion.network: it is told captions, which the data do not have"):
        LatentDiffusion.build(latent(run_below), SPEC, batch_size=8, runs=runs)
    with pytest.raises(InputError, match=r"autoencoder: .* is of \(4, 4, 1\), the data are \(8, 8, 1\)"):
        build(latent(run_below), spec=SPEC | {"sample": jax.ShapeDtypeStruct((8, 8, 1), jnp.float32)}, runs=runs)
    other = SimpleNamespace(experiment=Experiment(data="digits"), shape=(4, 4, 1))
    with pytest.raises(InputError, match=r"autoencoder: .* is a run of digits .*, no autoencoder"):
        build(latent(run_below), runs={"autoencoder": other})
    with pytest.raises(InputError, match=r"autoencoder: .* has other weights"):
        build(replace(latent(run_below), autoencoder_sha256="0" * 64), runs=runs)
    with pytest.raises(InputError, match=r"conditional: the network is told the captions"):
        replace(TOLD, conditional=True).build(SPEC, batch_size=8, classes=3, vocabulary=WORDS)
    with pytest.raises(InputError, match=r"features: 6 cannot be grouped"):
        replace(TOLD, network=replace(NETWORK, features=(6,))).build(SPEC, batch_size=8, vocabulary=WORDS)
    points = {"sample": jax.ShapeDtypeStruct((2,), jnp.float32)}
    with pytest.raises(InputError, match=r"it is of images"):
        TOLD.build(points, batch_size=8, vocabulary=WORDS)


@pytest.mark.slow
def test_a_bound_denoiser_is_told_nothing_by_the_empty_caption():
    model = TOLD.model(SPEC, batch_size=8, classes=0, vocabulary=WORDS)
    params = TOLD.build(SPEC, batch_size=8, vocabulary=WORDS).init(KEY, SPEC).params
    x, half = jax.random.normal(KEY, (2, 4, 4, 1)), jnp.float32(0.5)
    rows = jnp.asarray(WORDS(["white", ""]))
    told = bind_denoiser(model, params, rows)(x, half, half)
    guided = bind_denoiser(model, params, rows, guidance=2.0)(x, half, half)
    untold = bind_denoiser(model, params, jnp.asarray(WORDS(["", ""])))(x, half, half)
    np.testing.assert_allclose(guided, untold + 2 * (told - untold), atol=1e-4)
