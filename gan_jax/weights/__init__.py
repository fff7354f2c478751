"""Public weights without PyTorch: a folder, as `save_pretrained` writes it, to a module and its parameters.

`module, params = load(folder)` reads one network of diffusers, transformers or open_clip. Nothing is unpickled.
"""

from gan_jax.weights.loading import NETWORKS, check, load, open_module
from gan_jax.weights.weight_files import sha256

__all__ = ["NETWORKS", "check", "load", "open_module", "sha256"]
