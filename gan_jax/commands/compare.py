"""`gan-jax compare`: runs, `.npz` files and folders of images side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gan_jax.commands.scoring import parse, score_all, score_table, scoring_parser
from gan_jax.errors import InputError

_SHOWN = {4: 36, 2: 2000}  # samples in a grid of images, in a scatter plot of points: by the dimensions of their array


def compare(arguments: Sequence[str], console: Console) -> int:
    """Score several kinds of samples by one protocol; print a table, draw a figure."""
    parser = scoring_parser("compare")
    parser.add_argument("samples", nargs="+", help="run folders, .npz files, folders of images")
    parser.add_argument("--out", default="compare.png", help="the figure; the numbers are written beside it as JSON")
    options = parse(parser, arguments)
    out = Path(options.out)
    if out.suffix != ".png" or out.is_dir():
        raise InputError(f"--out: {out} must be a file that ends in .png")

    from gan_jax.figures.scores import draw_comparison
    from gan_jax.files import write_json
    from gan_jax.runs.samples import open_samples

    candidates = [open_samples(Path(name).expanduser()) for name in options.samples]
    _, found = score_all(console, options, candidates)
    shown = []
    for sets in candidates:
        [(_, drawn)] = sets.take((options.seed,), _SHOWN[len(sets.shape) + 1])
        shown.append(drawn)
    out.parent.mkdir(parents=True, exist_ok=True)
    draw_comparison(out, found, shown)
    write_json(out.with_suffix(".json"), [scored.to_json() for scored in found])
    console.print(score_table(found))
    print(f"figure: {out}\nwritten to {out.with_suffix('.json')}")
    return 0
