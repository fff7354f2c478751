"""What takes part in a benchmark: a way to run a work, compiled here or in another process, that does n iterations."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import gcd
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.works import OWN, WORKS, Work, critic_steps, lazy_period, method_of, with_method
from gan_jax.data import ArraySource, resident
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems import State, System
from gan_jax.training.devices import SINGLE_DEVICE, DataParallel, data_parallel
from gan_jax.training.loop import compile_block, peak_bytes

_DATA = 4096  # samples that lie on the device
_KEY = jax.random.key(1)


@dataclass
class Contestant:
    """Something that runs n iterations and returns the seconds it took, what is known about it, and its speeds.

    Attributes:
      row: what goes into the table.
      run: `n -> seconds`.
      close: ends it.
      period: iterations after which a lazy penalty begins anew; a multiple of them is run together.
      speeds: iterations per second, one value a round.
    """

    row: dict[str, Any]
    run: Callable[[int], float]
    close: Callable[[], None] = lambda: None
    period: int = 1
    speeds: list[float] = field(default_factory=list)


def system_of(work: Work, penalty: str, *, once: bool = False, sharding: BatchSharding = UNSHARDED) -> System:
    """The system of a work, or with one critic step an iteration; no generator's step where only the critic counts."""
    experiment = with_method(work.experiment, penalty)
    if once and experiment.gan:
        experiment = replace(experiment, gan=replace(experiment.gan, critic_steps=1))
    system = experiment.build(work.spec, sharding=sharding)
    return _critic_alone(system) if work.only_critic else system


def _critic_alone(system: System) -> System:
    """Drop the generator's new parameters and metrics, so that the compiler drops what they need."""

    def update(state: State, key, batch):
        new, metrics = system.update(state, key, batch)
        kept = {name: getattr(state, name) for name in ("generator", "generator_ema", "generator_optimizer")}
        return new._replace(**kept), {name: metrics[name] for name in metrics if "generator" not in name}

    return system._replace(update=update)


def _unrolled():
    return mock.patch("gan_jax.systems.gan.update.lax.scan", partial(lax.scan, unroll=True))


def gflop(work: Work, penalty: str) -> dict[str, float]:
    """Arithmetic of one iteration, and of one of a GAN's critic steps with its fakes, in 10^9 operations.

    Convolutions count as they are computed.

    On a CPU it is counted after compilation, when what is shared is computed once. Elsewhere, where libraries hide
    theirs, it is counted before.
    """
    once = system_of(work, penalty, once=True)  # the body of a loop would be counted once, however often it runs
    batch = {"sample": jax.ShapeDtypeStruct((work.experiment.batch_size, *work.shape), jnp.float32)}
    state = jax.eval_shape(lambda: once.init(_KEY, work.spec))

    whole = _counted(once.update, state, _KEY, batch)
    if work.experiment.gan is None:
        return {"gflop": whole}
    alone = _counted(_critic_alone(once).update, state, _KEY, batch)
    return {"gflop": whole + (critic_steps(work.experiment) - 1) * alone, "critic_step_gflop": alone}


def forward_gflop(work: Work) -> tuple[float, float]:
    """Arithmetic of a batch's pass through the critic, and through the generator, in 10^9 operations.

    The critic's is what one batch more adds: on a CPU, convolutions transform their kernels once for all of them.
    """
    gan, count = work.experiment.gan, work.experiment.batch_size
    critic = gan.critic.build(0, gan.precision)
    generator = gan.generator.build(work.shape, 0, gan.precision)

    def passed(module, *shape: int) -> float:
        batch = jax.ShapeDtypeStruct(shape, jnp.float32)
        return _counted(module.apply, jax.eval_shape(module.init, _KEY, batch), batch)

    one_more = passed(critic, 2 * count, *work.shape) - passed(critic, count, *work.shape)
    return one_more, passed(generator, count, gan.generator.latent)


def _counted(function: Callable, *arguments) -> float:
    program = jax.jit(function).lower(*arguments)
    if jax.default_backend() == "cpu":
        program = program.compile({"xla_backend_optimization_level": 0})
    return program.cost_analysis()["flops"] / 1e9


# A mode compiles a work: `(work, penalty, state) -> (advance, compiled, state)`, where `advance(state, n)` runs n
# iterations, `compiled` is what has a memory analysis, and the state lies where it is to start from.


def _scan(work: Work, penalty: str, state: State):
    """Many iterations in one call, as the training loop runs them."""
    advance, compiled = _compiled(system_of(work, penalty), work, state)
    return advance, [compiled], state


