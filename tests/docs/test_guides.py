"""The guides' examples run, and so do the notebooks."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from gan_jax import Experiment, train
from gan_jax.systems.gan import GAN

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


def run_blocks(page, **replaced):
    names = {}
    for block in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL):
        for before, after in replaced.items():
            block = block.replace(before, after)
        exec(block, names)
    return names


@pytest.mark.slow
def test_the_loop_of_ones_own_trains():
    """As it stands but for the number of iterations, with narrower networks."""
    with jax.numpy_dtype_promotion("standard"):  # optax's own counts
        names = run_blocks("guides/own_loop.md", **{"2_000": "3", "128": "8", "1_000": "5"})
    assert names["samples"].shape == (5, 2)
    assert jnp.isfinite(names["samples"]).all()
    untrained = names["generator"].init(jax.random.split(jax.random.key(0), 3)[0], jnp.zeros((1, 16)))
    moved = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), names["params"], untrained)
    assert min(jax.tree.leaves(moved)) > 0


@pytest.mark.slow
def test_the_experiment_on_own_images_is_one():
    experiment = run_blocks("guides/own_images.md")["experiment"]
    assert isinstance(experiment.gan, GAN)
    spec = {"sample": jax.ShapeDtypeStruct((64, 64, 3), jnp.float32)}
    system = experiment.build(spec)
    drawn = jax.eval_shape(lambda key: system.sample(system.init(key, spec), key, 2), jax.random.key(0))
    assert drawn.shape == (2, 64, 64, 3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected
def test_the_tour_of_the_latents(tmp_path, monkeypatch):
    """Of a run of a few steps."""
    monkeypatch.chdir(tmp_path)
    train(Experiment(data="digits", steps=2), "runs/digits_wgan_gp")
    names = run_blocks("guides/latent_tour.md")
    assert names["paths"].shape == (6, 10, 8, 8, 1)
    assert names["walk"].shape == (8, 8, 8, 1)


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebooks_run(file, monkeypatch):
    """Each asserts what it has found."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(file, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebooks_are_small_and_show_what_they_find(file):
    assert file.stat().st_size < 150_000
    assert '"image/png"' in file.read_text()
    assert '"output_type": "error"' not in file.read_text()


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 4
