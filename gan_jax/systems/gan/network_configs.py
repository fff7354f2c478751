"""The configurations of a GAN's networks; each builds its module."""

from dataclasses import replace
from typing import Annotated, Any

import flax.linen as nn
from pydantic import Field

from gan_jax.config import Choice, Count, Name, config
from gan_jax.networks import CRITICS, GENERATORS, PRESETS
from gan_jax.networks.activations import ACTIVATIONS
from gan_jax.systems.gan.named import NameOrFunction, named
from gan_jax.systems.modules import build_module, is_module, with_own_fields

__all__ = ["CriticConfig", "GeneratorConfig", "told_classes"]


def told_classes(name: Any, classes: int, conditional: bool) -> int:
    """How many classes a network is told of: all if it is to be, or if its class says that it takes labels."""
    return classes if conditional or getattr(name, "conditional", False) else 0


@config
class GeneratorConfig:
    """The network that maps noise to samples.

    Attributes:
      name: kind of network; in Python also a Flax module class with a field `shape`.
      width: features of the widest hidden layer (mlp), of the layer nearest to the image (dcgan), of all (resnet); the
        network's own by default.
      depth: hidden layers (mlp) or halvings of the image (all others); the network's own by default.
      latent: length of a noise vector.
      preset: published settings of the fields that are not given, from `gan_jax.networks.PRESETS`, as "cifar10".
      max_width: features of the widest layer (biggan, r3gan, stylegan, stylegan2); the network's own by default.
      blocks: residual blocks at each size (r3gan); the network's own by default.
      group_size: features of each group of a convolution (r3gan); the network's own by default.
      patch: height and width of the patches that an image is made of (r3gan); the network's own by default.
      mapping_depth: layers from noise to styles (stylegan, stylegan2); the network's own by default.
      attention: the block, from 1, that self-attention follows (biggan); none by default.
      chunked: whether each block has a part of the noise, beside an embedding of the label (biggan).
    """

    name: Annotated[str | type[nn.Module], Choice(GENERATORS, is_module, "a Flax module class")] = "mlp"
    width: Count | None = None
    depth: Count | None = None
    latent: Count = 128
    preset: Name | None = None
    max_width: Count | None = None
    blocks: Count | None = None
    group_size: Count | None = None
    patch: Count | None = None
    mapping_depth: Count | None = None
    attention: Count | None = None
    chunked: bool | None = None

    def build(self, shape: tuple[int, ...], classes: int, precision: str) -> nn.Module:
        """Return the module for samples of a shape and labels of so many classes, 0 to be told none.

        Raises:
          InputError: the network has no such field; the message names it.
        """
        kind, presets = named(GENERATORS, self.name), _presets(self.name, "generator")
        return build_module(self, kind, presets=presets, classes=classes, precision=precision, shape=shape)

    def resolved(self) -> "GeneratorConfig":
        """Return the same with the numbers of the preset, or the network's own, where none is given."""
        kind = named(GENERATORS, self.name)
        return with_own_fields(self, kind, _presets(self.name, "generator").get(self.preset or "", {}))


@config
class CriticConfig:
    """The network that scores samples.

    Attributes:
      name: kind of network; in Python also a Flax module class.
      width: features of the widest hidden layer (mlp), of the layer nearest to the image (dcgan), of all (resnet); the
        network's own by default.
      depth: hidden layers (mlp, deep_sets twice) or halvings of the image; the network's own by default.
      set_size: samples that are scored together (deep_sets, stylegan, stylegan2); the network's own by default.
      mapping_depth: layers from labels to styles (stylegan2); the network's own by default.
      residual: whether each stage adds the image before it (stylegan2); the network's own by default.
      activation: between the layers (mlp, dcgan); the network's own by default.
      preset: published settings of the fields that are not given, from `gan_jax.networks.PRESETS`, as "cifar10".
      max_width: features of the widest layer (biggan, r3gan, stylegan, stylegan2); the network's own by default.
      blocks: residual blocks at each size (r3gan); the network's own by default.
      group_size: features of each group of a convolution (r3gan); the network's own by default.
      patch: height and width of the patches that an image is cut into (r3gan); the network's own by default.
      attention: the block, from 1, that self-attention follows (biggan); none by default.
      last_blocks: residual blocks that do not halve the image (biggan); the network's own by default.
    """

    name: Annotated[str | type[nn.Module], Choice(CRITICS, is_module, "a Flax module class")] = "mlp"
    width: Count | None = None
    depth: Count | None = None
    set_size: Count | None = None
    mapping_depth: Count | None = None
    residual: bool | None = None
    activation: Annotated[NameOrFunction, Choice(ACTIVATIONS, callable, "a function")] | None = None
    preset: Name | None = None
    max_width: Count | None = None
    blocks: Count | None = None
    group_size: Count | None = None
    patch: Count | None = None
    attention: Count | None = None
    last_blocks: Annotated[int, Field(ge=0, lt=2**31)] | None = None

    def build(self, classes: int, precision: str) -> nn.Module:
        """Return the module, for labels of so many classes, 0 to be told none.

        Raises:
          InputError: the network has no such field; the message names it.

        >>> CriticConfig(width=8).build(classes=0, precision="float32").width
        8
        """
        kind, presets = named(CRITICS, self.name), _presets(self.name, "critic")
        with_function = replace(self, activation=named(ACTIVATIONS, self.activation))
        return build_module(with_function, kind, presets=presets, classes=classes, precision=precision)

    def resolved(self) -> "CriticConfig":
        """Return the same with the numbers of the preset, or the network's own, where none is given."""
        kind = named(CRITICS, self.name)
        return with_own_fields(self, kind, _presets(self.name, "critic").get(self.preset or "", {}))


def _presets(name: Any, part: str) -> dict[str, Any]:
    """The fields of a network's presets, by name."""
    return {preset: getattr(both, part) for preset, both in PRESETS.get(name, {}).items()}
