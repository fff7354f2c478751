"""`gan-jax sample`: draw from a run."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from gan_jax import runs
from gan_jax.commands.options import add_sampling, command_parser, out_path, parse, reader, sampling
from gan_jax.config import Count, Seed
from gan_jax.data.toy import modes_of
from gan_jax.errors import InputError, one_line
from gan_jax.figures.samples import save_samples
from gan_jax.files import atomic_write, expand_user
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
    parser.add_argument("--prompt", action="append", help="caption; several, each after a --prompt, come in turn")
    parser.add_argument("--negative-prompt", help="caption that images are pushed away from")
    parser.add_argument("--hint", help="image file that a ControlNet sees")
    parser.add_argument("--best", action="store_true", help="of the checkpoint that scored best, not of the newest")
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument("--label", help="draw of this class alone, by its name or number")
    labels.add_argument("--labels", choices=["data", "balanced"], help="as frequent as in the data, or all alike")
    add_sampling(parser)
    options = parse(parser, arguments)
    folder = Path(options.run)
    out = out_path(options.out, folder / "samples.npz", ".npz")

    run = runs.open_run(folder, best=options.best)
    more = sampling(options)
    condition = _labels(run, options) | _told(run, options)
    if "crop" in more and "crop" in run.system.conditions:
        condition["crop"] = np.tile(np.float32(more.pop("crop")), (options.n, 1))
    with console.status(f"drawing {options.n:,}"):
        samples = runs.sample(run, options.n, seed=options.seed, condition=condition or None, **more)
    name = "images" if samples.ndim == 4 else "points"
    beside = {f"{name}s": array for name, array in condition.items() if name == "label"}
    if options.prompt:
        beside["captions"] = np.array(_in_turn(options.prompt, options.n))
    elif run.captions and run.vocabulary:
        beside["captions"] = np.array(run.vocabulary.captions(condition["tokens"]))
    with atomic_write(out) as part:
        np.savez(part, allow_pickle=False, **{name: samples}, **beside)
    if options.grid:
        save_samples(out.with_suffix(".png"), samples, modes=modes_of(run.experiment.data.name))
    of = f" of iteration {run.step:,}" if not run.system.is_read else ""
    print(f"{len(samples):,} {name}{of}: {out}")
    if options.grid:
        print(f"grid: {out.with_suffix('.png')}")
    return 0


def _labels(run: Run, options: Namespace) -> dict[str, np.ndarray]:
    """What the options say of labels; nothing for a run that is told none."""
    if not run.class_counts:
        advice = "of captions; give --prompt in its place" if run.captions else "without labels; leave it out"
        for field in ("label", "labels"):
            if getattr(options, field):
                raise InputError(f"{options.run} draws {advice}", field=field)
        return {}
    if options.label is not None:
        return {"label": np.full(options.n, class_of(run.classes, options.label), np.int32)}
    if options.labels == "balanced":
        return {"label": balanced_labels(len(run.classes), options.n)}
    return {"label": labels_like_data(run.class_counts, options.n, options.seed)}


def _told(run: Run, options: Namespace) -> dict[str, np.ndarray]:
    """What the options say of captions and of a hint; nothing for a run that is told none."""
    given = {"tokens": ("prompt", options.prompt), "negative": ("negative_prompt", options.negative_prompt)}
    given |= {"hint": ("hint", options.hint)}
    for name, (field, value) in given.items():
        known = (*run.system.conditions, *(("tokens",) if run.system.captioned else ()))
        if value is not None and name not in known:
            kind = "hints" if name == "hint" else "captions"
            raise InputError(f"{options.run} draws without {kind}; leave it out", field=field)
    told: dict[str, np.ndarray] = {}
    if run.captions and run.vocabulary and not options.prompt:
        told["tokens"] = run.vocabulary(captions_like_data(run.captions, options.n, options.seed))
    for name, captions in (("tokens", options.prompt), ("negative", [options.negative_prompt])):
        if captions and captions[0] is not None:
            tokenize: Any = run.system.tokenize or run.vocabulary
            try:
                told[name] = tokenize(_in_turn(captions, options.n))
            except InputError as error:
                raise InputError(error.reason, field=given[name][0]) from None
    if options.hint is not None:
        told["hint"] = np.repeat(_read_hint(run, options.hint), options.n, axis=0)
    return told


def _in_turn(captions: Sequence[str], n: int) -> list[str]:
    return [captions[i % len(captions)] for i in range(n)]


def _read_hint(run: Run, file: str) -> np.ndarray:
    """An image (1, H, W, C), uint8, of as many channels as the run's hints have."""
    channels = run.spec["hint"].shape[-1] if "hint" in run.spec else 3
    try:
        with Image.open(expand_user(file)) as image:
            hint = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as an image ({one_line(error)})", field="hint") from None
    return hint.reshape(1, *hint.shape[:2], channels)
