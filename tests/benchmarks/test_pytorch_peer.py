"""The PyTorch peer does gan_jax's arithmetic, and answers as the benchmark expects."""

import io
import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

torch = pytest.importorskip("torch")


from benchmarks.peers import pytorch as peers  # noqa: E402
from benchmarks.works import WORKS, with_method  # noqa: E402
from gan_jax.losses import LOSSES  # noqa: E402
from gan_jax.networks import CRITICS, GENERATORS  # noqa: E402
from gan_jax.penalties import gradient_norm  # noqa: E402

KEY = jax.random.key(0)
USUAL = "wgan_gp"
OTHERS = ["none", "wgan_lp", "one_sided_linear", "r1", "r2", "r1_r2"]


torch.set_num_threads(1)  # its threads wait by spinning, for long where other tests run beside these


def small(name):
    work = WORKS[name]
    gan = work.experiment.gan
    generator, critic = (
        replace(config, width=4, depth=1 if config.name == "resnet" else config.depth)
        for config in (gan.generator, gan.critic)
    )
    gan = replace(gan, generator=generator, critic=critic)
    return replace(work, experiment=replace(work.experiment, gan=gan, batch_size=4))


def in_flax(registry, config, example, **given):
    """A network as gan_jax has it, parameters none of which is zero, and the layers' names in the order they act in."""
    depth = {} if config.depth is None else {"depth": config.depth}
    network = registry[config.name](width=config.width, **depth, **given)
    order = []

    def init():
        params = network.init(KEY, example)
        order.extend(path[:-1] for path in flatten_dict(params) if path[-1] == "kernel")  # JAX returns it sorted
        return params

    random = np.random.default_rng(0)
    shapes = jax.eval_shape(init)
    return network, jax.tree.map(lambda x: random.normal(size=x.shape) * (x.size / x.shape[-1]) ** -0.5, shapes), order


def in_torch(params, order, network, mirrored_grid=None):
    """Flax's parameters, or a gradient by them, in the order and the layout of a PyTorch network's.

    Features that are pixels are in the order (H, W, C) there and (C, H, W) here; `mirrored_grid` is the (H, W) of those
    that are scored, where the network is that of mirrored images.
    """
    kinds = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    modules = [module for module in network.modules() if isinstance(module, kinds)]
    drawn = [module.unflattened_size for module in network if isinstance(module, torch.nn.Unflatten)]
    params, arrays = flatten_dict(params), []
    for module, name in zip(modules, order, strict=True):
        kernel, bias = (np.asarray(params[*name, part]) for part in ("kernel", "bias"))
        if isinstance(module, torch.nn.Linear):
            if drawn and np.prod(drawn) == module.out_features:
                c, h, w = drawn[0]
                pixels = np.arange(bias.size).reshape(h, w, c).transpose(2, 0, 1).ravel()
                kernel, bias = kernel[:, pixels], bias[pixels]
            if mirrored_grid:
                pixels = np.arange(len(kernel)).reshape(*mirrored_grid, -1)[::-1, ::-1].transpose(2, 0, 1).ravel()
                kernel = kernel[pixels]
            kernel = kernel.T
        elif isinstance(module, torch.nn.ConvTranspose2d):
            kernel = kernel[::-1, ::-1].transpose(2, 3, 0, 1)
        else:
            kernel = (kernel[::-1, ::-1] if mirrored_grid else kernel).transpose(3, 2, 0, 1)
        arrays += [kernel, bias]
    return arrays


def copy(arrays, network):
    network.double()
    for parameter, array in zip(network.parameters(), arrays, strict=True):
        assert parameter.shape == array.shape
        parameter.data = torch.tensor(array.copy())


def images_of(samples, mirrored=False):
    samples = np.asarray(samples)
    if samples.ndim == 4:
        samples = (samples[:, ::-1, ::-1] if mirrored else samples).transpose(0, 3, 1, 2)
    return torch.tensor(samples.copy())


def assert_close(ours, theirs):
    ours = np.asarray(ours)
    np.testing.assert_allclose(theirs.detach().numpy(), ours, rtol=0, atol=1e-9 * np.abs(ours).max())


