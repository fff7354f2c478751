"""The PyTorch peer does gan_jax's arithmetic, and answers as the benchmark expects."""

import io
import json
from dataclasses import replace

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch")


from torch_layout import KEY, copy, images_of, in_flax, in_torch, start_power_iteration  # noqa: E402

from benchmarks.peers import pytorch as peers  # noqa: E402
from benchmarks.peers import stylegan2  # noqa: E402
from benchmarks.peers.spectral import power_iteration  # noqa: E402
from benchmarks.works import OWN, WORKS, with_method  # noqa: E402
from gan_jax.losses import LOSSES  # noqa: E402
from gan_jax.penalties import gradient_norm, lazy_adam  # noqa: E402

HERE = [name for name, work in WORKS.items() if work.experiment.gan and not name.startswith("r3gan")]
OTHERS = [("mlp_2d", name) for name in ("none", "wgan_lp", "one_sided_linear", "r1", "r2", "r1_r2")]
OTHERS += [
    ("mlp_2d", "spectral_normalization"),
    ("mlp_2d", "r1/16"),
    ("mlp_2d", "r1_r2/4"),
    ("stylegan2_32", "wgan_gp"),
]


torch.set_num_threads(1)  # its threads wait by spinning, for long where other tests run beside these


def small(name):
    work = WORKS[name]
    gan, shape = work.experiment.gan, work.shape
    sizes = {"width": 4, "depth": 1} if gan.critic.name == "resnet" else {"width": 4}
    if gan.critic.name in ("biggan", "stylegan2"):
        sizes, shape = {"width": 8, "max_width": 16}, (16, 16, 3)
    gan = replace(gan, generator=replace(gan.generator, **sizes), critic=replace(gan.critic, **sizes))
    if gan.critic.name == "stylegan2":  # both forms of it
        gan = replace(gan, critic=replace(gan.critic, set_size=2, residual=name == "stylegan2_cifar10"))
    return replace(work, experiment=replace(work.experiment, gan=gan, batch_size=4), shape=shape)


def noise_images(height, width):
    """What StyleGAN2's layers add: the same for both of a size."""
    return np.random.default_rng(height).normal(size=(4, height, width, 1))


def assert_close(ours, theirs, floor=0.0):
    ours = np.asarray(ours)
    np.testing.assert_allclose(theirs.detach().numpy(), ours, rtol=0, atol=1e-9 * np.abs(ours).max() + floor)


@pytest.mark.parametrize(("name", "penalty"), [*((name, OWN) for name in HERE), *OTHERS])
@jax.enable_x64(True)  # in float32 the gates of two correct convolutions differ near zero
@jax.numpy_dtype_promotion("standard")
def test_the_networks_their_losses_and_the_critics_gradients_are_gan_jaxs(name, penalty, monkeypatch):
    work = small(name)
    gan = with_method(work.experiment, penalty).gan
    peer = peers.Peer(work, penalty)
    loss, chosen = LOSSES[gan.loss], gan.penalty.build()
    mirrored = gan.critic.name == "dcgan"
    grid = {"dcgan": (4, 4), "stylegan2": (2, 2)}.get(gan.critic.name)

    noise = jax.random.normal(KEY, (work.experiment.batch_size, gan.generator.latent))
    generator, params, layers = in_flax(gan.generator.build(work.shape, 0, gan.precision), noise)
    constraint = gan.generator_constraint.build(generator, jax.eval_shape(lambda: noise))
    state = constraint.init(KEY, params)
    copy(in_torch(params, layers, peer.generator), peer.generator)
    monkeypatch.setattr("gan_jax.networks.stylegan2.noise_images", lambda keys, *size: noise_images(*size))
    monkeypatch.setattr(stylegan2, "_noise_image", lambda x: images_of(noise_images(*x.shape[2:])))

    @jax.jit
    def draw(params):
        return generator.apply(constraint.normalize(params, state)[0], noise)

    fake = draw(params)
    start_power_iteration(state, layers, peer.generator)
    with power_iteration(peer.generator_norms):
        assert_close(images_of(fake), peer.draw(images_of(noise)))
    start_power_iteration(state, layers, peer.generator)

    real = jax.random.uniform(KEY, fake.shape, minval=-1)
    critic, params, layers = in_flax(gan.critic.build(0, gan.precision), real)
    critic_constraint = gan.constraint.build(critic, jax.eval_shape(lambda: real))
    state = critic_constraint.init(KEY, params)
    layout = {"layers": layers, "network": peer.critic, "grid": grid, "mirrored": mirrored}
    copy(in_torch(params, **layout), peer.critic)
    start_power_iteration(state, layers, peer.critic)

    def score_of(params):
        params, _ = critic_constraint.normalize(params, state)
        return lambda samples: critic.apply(params, samples)

    def penalty_of(params):
        norm = gradient_norm(score_of(params), chosen.points(KEY, real=real, fake=fake))
        return chosen.every * chosen.weight * chosen.shape(norm).mean()

    @jax.jit
    @jax.grad
    def gradient(params):
        score = score_of(params)
        value = loss.critic(real=score(real), fake=score(fake)).mean()
        return value if chosen is None or chosen.every > 1 else value + penalty_of(params)

    weights = jax.random.uniform(KEY, (len(real),))  # those of `penalties.interpolate`
    mix = images_of(weights).reshape(-1, *[1] * (real.ndim - 1))
    samples = images_of(real, mirrored), images_of(fake, mirrored), mix

    def assert_gradients_close(ours, theirs):
        ours = in_torch(ours, **layout)
        floor = 1e-12 * max(np.abs(array).max() for array in ours.values())  # some parts have no gradient
        for (part, _), array in zip(peer.critic.named_parameters(), theirs, strict=True):
            assert_close(ours[part], array, floor)

    with power_iteration(peer.critic_norms):
        its = peer.critic_gradient(*samples)
    assert_gradients_close(gradient(params), its)
    if chosen and chosen.every > 1:
        assert_gradients_close(jax.jit(jax.grad(penalty_of))(params), peer.penalty_gradient(*samples))

    score = jax.jit(score_of(params))
    assert_close(score(real), peer.critic(samples[0]))
    if not mirrored:  # in which the generator is not
        with power_iteration(peer.generator_norms):
            its = peer.generator_loss(images_of(noise))
        assert_close(loss.generator(real=score(real), fake=score(fake)).mean(), its)


