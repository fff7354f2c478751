"""The vectors that scores compare: features of networks with fixed weights, and the samples' own numbers."""

from collections.abc import Callable

from gan_jax.evaluation.features import digits, efficientnet, inception, plain
from gan_jax.evaluation.features.network import FeatureNetwork, Features

FEATURES: dict[str, Callable[..., FeatureNetwork]] = {
    "digits": digits.load,
    "inception": inception.load,
    "inception_clean": inception.load_clean,
    "efficientnet": efficientnet.load,
    "pixels": plain.load_pixels,
    "coordinates": plain.load_coordinates,
}
"""Functions `(weights=None) -> FeatureNetwork` by name; weights are a file, by default the network's own."""

_OF_DIGITS = ("digits", "captioned_digits", "mnist", "captioned_mnist")


def usual(source: str, shape: tuple[int, ...]) -> str:
    """Return the name of the features that samples of a source are scored with by default.

    >>> usual("mnist", (28, 28, 1)), usual("cifar10", (32, 32, 3)), usual("8gaussians", (2,))
    ('digits', 'inception', 'coordinates')
    """
    if len(shape) == 1:
        return "coordinates"
    return "digits" if source.partition(":")[0] in _OF_DIGITS and shape[-1] == 1 else "inception"


__all__ = ["FEATURES", "FeatureNetwork", "Features", "usual"]