@pytest.mark.parametrize(("name", "penalty"), [*((name, USUAL) for name in WORKS), *(("mlp_2d", it) for it in OTHERS)])
@jax.enable_x64(True)  # in float32 the gates of two correct convolutions differ near zero
@jax.numpy_dtype_promotion("standard")
def test_the_networks_and_the_critics_gradient_are_gan_jaxs(name, penalty):
    work = small(name)
    gan = with_method(work.experiment, penalty).gan
    peer = peers.Peer(work, penalty)
    grid = (4, 4) if gan.critic.name == "dcgan" else None

    noise = jax.random.normal(KEY, (work.experiment.batch_size, gan.generator.latent))
    generator, params, order = in_flax(GENERATORS, gan.generator, noise, shape=work.shape)
    fake = jax.jit(generator.apply)(params, noise)
    copy(in_torch(params, order, peer.generator), peer.generator)
    assert_close(images_of(fake), peer.draw(images_of(noise)))

    real = jax.random.uniform(KEY, fake.shape, minval=-1)
    critic, params, order = in_flax(CRITICS, gan.critic, real)
    copy(in_torch(params, order, peer.critic, grid), peer.critic)
    assert_close(jax.jit(critic.apply)(params, real), peer.critic(images_of(real, grid)))

    @jax.jit
    @jax.grad
    def gradient(params):
        def score(samples):
            return critic.apply(params, samples)

        loss = LOSSES[gan.loss].critic(real=score(real), fake=score(fake)).mean()
        chosen = gan.penalty.build()
        if chosen is None:
            return loss
        norm = gradient_norm(score, chosen.points(KEY, real=real, fake=fake))
        return loss + chosen.weight * chosen.shape(norm).mean()

    weights = jax.random.uniform(KEY, (len(real),))  # those of `penalties.interpolate`
    mix = images_of(weights).reshape(-1, *[1] * (real.ndim - 1))
    theirs = peer.critic_gradient(images_of(real, grid), images_of(fake, grid), mix)
    for mine, its in zip(in_torch(gradient(params), order, peer.critic, grid), theirs, strict=True):
        assert_close(mine, its)


@pytest.mark.parametrize("name", ["mlp_2d", "resnet_critic"])
def test_an_iteration_moves_the_critic_and_unless_it_is_left_out_the_generator_and_its_average(name):
    torch.manual_seed(0)
    peer = peers.Peer(small(name), USUAL)
    critic, generator = ([x.detach().clone() for x in of.parameters()] for of in (peer.critic, peer.generator))
    peer.iterate()
    assert not torch.equal(next(peer.critic.parameters()), critic[0])
    assert peer.only_critic == all(map(torch.equal, peer.generator.parameters(), generator))
    for old, new, average in zip(generator, peer.generator.parameters(), peer.average, strict=True):
        torch.testing.assert_close(average, old + 0.9 * (new.detach() - old))


def answers(monkeypatch, capsys, *arguments):
    monkeypatch.setitem(peers.WORKS, "mlp_2d", small("mlp_2d"))
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n1\n"))
    peers.main(["--work", "mlp_2d", *arguments])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_process_says_what_it_is_and_then_how_long_the_iterations_took(monkeypatch, capsys):
    row, *times = answers(monkeypatch, capsys, "--penalty", "r1_r2", "--variant", "eager")
    assert (row["framework"], row["version"], row["variant"]) == ("torch", torch.__version__, "eager")
    assert row["compile_s"] > 0
    assert len(times) == 2
    assert all(answer["seconds"] > 0 for answer in times)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_what_cannot_run_is_one_line(monkeypatch, capsys):
    assert answers(monkeypatch, capsys, "--variant", "cuda_graph") == [{"error": "needs CUDA"}]


@pytest.mark.parametrize("penalty", ["gan_qp", "dragan", "max_gradient", "bjorck", "r1/16"])
def test_what_the_peer_does_not_have_is_refused(penalty, monkeypatch, capsys):
    assert answers(monkeypatch, capsys, "--penalty", penalty) == [{"error": f"the peer has no {penalty}"}]
