"""`gan-jax data`: make a data set of images, of any number and size, that training reads as it needs them."""

import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from gan_jax.commands.options import command_parser, parse, progress_bars, reader, sides
from gan_jax.config import Count
from gan_jax.data.archives import is_archive, unpack
from gan_jax.data.originals import find_originals
from gan_jax.data.preparation import Preparation, prepare
from gan_jax.errors import InputError
from gan_jax.files import expand_user

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Prepare images."""
    parser = command_parser("data", "Make a data set of images of any number and size.")
    parser.add_argument("source", help="folder of images, .npz file, zip or tar; MNIST's and CIFAR's own too")
    parser.add_argument("--out", required=True, help="folder to write to")
    parser.add_argument("--size", type=sides, help="of all images: 64, or 64x48 for height and width; else their own")
    parser.add_argument(
        "--crop",
        choices=["center", "random", "none"],
        default="center",
        help="the part that is kept; none takes all of it and changes its proportions",
    )
    parser.add_argument("--resize", choices=["area", "lanczos"], default="area", help="how images are made smaller")
    parser.add_argument("--color", choices=["rgb", "gray"], help="of all images; by default their own")
    parser.add_argument(
        "--alpha", choices=["refuse", "white", "black"], default="refuse", help="what transparent images are laid on"
    )
    parser.add_argument(
        "--labels",
        help="folders, whose names are the classes; a .csv of lines `name,label` or a .jsonl of `file` and `label`; "
        "none; by default what the source brings",
    )
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out files that cannot be read")
    parser.add_argument("--processes", type=reader(Count), help="that prepare images; by default one a core")
    options = parse(parser, arguments)
    source, out = expand_user(options.source), expand_user(options.out)
    if not source.exists():
        raise InputError(f"{source}: there is no such file or folder")
    how = Preparation(
        size=options.size,
        crop=options.crop,
        resize=options.resize,
        color=options.color,
        alpha=options.alpha,
        skip_unreadable=options.skip_unreadable,
    )
    with _unpacked(source, out, console) as path:
        originals = find_originals(path, options.labels)
        classes = originals.classes
        if classes:
            shown = ", ".join(classes[:10]) + ", ..." * (len(classes) > 10)
            console.print(f"{len(classes)} classes found: {shown}")
        for line in originals.left_out:
            console.print(f"left out: {line}")
        with progress_bars(console) as progress:
            advance = progress("preparing images", len(originals.names))
            found = prepare(originals, out, how, source=source.name, processes=options.processes, advance=advance)
    if found.skipped:
        console.print(f"left out {len(found.skipped)} files that cannot be read; {out / 'dataset.json'} lists them")
    shape = "x".join(map(str, found.shape))
    print(f"{found.counts['train']:,} images of {shape} to train on, {found.counts['held_out']:,} held out: {out}")
    print(f"next: gan-jax train EXPERIMENT.py --data.source {out}")
    return 0


@contextmanager
def _unpacked(source: Path, out: Path, console: Console):
    """The folder of an archive's files, which is removed at the end; any other source as it is."""
    if source.is_dir() or not is_archive(source):
        yield source
        return
    folder = out.with_name(f".{out.name}.unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with console.status(f"unpacking {source.name}"):
            unpack(source, folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
