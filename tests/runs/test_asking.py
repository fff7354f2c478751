"""What a trained run is asked from Python: samples, latents, paths, of every system; mistakes are one line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import GAN, VAE, CriticConfig, DenoiserConfig, Diffusion, Experiment, GeneratorConfig, VAENetworkConfig
from gan_jax.errors import InputError
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.run import Run
from gan_jax.systems.paths import slerp

SPEC = {"sample": jax.ShapeDtypeStruct((4, 4, 1), jnp.float32), "label": jax.ShapeDtypeStruct((), jnp.int32)}
CLASSES = ("cat", "dog", "7")
GAME = GAN(generator=GeneratorConfig(width=8, depth=1, latent=5), critic=CriticConfig(width=8, depth=1))
SYSTEMS = {
    "gan": {"gan": GAME},
    "labeled gan": {"gan": GAN(**{**vars(GAME), "conditional": True})},
    "vae": {"vae": VAE(network=VAENetworkConfig(width=8, depth=1, latents=(2, 3)))},
    "diffusion": {"diffusion": Diffusion(network=DenoiserConfig(width=8, depth=1), steps=3, conditional=True)},
}


@pytest.fixture(scope="module", params=SYSTEMS)
def run(request, tmp_path_factory):
    """Untrained, of parameters moved away from where all images are alike."""
    experiment = Experiment(batch_size=8, **SYSTEMS[request.param])
    system = experiment.build(SPEC, classes=len(CLASSES), trains=False)
    state = jax.jit(lambda key: system.init(key, SPEC))(jax.random.key(0))
    state = jax.tree.map(lambda leaf: leaf + 0.1 if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, state)
    counts = (0, 4, 4) if system.conditional else ()
    return Run(experiment, system, state, 7, SPEC, CLASSES, "", RunFolder(tmp_path_factory.mktemp("run")), counts)


@pytest.fixture
def told(run):
    """The label, where the run is told one."""
    return {"label": "dog"} if run.class_counts else {}


def test_what_is_generated_depends_on_each_latent_alone(run, told):
    latents = np.random.Generator(np.random.PCG64(0)).standard_normal((3, run.latent), np.float32)
    images = run.generate(latents, **told)
    assert images.shape == (3, 4, 4, 1)
    assert images.dtype == np.uint8
    assert (images[0] != images[1]).any()
    assert np.abs(images[1:2].astype(int) - run.generate(latents[1:2], **told)).max() <= 1


def test_a_path_begins_and_ends_at_what_its_ends_generate(run, told):
    ends = np.random.Generator(np.random.PCG64(1)).standard_normal((2, 2, run.latent), np.float32)
    paths = run.interpolate(*ends, steps=3, **told)
    assert paths.shape == (2, 3, 4, 4, 1)
    for place, end in ((0, ends[0]), (-1, ends[1])):
        assert np.abs(paths[:, place].astype(int) - run.generate(end, **told)).max() <= 1
    assert run.interpolate(ends[0, 0], ends[1, 0], steps=3, **told).shape == (3, 4, 4, 1)


def test_what_is_inverted_has_the_latents_shape_and_a_gans_comes_back(run, told):
    images = run.generate(np.full((2, run.latent), 0.5, np.float32), **told)
    latents = run.invert(images, **told)
    assert latents.shape == (2, run.latent)
    if run.experiment.gan:
        assert np.abs(run.generate(latents, **told).astype(int) - images).max() <= 6


def test_the_sample_of_a_seed_is_the_first_of_that_seed_whatever_else_is_drawn(run):
    seeds = [3, 0, 11]
    drawn = run.sample_seeds(seeds)
    np.testing.assert_array_equal(drawn[1:2], run.sample_seeds([0]))
    for seed, image in zip(seeds, drawn, strict=True):
        assert np.abs(image.astype(int) - run.sample(1, seed=seed)[0]).max() <= 1


def test_mistakes_are_one_line(run, told):
    latents = np.zeros((2, run.latent), np.float32)
    wrong = [
        (
            lambda: run.generate(latents[:, 1:], **told),
            rf"latents must be \(N, {run.latent}\) numbers, got",
        ),
        (lambda: run.generate(latents[0], **told), r"latents must be \(N, "),
        (lambda: run.generate(np.nan + latents, **told), "the latents hold numbers that are not finite"),
        (lambda: run.generate(latents, sharpness=3, **told), "^sharpness: .* leave it out"),
        (lambda: run.interpolate(latents[0], latents, **told), r"ends must both be .*run\.invert\(images\)"),
        (lambda: run.invert(np.zeros((2, 4, 4, 1), np.float32), **told), r"must be uint8 \(N, 4, 4, 1\).* float32"),
        (lambda: run.invert(np.zeros((4, 4, 1), np.uint8), **told), r"must be uint8 \(N, 4, 4, 1\)"),
    ]
    if told:
        wrong += [
            (lambda: run.generate(latents), "^label: is needed, .* give one of cat, dog, 7"),
            (lambda: run.generate(latents, label="bird"), "^label: bird is none of the 3 classes"),
            (lambda: run.generate(latents, label=3), "^label: 3 is no class; give names, or numbers from 0 to 2"),
            (lambda: run.generate(latents, label=[0, 1, 2]), r"^label: \(3,\) are not one class, or one for each of 2"),
        ]
    else:
        wrong += [(lambda: run.sample(2, label="dog"), "^label: .* draws without labels; leave it out")]
    for ask, message in wrong:
        with pytest.raises(InputError, match=message) as error:
            ask()
        assert "\n" not in str(error.value)


def test_a_run_is_shown_in_a_line(run):
    assert repr(run).startswith(f"Run({run.folder.path}: digits · ")
    assert len(repr(run)) < 300


def test_arcs_keep_lengths_and_opposite_ends_have_finite_ones():
    a, b = jax.random.normal(jax.random.key(0), (2, 4, 50))
    a, b = (each / jnp.linalg.norm(each, axis=-1, keepdims=True) for each in (a, b))
    path = slerp(a, b, jnp.linspace(0, 1, 5))
    np.testing.assert_allclose(jnp.linalg.norm(path, axis=-1), 1, rtol=1e-5)
    pace = jnp.linalg.norm(jnp.diff(path, axis=1), axis=-1)
    np.testing.assert_allclose(pace, pace[:, :1] * np.ones((1, 4)), rtol=1e-3)
    for end in (a, -a, 0 * a):
        assert jnp.isfinite(slerp(a, end, jnp.linspace(0, 1, 5))).all()
