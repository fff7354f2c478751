"""Strict settings: silent broadcasting, silent promotion and warnings are errors, and there are several devices."""

import jax
from hypothesis import settings

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_num_cpu_devices", 8)

# Most of an example's time is compilation, so there are few of them, and none is too slow.
settings.register_profile("gan_jax", max_examples=20, deadline=None, derandomize=True)
settings.load_profile("gan_jax")
