"""Strict settings: silent broadcasting, silent promotion and warnings are errors, and there are several devices."""

import os

import jax
import pytest
from hypothesis import settings

# Most of the time goes into compilation: LLVM's optimizations cost more of it here than they bring. Before any device.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

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
