"""`gan-jax sample`: draw from a run."""

import re
from argparse import SUPPRESS, ArgumentTypeError, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from gan_jax import runs
from gan_jax.commands.options import add_sampling, command_parser, parse, progress_bars, reader, sampling
from gan_jax.config import Count, Seed
from gan_jax.data.toy import modes_of
from gan_jax.errors import InputError, one_line
from gan_jax.figures.image_files import save_image_files
from gan_jax.figures.samples import save_samples
from gan_jax.files import atomic_write, expand_user
from gan_jax.runs import Run
from gan_jax.runs.labels import balanced_labels, class_of

__all__ = ["main", "read_seeds"]

_MOST_SEEDS = 1_000_000


def main(arguments: Sequence[str], console: Console) -> int:
    """Draw from a run."""
    parser = command_parser("sample", "Draw images or points from a trained run.")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--n", type=reader(Count), default=SUPPRESS, help="how many to draw; 100 by default")
    parser.add_argument("--seed", type=reader(Seed), default=SUPPRESS, help="the same gives the same; 0 by default")
    parser.add_argument("--seeds", type=read_seeds, metavar="0-63", help="one sample of each, whichever the others are")
    parser.add_argument("--out", help=".npz file, or a folder of PNGs; by default RUN/samples.npz")
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
    for name in ("n", "seed"):
        if options.seeds and hasattr(options, name):
            raise InputError(f"--seeds says how many are drawn, and of which; leave out --{name}", field="seeds")
    folder = expand_user(options.run)
    out, is_folder = _out(options.out, folder / "samples.npz")

    run = runs.load(folder, best=options.best)
    if is_folder and len(run.shape) != 3:
        raise InputError(f"{out} is a folder of images, and the run draws points; give an .npz", field="out")
    seeds, seed = options.seeds, getattr(options, "seed", 0)
    n = len(seeds) if seeds else getattr(options, "n", 100)
    more = sampling(options)
    told = _labels(run, options, n) | _told(run, options, n)  # or refuse
    condition = (run.like_data_of_seeds(seeds) if seeds else run.like_data(n, seed)) | told
    if "crop" in more and "crop" in run.system.conditions:
        condition["crop"] = np.tile(np.float32(more.pop("crop")), (n, 1))
    with console.status(f"drawing {n:,}"):
        draw = partial(run.sample_seeds, seeds) if seeds else partial(run.sample, n, seed=seed)
        samples = draw(condition=condition or None, **more)
    name = "images" if samples.ndim == 4 else "points"
    if is_folder:
        with progress_bars(console) as progress:
            advance = progress(f"writing {out}", n)
            save_image_files(out, samples, seeds or range(n), condition.get("label"), run.classes, advance=advance)
    else:
        beside = {"labels": condition["label"]} if "label" in condition else {}
        if options.prompt:
            beside["captions"] = np.array(_in_turn(options.prompt, n))
        elif run.vocabulary and "tokens" in condition:
            beside["captions"] = np.array(run.vocabulary.captions(condition["tokens"]))
        with atomic_write(out) as part:
            np.savez(part, allow_pickle=False, **{name: samples}, **beside)
    of = f" of iteration {run.step:,}" if not run.system.is_read else ""
    print(f"{n:,} {name}{of}: {out}")
    if options.grid:
        grid = out.with_name(f"{out.name}.png") if is_folder else out.with_suffix(".png")
        save_samples(grid, samples, modes=modes_of(run.experiment.data.name))
        print(f"grid: {grid}")
    return 0


def read_seeds(text: str) -> list[int]:
    """Read seeds as `0-63` or `1,5,8-10`.

    >>> read_seeds("1,5,8-10")
    [1, 5, 8, 9, 10]
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last or last >= 2**32 or last - first >= _MOST_SEEDS:
            raise ArgumentTypeError(f"must be as 0-63 or 1,5,8-10, of at most {_MOST_SEEDS:,}; got {text!r}")
        seeds += range(first, last + 1)
    if len({*seeds}) < len(seeds):
        raise ArgumentTypeError(f"{text!r} names a seed twice, which is one sample")
    return seeds


def _out(name: str | None, default: Path) -> tuple[Path, bool]:
    """The file or the folder to write, and whether it is a folder."""
    out = default if name is None else expand_user(name)
    if name is not None and (out.is_dir() or name.endswith("/") or not out.suffix):
        return out, True
    if out.suffix != ".npz":
        advice = "--grid writes one picture of many" if out.suffix == ".png" else "a folder takes PNGs"
        raise InputError(f"{out} must end in .npz, or be a folder, as {out.with_suffix('')}/; {advice}", field="out")
    return out, False


def _labels(run: Run, options: Namespace, n: int) -> dict[str, np.ndarray]:
    """What the options say of labels."""
    if not run.class_counts:
        advice = "of captions; give --prompt in its place" if run.captions else "without labels; leave it out"
        for field in ("label", "labels"):
            if getattr(options, field):
                raise InputError(f"{options.run} draws {advice}", field=field)
    if options.label is not None:
        return {"label": np.full(n, class_of(run.classes, options.label), np.int32)}
    if options.labels == "balanced":
        count = len(run.classes)
        every = (np.asarray(options.seeds) % count).astype(np.int32) if options.seeds else balanced_labels(count, n)
        return {"label": every}
    return {}


def _told(run: Run, options: Namespace, n: int) -> dict[str, np.ndarray]:
    """What the options say of captions and of a hint."""
    given = {"tokens": ("prompt", options.prompt), "negative": ("negative_prompt", options.negative_prompt)}
    given |= {"hint": ("hint", options.hint)}
    for name, (field, value) in given.items():
        known = (*run.system.conditions, *(("tokens",) if run.system.captioned else ()))
        if value is not None and name not in known:
            kind = "hints" if name == "hint" else "captions"
            raise InputError(f"{options.run} draws without {kind}; leave it out", field=field)
    told: dict[str, np.ndarray] = {}
    for name, captions in (("tokens", options.prompt), ("negative", [options.negative_prompt])):
        if captions and captions[0] is not None:
            tokenize: Any = run.system.tokenize or run.vocabulary
            try:
                told[name] = tokenize(_in_turn(captions, n))
            except InputError as error:
                raise InputError(error.reason, field=given[name][0]) from None
    if options.hint is not None:
        told["hint"] = np.repeat(_read_hint(run, options.hint), n, axis=0)
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
