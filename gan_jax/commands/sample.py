"""`gan-jax sample`: draw from a run."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from gan_jax import runs
from gan_jax.commands.options import add_sampling, command_parser, out_path, parse, reader, sampling
from gan_jax.config import Count, Seed
from gan_jax.errors import InputError
from gan_jax.figures.samples import save_samples
from gan_jax.files import atomic_write
from gan_jax.runs import Run
from gan_jax.runs.labels import balanced_labels, captions_like_data, class_of, labels_like_data

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Draw from a run."""
    parser = command_parser("sample", "Draw images or points from a trained run.")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--n", type=reader(Count), default=100, help="how many to draw")
    parser.add_argument("--seed", type=reader(Seed), default=0, help="the same seed gives the same bytes")
    parser.add_argument("--out", help="file for the array `images`, or `points`; by default RUN/samples.npz")
    parser.add_argument("--grid", action="store_true", help="write a PNG of the first 100 beside it")
    parser.add_argument("--best", action="store_true", help="of the checkpoint that scored best, not of the newest")
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument("--label", help="draw of this class alone, by its name or number")
    labels.add_argument("--labels", choices=["data", "balanced"], help="as frequent as in the data, or all alike")
    labels.add_argument("--prompt", help="draw of this caption, of a run that is told captions")
    add_sampling(parser)
    options = parse(parser, arguments)
    folder = Path(options.run)
    out = out_path(options.out, folder / "samples.npz", ".npz")

    run = runs.open_run(folder, best=options.best)
    condition = _condition(run, options)
    with console.status(f"drawing {options.n:,}"):
        samples = runs.sample(run, options.n, seed=options.seed, condition=condition or None, **sampling(options))
    name = "images" if samples.ndim == 4 else "points"
    with atomic_write(out) as part:
        np.savez(part, allow_pickle=False, **{name: samples}, **_beside(run, condition))
    if options.grid:
        save_samples(out.with_suffix(".png"), samples)
    print(f"{len(samples):,} {name} of iteration {run.step:,}: {out}")
    if options.grid:
        print(f"grid: {out.with_suffix('.png')}")
    return 0


def _beside(run: Run, condition: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What samples were drawn of, as it is written beside them."""
    if "tokens" in condition and run.vocabulary:
        return {"captions": np.array(run.vocabulary.captions(condition["tokens"]))}
    return {f"{name}s": array for name, array in condition.items()}


def _condition(run: Run, options: Namespace) -> dict[str, np.ndarray]:
    """What the options say of labels or captions; nothing for a run that is told neither."""
    if options.prompt is not None and not run.system.captioned:
        raise InputError(f"{options.run} draws without captions; leave it out", field="prompt")
    if run.captions and run.vocabulary:
        for field in ("label", "labels"):
            if getattr(options, field):
                raise InputError(f"{options.run} draws of captions; give --prompt in its place", field=field)
        said = [options.prompt] * options.n
        if options.prompt is None:
            said = captions_like_data(run.captions, options.n, options.seed)
        try:
            return {"tokens": run.vocabulary(said)}
        except InputError as error:
            raise InputError(error.reason, field="prompt") from None
    if not run.class_counts:
        for field in ("label", "labels"):
            if getattr(options, field):
                raise InputError(f"{options.run} draws without labels; leave it out", field=field)
        return {}
    if options.label is not None:
        return {"label": np.full(options.n, class_of(run.classes, options.label), np.int32)}
    if options.labels == "balanced":
        return {"label": balanced_labels(len(run.classes), options.n)}
    return {"label": labels_like_data(run.class_counts, options.n, options.seed)}
