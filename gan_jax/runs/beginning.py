"""Fine-tuning: the weights of a trained run, for another to begin with."""

from collections.abc import Mapping

import jax

from gan_jax.errors import InputError
from gan_jax.runs.opening import load
from gan_jax.runs.run import Run
from gan_jax.systems import System
from gan_jax.types import Params, Spec

__all__ = ["run_to_begin_with"]


def run_to_begin_with(folder: str, system: System, spec: Spec) -> Run:
    """Open a run whose weights a system is to begin with.

    Raises:
      InputError: it is no trained run, or its networks are others; the message names the first parameter that differs.
    """
    try:
        run = load(folder)
    except InputError as error:
        raise InputError(error.reason, field="init_from") from None
    if run.system.weights is None or system.weights is None or system.begin is None:
        raise InputError("is of systems that say what their weights are; leave it out", field="init_from")
    own = jax.eval_shape(lambda: system.init(jax.random.key(0), spec))
    expected, found = (_by_path(each) for each in (jax.eval_shape(system.weights, own), run.system.weights(run.state)))
    if expected != found:
        name = next(name for name in {**found, **expected} if expected.get(name) != found.get(name))
        there, here = (_shown(each.get(name)) for each in (found, expected))
        reason = f"{folder} has other networks: {name} is {there} there, and {here} here"
        raise InputError(f"{reason}; choose the networks of {run.experiment.summary()}", field="init_from")
    return run


def _by_path(weights: Mapping[str, Params]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of every parameter, by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(weights)
    name = jax.tree_util.keystr
    return {name(path, simple=True, separator="."): (leaf.shape, str(leaf.dtype)) for path, leaf in leaves}


def _shown(found: tuple[tuple[int, ...], str] | None) -> str:
    return "missing" if found is None else f"{found[1]} {found[0]}"
