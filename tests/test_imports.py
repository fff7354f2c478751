"""What imports what: the mathematics needs jax and jaxtyping alone, and the command answers before it imports much."""

import subprocess
import sys

import pytest

PURE = ("constraints", "divergences", "lipschitz", "losses", "penalties", "transport", "augment", "diffusion", "scores")
PURE += ("variational", "invariance")

# Every other distribution that is installed here is as if it were not.
ALONE = """
import sys
from importlib.metadata import packages_distributions

allowed = {"jax", "jaxlib", "jaxtyping", "wadler_lindig", "numpy", "scipy", "ml_dtypes", "opt_einsum", "gan_jax"}
refused = packages_distributions().keys() - allowed

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ImportError(f"{name} is not installed")

for name in refused & {name.partition(".")[0] for name in sys.modules}:
    refused -= {name}  # what the environment imports at its start
sys.meta_path.insert(0, Refuse())
"""


def python(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_mathematics_needs_jax_and_jaxtyping_alone():
    done = python(f"{ALONE}\nimport gan_jax\nfrom gan_jax import {', '.join(PURE)}\nprint(len(refused))")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
    assert "is not installed" in python(f"{ALONE}\nimport gan_jax.networks").stderr


@pytest.mark.parametrize("program", ["import gan_jax, sys", "import gan_jax.cli, sys; gan_jax.cli.main(['--version'])"])
def test_what_answers_at_once_does_not_import_jax(program):
    done = python(f"{program}\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert not {"jax", "numpy", "rich"} & {*done.stdout.split()}