def _compiled(system: System, work: Work, state: State, parallel: DataParallel = SINGLE_DEVICE):
    """A function `(state, n) -> state` that runs n iterations in one call, and the program that it calls."""
    samples = np.asarray(jax.random.uniform(_KEY, (_DATA, *work.shape), minval=-1.0))
    source = ArraySource({"sample": samples})
    pipeline = resident(source, size=system.counts["images"], replicate=parallel.replicate)
    block = compile_block(system, pipeline, state, _KEY, max_iterations=1, devices=parallel)
    arrays = pipeline.fetch(0, 1)
    return lambda state, n: block(state, arrays, _KEY, np.int32(0), np.int32(n))[0], block


def _iteration(work: Work, penalty: str, state: State):
    """One call for each iteration."""
    advance, compiled, state = _scan(work, penalty, state)

    def each(state: State, n: int) -> State:
        for _ in range(n):
            state = advance(state, 1)
        return state

    return each, compiled, state


def _unrolled_steps(work: Work, penalty: str, state: State):
    """Many iterations in one call, the critic's steps within one written out."""
    with _unrolled():
        return _scan(work, penalty, state)


def _step(work: Work, penalty: str, state: State):
    """One call for each critic step; the generator's is in the last one's."""
    system = system_of(work, penalty, once=True)
    last, last_program = _compiled(system, work, state)
    first, first_program = _compiled(_critic_alone(system), work, state)
    calls = [first] * (critic_steps(work.experiment) - 1) + [last]

    def each(state: State, n: int) -> State:
        for _ in range(n):
            for call in calls:
                state = call(state, 1)
        return state

    return each, [first_program, last_program], state


def _pmap(work: Work, penalty: str, state: State):
    """As scan, with each batch spread by `pmap` over all devices there are."""
    parallel = data_parallel(strategy="pmap")
    state = parallel.replicate(state)
    advance, _ = _compiled(system_of(work, penalty, sharding=parallel.sharding), work, state, parallel)
    return advance, [], state


MODES = {"scan": _scan, "unrolled": _unrolled_steps, "iteration": _iteration, "step": _step, "pmap": _pmap}


def compiled_block(work: Work):
    """A function `(state, n) -> state` that runs n iterations of a work, the program that it calls, and a state."""
    system = system_of(work, OWN)
    state = _first_state(system, work)
    return *_compiled(system, work, state), state


def _first_state(system: System, work: Work) -> State:
    return jax.block_until_ready(jax.jit(lambda: system.init(_KEY, work.spec))())


def ours(name: str, penalty: str, mode: str, work: Work | None = None) -> Contestant:
    """Compile a work in one of `MODES`: the one of that name, or one given."""
    work = work or WORKS[name]
    system = system_of(work, penalty)
    state = _first_state(system, work)
    trained = (state.generator, state.critic.params) if work.experiment.gan else state.params
    parameters = sum(leaf.size for leaf in jax.tree.leaves(trained))
    started = time.perf_counter()
    advance, compiled, state = MODES[mode](work, penalty, state)
    row = _row(name, "gan_jax", mode, penalty, work) | {
        "compile_s": time.perf_counter() - started,
        "peak_bytes": max(map(peak_bytes, compiled), default=None),
        "parameters": parameters,
        "device": jax.local_devices()[0].device_kind,
        "version": jax.__version__,
    }
    period = _period(work, penalty)
    if period == 1:
        row |= gflop(work, penalty)

    def run(n: int) -> float:
        nonlocal state
        started = time.perf_counter()
        state = jax.block_until_ready(advance(state, n))
        return time.perf_counter() - started

    return Contestant(row, run, period=period)


def peer(name: str, penalty: str, variant: str) -> Contestant:
    """Start PyTorch on a work in a process of its own, which waits while others run."""
    command = [sys.executable, "-m", "benchmarks.peers.pytorch"]
    command += ["--work", name, "--penalty", penalty, "--variant", variant]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer() -> dict[str, Any]:
        line = process.stdout.readline()
        return json.loads(line) if line else {"error": f"ended with code {process.wait()}"}

    def run(n: int) -> float:
        process.stdin.write(f"{n}\n")
        process.stdin.flush()
        return answer()["seconds"]

    def close() -> None:
        process.stdin.close()
        process.wait()

    work = WORKS[name]
    return Contestant(_row(name, "torch", variant, penalty, work) | answer(), run, close, _period(work, penalty))


def _period(work: Work, penalty: str) -> int:
    experiment = with_method(work.experiment, penalty)
    every = lazy_period(experiment)
    return every // gcd(every, critic_steps(experiment))


def _row(name: str, framework: str, mode: str, penalty: str, work: Work) -> dict[str, Any]:
    settings = {"batch": work.experiment.batch_size, "critic_steps": critic_steps(work.experiment)}
    method = method_of(with_method(work.experiment, penalty))
    return {"work": name, "framework": framework, "mode": mode, "penalty": method} | settings
