"""A healthy run under each of jax's flags that look for faults, or widen numbers."""

import jax
import jax.numpy as jnp
import pytest

from gan_jax import load
from gan_jax.cli import main

FLAGS = {"x64": jax.enable_x64, "nans": jax.debug_nans, "keys": jax.debug_key_reuse}


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["nans", *(pytest.param(flag, marks=pytest.mark.slow) for flag in ("x64", "keys"))])
def test_a_run_goes_through_every_command(flag, tiny_run, tmp_path):
    file = next((tiny_run / "source").glob("*.py"))
    run = str(tmp_path / "run")
    with FLAGS[flag](True):
        assert main(["train", str(file), "--workdir", run, "--evaluation.features", "digits"]) == 0
        assert main(["sample", run, "--n", "20", "--grid"]) == 0
        assert main(["report", run, "--n", "30"]) == 0
    if flag == "x64":
        dtypes = {leaf.dtype for leaf in jax.tree.leaves(load(run).state)}
        assert jnp.dtype(jnp.float64) not in dtypes


def test_training_without_compilation_is_refused(tiny_run, tmp_path, capsys):
    file = next((tiny_run / "source").glob("*.py"))
    with jax.disable_jit():
        assert main(["train", str(file), "--workdir", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == (
        "gan-jax: JAX_DISABLE_JIT is set, and training is one compiled program; unset it\n"
    )
