"""The code of the README runs as it stands."""

import re
from pathlib import Path

import jax.numpy as jnp
from jax import tree

README = Path(__file__).parent.parent / "README.md"


def test_the_examples_run_in_order():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) == 2
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
