"""The code of README and CONTRIBUTING runs as it stands."""

import re
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax import tree

README = Path(__file__).parent.parent / "README.md"


CONTRIBUTING = README.parent / "CONTRIBUTING.md"
KEY = jax.random.key(0)


def blocks_of(file):
    return re.findall(r"```python\n(.*?)```", file.read_text(), flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected
def test_a_run_is_trained_opened_and_asked(tmp_path, monkeypatch):
    """The first two examples, as they stand but for the number of steps."""
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks_of(README)[:2]:
        assert len([line for line in block.splitlines() if line]) <= 6
        exec(block.replace("steps=200", "steps=3"), names)
    assert names["images"].shape == (100, 8, 8, 1)
    assert names["path"].shape == (10, 8, 8, 1)
    assert names["latents"].shape == (2, 128)
    assert names["again"].shape == (2, 8, 8, 1)
    assert names["again"].dtype == names["images"].dtype == "uint8"


@pytest.mark.slow
def test_the_examples_run_in_order():
    blocks = blocks_of(README)[2:]
    assert len(blocks) == 4
    names = {}
    gradients = []
    for block in blocks:
        for part in block.split("\n\n"):
            exec(part, names)
            if "gradient" in names:
                gradients.append(names.pop("gradient"))
    assert len(gradients) == 3
    for gradient in gradients:
        leaves = [leaf for leaf in tree.leaves(gradient) if hasattr(leaf, "shape")]
        assert any(jnp.abs(leaf).max() > 1e-3 for leaf in leaves)
        assert all(jnp.isfinite(leaf).all() for leaf in leaves)
    assert names["penalty"].shape == ()
    assert names["found"].scores["frechet"].mean < 3 * names["found"].scores["frechet"].baseline
    steep = names["mine"](lambda x: 3 * x[:, 0], names["key"], real=names["real"], fake=names["fake"])
    assert jnp.allclose(steep, 16.0)


@pytest.mark.slow
def test_the_recipes_train():
    """Each experiment of CONTRIBUTING, an iteration, on points, or on images if it augments them."""
    blocks = blocks_of(CONTRIBUTING)
    assert len(blocks) == 5
    for block in blocks:
        names = {}
        exec(block, names)
        experiment = replace(names["experiment"], batch_size=4)
        data = experiment.data.read() if callable(experiment.data.source) else None
        shape = (4, 4, 1) if experiment.gan.augment.policies else (2,)
        spec = data.spec if data else {"sample": jax.ShapeDtypeStruct(shape, jnp.float32)}
        system = experiment.build(spec)
        state = system.init(KEY, spec)
        batch = {"sample": 3 * jax.random.normal(KEY, (system.counts["images"], *shape))}
        moved, metrics = jax.jit(system.update)(state, KEY, batch)
        assert all(jnp.isfinite(value) for value in metrics.values())
        leaves = zip(*map(tree.leaves, (state.critic.params, moved.critic.params)), strict=True)
        assert any(jnp.abs(a - b).max() > 0 for a, b in leaves)
