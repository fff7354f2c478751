"""The networks of the works in PyTorch, by the names that gan_jax has for them."""

from collections.abc import Callable, Mapping
from itertools import chain, pairwise
from math import prod

from torch import Tensor, nn
from torch.nn.functional import relu

from benchmarks.peers import sngan, stylegan2
from gan_jax import GAN

__all__ = ["build"]


def build(gan: GAN, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Return generator and critic for samples (C, H, W) or (D,), with the fields that gan_jax gives its own.

    Raises:
      ValueError: there is no such network here.
    """
    of_gan_jax = *shape[1:], shape[0]
    generator = gan.generator.build(of_gan_jax, 0, gan.precision)
    critic = gan.critic.build(0, gan.precision)
    return (
        _known(_GENERATORS, gan.generator.name)(shape, gan.generator.latent, generator),
        _known(_CRITICS, gan.critic.name)(shape, critic),
    )


def _known(networks: Mapping[str, Callable[..., nn.Module]], name: str) -> Callable[..., nn.Module]:
    if name not in networks:
        raise ValueError(f"the peer has no {name}")
    return networks[name]


class _Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(relu(self.first(relu(x)), inplace=True))


def _hidden(inputs, width, depth):
    sizes = [inputs] + [width] * depth
    return [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU(True))]


def _mlp_generator(shape, latent, net):
    image = [nn.Tanh(), nn.Unflatten(1, shape)] if len(shape) == 3 else []
    return nn.Sequential(*_hidden(latent, net.width, net.depth), nn.Linear(net.width, prod(shape)), *image)


def _mnist_generator(shape, latent, net):
    dense = [nn.Linear(latent, 4 * net.width * 4 * 4), nn.Unflatten(1, (4 * net.width, 4, 4)), nn.ReLU(True)]
    to_7 = [nn.ConvTranspose2d(4 * net.width, 2 * net.width, 5), nn.ZeroPad2d((0, -1, 0, -1)), nn.ReLU(True)]
    to_11 = [nn.ConvTranspose2d(2 * net.width, net.width, 5), nn.ReLU(True)]
    return nn.Sequential(*dense, *to_7, *to_11, nn.ConvTranspose2d(net.width, shape[0], 8, stride=2), nn.Tanh())


def _resnet_generator(shape, latent, net):
    h, w = (side // 2**net.depth for side in shape[1:])
    dense = [nn.Linear(latent, net.width * h * w), nn.Unflatten(1, (net.width, h, w))]
    blocks = [layer for _ in range(net.depth) for layer in (nn.Upsample(scale_factor=2), _Block(net.width))]
    return nn.Sequential(*dense, *blocks, nn.ReLU(True), nn.Conv2d(net.width, shape[0], 3, padding=1), nn.Tanh())


def _score(features):
    return [nn.Flatten(), nn.Linear(features, 1), nn.Flatten(0)]


def _mlp_critic(shape, net):
    return nn.Sequential(nn.Flatten(), *_hidden(prod(shape), net.width, net.depth), *_score(net.width))


def _dcgan_critic(shape, net):
    features = [shape[0], *(net.width * 2**stage for stage in range(net.depth))]
    # Pads even sides by (2, 1), XLA's SAME by (1, 2): the same network on mirrored images, without F.pad's copies.
    layers = [(nn.Conv2d(*pair, 5, stride=2, padding=2), nn.LeakyReLU(0.2, True)) for pair in pairwise(features)]
    size = prod(-(-side // 2**net.depth) for side in shape[1:])
    return nn.Sequential(*chain(*layers), *_score(features[-1] * size))


def _resnet_critic(shape, net):
    blocks = [layer for _ in range(net.depth) for layer in (_Block(net.width), nn.AvgPool2d(2))]
    first = nn.Conv2d(shape[0], net.width, 3, padding=1)
    return nn.Sequential(first, *blocks, nn.ReLU(True), nn.AdaptiveAvgPool2d(1), *_score(net.width))


_GENERATORS = {
    "mlp": _mlp_generator,
    "dcgan_mnist": _mnist_generator,
    "resnet": _resnet_generator,
    "biggan": sngan.Generator,
    "stylegan2": stylegan2.Generator,
}
_CRITICS = {
    "mlp": _mlp_critic,
    "dcgan": _dcgan_critic,
    "resnet": _resnet_critic,
    "biggan": sngan.Critic,
    "stylegan2": stylegan2.Critic,
}
