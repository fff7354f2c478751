"""Strict settings: silent broadcasting, silent promotion and warnings are errors, and there are several devices."""

import atexit
import gc
import os
import shutil
import tempfile
from pathlib import Path

# Most of the time goes into compilation. What one process has compiled, the others and the commands they run take from
# here; a process that was started by another finds the folder in its environment. Before jax is imported.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="gan_jax_tests_")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import jax
import jaxtyping
import pytest
from hypothesis import settings

# Every call checks its annotations, shapes and dtypes too; an int is a float, as PEP 484 has it. Before gan_jax.
jaxtyping.install_import_hook("gan_jax", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# LLVM's optimizations cost more time here than they bring, and so do XLA's newer emitters. XLA stops at a flag that it
# does not know: after 0.10 this one may be gone. Before any device.
flags = "--xla_backend_optimization_level=0"
flags += " --xla_cpu_use_fusion_emitters=false" if jax.__version_info__ < (0, 11) else ""
os.environ.setdefault("XLA_FLAGS", flags)

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_num_cpu_devices", 8)

# An example is mostly compiled, too, so there are few of them, and none is too slow.
settings.register_profile("gan_jax", max_examples=20, deadline=None, derandomize=True)
settings.load_profile("gan_jax")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Features are kept for the session, and for none after it."""
    os.environ["GAN_JAX_CACHE"] = str(tmp_path_factory.mktemp("cache"))


_MAPPINGS = Path("/proc/self/maps")


@pytest.fixture(scope="module", autouse=True)
def _few_mappings():
    """Forget compiled programs before Linux refuses more than 65,530 mappings, of which each program takes several."""
    yield
    if _MAPPINGS.exists() and _MAPPINGS.read_text().count("\n") > 30_000:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def unchecked_types():
    """As users call the package, where nothing but a function's own checks refuses an argument."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


TINY_EXPERIMENT = """
from gan_jax import GAN, CriticConfig, EvaluationConfig, Experiment, GeneratorConfig

experiment = Experiment(
    gan=GAN(generator=GeneratorConfig(width=8, depth=1, latent=4), critic=CriticConfig(width=8, depth=1)),
    batch_size=16, steps=2, evaluation=EvaluationConfig(every=1, n=12, features="pixels"),
)
"""


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A run of two iterations that has scored itself; tests copy it where they write to it."""
    from gan_jax.cli import main

    file = tmp_path_factory.mktemp("experiments") / "tiny.py"
    file.write_text(TINY_EXPERIMENT)
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", str(file), "--workdir", str(folder)]) == 0
    return folder
