"""What makes of images the vectors that scores compare: networks with fixed weights, and the pixels themselves."""

from collections.abc import Callable

from gan_jax.evaluation.features import digits, efficientnet, inception, plain
from gan_jax.evaluation.features.network import FeatureNetwork, Features

FEATURES: dict[str, Callable[..., FeatureNetwork]] = {
    "digits": digits.load,
    "inception": inception.load,
    "efficientnet": efficientnet.load,
    "pixels": plain.load_pixels,
    "coordinates": plain.load_coordinates,
}
"""By name, functions `(weights=None) -> FeatureNetwork`; weights are a file, by default where the network's own are."""

_OF_DIGITS = ("digits", "mnist")


def usual(source: str, shape: tuple[int, ...]) -> str:
    """Name the features that samples of a source are scored with unless others are chosen.

    >>> usual("mnist", (28, 28, 1)), usual("cifar10", (32, 32, 3)), usual("8gaussians", (2,))
    ('digits', 'inception', 'coordinates')
    """
    if len(shape) == 1:
        return "coordinates"
    return "digits" if source.partition(":")[0] in _OF_DIGITS and shape[-1] == 1 else "inception"


__all__ = ["FEATURES", "FeatureNetwork", "Features", "usual"]
