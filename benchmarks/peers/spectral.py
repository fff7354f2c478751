"""Spectral normalization in PyTorch, with one power iteration for each step of a network's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import ParametrizationList

__all__ = ["normalize", "power_iteration"]


def normalize(network: nn.Module) -> list[ParametrizationList]:
    """Divide each kernel of a network by an estimate of its norm, which stays as it is outside of `power_iteration`."""
    weights = {layer: getattr(layer, "weight", None) for layer in network.modules()}
    kernels = [layer for layer, weight in weights.items() if weight is not None and weight.ndim > 1]
    norms = [spectral_norm(layer).parametrizations.weight for layer in kernels]
    for norm in norms:
        norm.eval()
    return norms


@contextmanager
def power_iteration(norms: Sequence[ParametrizationList]) -> Iterator[None]:
    """Let each pass of the network make a step of the power iteration."""
    for norm in norms:
        norm.train()
    yield
    for norm in norms:
        norm.eval()
