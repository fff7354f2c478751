"""The code of the README runs as it stands."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from jax import tree

from gan_jax.losses import wasserstein
from gan_jax.networks import mlp
from gan_jax.systems.gan import gan

README = Path(__file__).parent.parent / "README.md"


def test_the_examples_run_in_order():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
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
    assert names["found"].scores["frechet"].mean < 3 * names["found"].scores["frechet"].floor
    steep = names["mine"](lambda x: 3 * x[:, 0], names["key"], real=names["real"], fake=names["fake"])
    assert jnp.allclose(steep, 16.0)


def test_a_penalty_of_ones_own_trains():
    """The README's points and shape, in a system."""
    block = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)[2]
    names = {"jax": jax}
    exec(block.rpartition("\n")[0].rpartition("\n")[0], names)  # all but the line that calls it
    system = gan(
        generator=mlp.Generator(shape=(2,), width=8),
        critic=mlp.Critic(width=8),
        loss=wasserstein,
        penalty=names["mine"],
        generator_optimizer=optax.adam(1e-3),
        critic_optimizer=optax.adam(1e-2),
        latent=2,
        batch_size=4,
        critic_steps=1,
        ema_decay=0.9,
    )
    key = jax.random.key(0)
    real = 3 * jax.random.normal(key, (4, 2))
    state = system.init(key, real)
    moved, metrics = jax.jit(system.update)(state, key, real)
    assert metrics["penalty"] > 0
    assert any(jnp.abs(a - b).max() > 0 for a, b in zip(*map(tree.leaves, (state.critic, moved.critic)), strict=True))
