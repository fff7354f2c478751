"""PyTorch's U-Net and its loss are gan_jax's."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch")


from torch_layout import KEY, copy, images_of, in_flax, in_torch  # noqa: E402

from benchmarks.peers.unet import Peer  # noqa: E402
from benchmarks.works import WORKS  # noqa: E402
from gan_jax.diffusion import PARAMETERIZATIONS, SCHEDULES, denoising_error  # noqa: E402


def small():
    work = WORKS["unet_32"]
    config = work.experiment.diffusion
    network = replace(config.network, features=(8, 12), blocks=1, attention=(8,))
    experiment = replace(work.experiment, diffusion=replace(config, network=network), batch_size=3)
    return replace(work, experiment=experiment, shape=(8, 8, 3))


@jax.enable_x64(True)
@jax.numpy_dtype_promotion("standard")
def test_the_network_its_loss_and_gradient_are_gan_jaxs():
    work = small()
    config, peer = work.experiment.diffusion, Peer(work)
    images, noise = (jax.random.normal(key, (3, *work.shape)) for key in jax.random.split(KEY))
    steps = jnp.array([1.0, 400.0, 1000.0])

    network, params, layers = in_flax(config.network.build(0, config.precision), images, steps)
    copy(in_torch(params, layers, peer.networks[0]), peer.networks[0])

    def loss(params):
        return denoising_error(
            lambda x, alpha, sigma: network.apply(params, x, steps),
            KEY,
            images,
            schedule=SCHEDULES["ddpm"],
            parameterization=PARAMETERIZATIONS["noise"],
            times=lambda schedule, uniform: steps,
            eps=noise,
        ).mean()

    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    found = peer.loss(images_of(images), torch.tensor(np.asarray(steps, int)), images_of(noise))
    np.testing.assert_allclose(found.item(), value, rtol=1e-6)  # what tells the time is float32
    gradients = torch.autograd.grad(found, list(peer.networks[0].parameters()))
    ours = in_torch(gradient, layers, peer.networks[0])
    for (name, _), theirs in zip(peer.networks[0].named_parameters(), gradients, strict=True):
        floor = 1e-12  # a key's bias has no gradient
        np.testing.assert_allclose(theirs.numpy(), ours[name], atol=1e-5 * np.abs(ours[name]).max() + floor)