@pytest.mark.parametrize("options", [{"eager"}, {"channels_last"}])
@pytest.mark.parametrize("name", ["mlp_2d", "resnet_critic", "sngan_32", "biggan_cifar10", "stylegan2_32"])
def test_an_iteration_moves_the_critic_and_unless_it_is_left_out_the_generator_and_its_average(name, options):
    torch.manual_seed(0)
    peer = peers.Peer(small(name), options=options)
    critic, generator = ([x.detach().clone() for x in of.parameters()] for of in (peer.critic, peer.generator))
    peer.iterate()
    assert not torch.equal(next(peer.critic.parameters()), critic[0])
    assert peer.only_critic == all(map(torch.equal, peer.generator.parameters(), generator))
    for old, new, average in zip(generator, peer.generator.parameters(), peer.average, strict=True):
        torch.testing.assert_close(average, old + 0.9 * (new.detach() - old))


def test_a_lazy_penalty_is_due_at_every_so_many_critic_steps_by_a_corrected_adam():
    peer = peers.Peer(small("mlp_2d"), "r1/16")
    due = [step for iteration in range(16) for step in peer.due(iteration)]
    assert [step for step, is_due in enumerate(due) if is_due] == [0, 16, 32, 48, 64]
    rate, *decays = lazy_adam(16, 1e-4, 0.5, 0.9)
    settings = peer.critic_optimizer.param_groups[0]
    assert (settings["lr"], [*settings["betas"]]) == (rate, decays)
    assert peer.generator_optimizer.param_groups[0]["lr"] == 1e-4


@pytest.mark.parametrize("name", ["sagan_cifar10", "mlp_2d"])
def test_a_step_makes_one_power_iteration(name):
    peer = peers.Peer(small(name), "spectral_normalization")
    steps = []
    norm = peer.critic_norms[0][0]
    power_method = norm._power_method
    norm._power_method = lambda *arguments: steps.append(power_method(*arguments))
    peer.iterate()
    assert len(steps) == peer.gan.critic_steps


def answers(monkeypatch, capsys, *arguments):
    monkeypatch.setitem(peers.WORKS, "mlp_2d", small("mlp_2d"))
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n1\n"))
    peers.main(["--work", "mlp_2d", *arguments])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_process_says_what_it_is_and_then_how_long_the_iterations_took(monkeypatch, capsys):
    row, *times = answers(monkeypatch, capsys, "--penalty", "r1_r2", "--variant", "eager")
    assert (row["framework"], row["version"], row["variant"]) == ("torch", torch.__version__, "eager")
    assert row["compile_s"] > 0
    assert row["parameters"] == (2 * 4 + 4 + 20 + 10) + (2 * 4 + 4 + 20 + 5)
    assert len(times) == 2
    assert all(answer["seconds"] > 0 for answer in times)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_what_cannot_run_is_one_line(monkeypatch, capsys):
    assert answers(monkeypatch, capsys, "--variant", "cuda_graph") == [{"error": "needs CUDA"}]


@pytest.mark.parametrize("penalty", ["gan_qp", "dragan", "max_gradient", "bjorck", "gan_qp/16"])
def test_what_the_peer_does_not_have_is_refused(penalty, monkeypatch, capsys):
    assert answers(monkeypatch, capsys, "--penalty", penalty) == [{"error": f"the peer has no {penalty}"}]


def test_networks_that_the_peer_does_not_have_are_refused():
    with pytest.raises(ValueError, match="the peer has no loss relativistic"):
        peers.Peer(small("r3gan_cifar10"))
