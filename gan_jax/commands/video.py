"""`gan-jax video`: a walk through the latents of a run."""

from collections.abc import Sequence
from math import ceil
from typing import Annotated

import jax.numpy as jnp
import numpy as np
from pydantic import Field
from rich.console import Console

from gan_jax import runs
from gan_jax.commands.options import (
    DECODING,
    add_sampling,
    command_parser,
    out_path,
    parse,
    progress_bars,
    reader,
    sampling,
)
from gan_jax.config import Count, Seed
from gan_jax.errors import InputError
from gan_jax.figures.grid import grid
from gan_jax.figures.video import VIDEOS, check_video, save_video
from gan_jax.files import expand_user
from gan_jax.runs.labels import balanced_labels
from gan_jax.systems.paths import closed_walk

__all__ = ["main"]

_Seconds = Annotated[float, Field(gt=0, le=600)]
_Rate = Annotated[float, Field(ge=1, le=100)]
_SIDE = 320  # pixels that the film has at least, by a whole factor


def main(arguments: Sequence[str], console: Console) -> int:
    """Draw a film whose end is its beginning: each sample goes from latent to latent, along arcs."""
    parser = command_parser("video", "Film a walk through the latents of a run; its end is its beginning.")
    parser.add_argument("run", help="run folder of images")
    parser.add_argument("--out", metavar="FILE", help=".gif or .mp4; by default RUN/walk.gif")
    parser.add_argument("--n", type=reader(Count), default=16, help="samples side by side")
    parser.add_argument("--stops", type=reader(Count), default=4, help="latents that each comes by, at least 2")
    parser.add_argument("--seconds", type=reader(_Seconds), default=8.0, help="from the beginning to the end")
    parser.add_argument("--fps", type=reader(_Rate), default=25.0, help="frames a second")
    parser.add_argument("--seed", type=reader(Seed), default=0, help="of the latents")
    parser.add_argument("--label", help="all of this class, by its name or number; by default one of each in turn")
    parser.add_argument("--best", action="store_true", help="of the checkpoint that scored best, not of the newest")
    add_sampling(parser, DECODING)
    options = parse(parser, arguments)
    folder = expand_user(options.run)
    out = out_path(options.out and str(expand_user(options.out)), folder / "walk.gif", *VIDEOS)
    check_video(out)
    if options.stops < 2:
        raise InputError("1 is no walk; give at least 2", field="stops")

    run = runs.load(folder, best=options.best)
    if len(run.shape) != 3 or run.shape[2] not in (1, 3):
        raise InputError(f"{folder} draws {run.shape}, no gray or colored images; `gan-jax sample --grid` plots them")
    if run.latent is None or run.system.reconstructs:
        raise InputError(f"a run of {run.experiment.summary()} draws of no latents; there is no walk through them")
    count = max(2, round(options.seconds * options.fps))
    stops = np.random.Generator(np.random.PCG64(options.seed)).standard_normal(
        (options.n, options.stops, run.latent), np.float32
    )
    walk = np.asarray(closed_walk(jnp.asarray(stops), count))  # (n, frames, z)
    condition = run.like_data(options.n, options.seed)
    if run.class_counts and options.label is None:
        condition["label"] = balanced_labels(len(run.classes), options.n)
    given = sampling(options)
    frames = []
    with progress_bars(console) as progress:
        advance = progress("drawing frames", count)
        for latents in walk.swapaxes(0, 1):
            frames.append(_frame(run.generate(latents, label=options.label, condition=condition, **given)))
            advance(1)
        progress(f"writing {out}", 1)
        save_video(out, frames, fps=options.fps)
    print(f"{count} frames of {frames[0].shape[1]}x{frames[0].shape[0]} of iteration {run.step:,}: {out}")
    return 0


def _frame(images: np.ndarray) -> np.ndarray:
    """Images side by side in color, enlarged by a whole factor."""
    picture = grid(images, columns=ceil(len(images) ** 0.5))
    factor = max(1, round(_SIDE / min(picture.shape[:2])))
    picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.broadcast_to(picture, (*picture.shape[:2], 3)).copy()
