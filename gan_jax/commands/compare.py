"""`gan-jax compare`: runs, `.npz` files and folders of images side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gan_jax.commands.options import out_path
from gan_jax.commands.scoring import parse_scoring, print_missing_sets, score_all, score_table, scoring_parser
from gan_jax.figures.comparison import plot_comparison
from gan_jax.files import expand_user, write_json
from gan_jax.runs.samples import open_candidate

__all__ = ["main"]

_SHOWN = {4: 36, 2: 2000}  # samples in a grid of images, in a scatter plot of points: by the dimensions of their array


def main(arguments: Sequence[str], console: Console) -> int:
    """Score several kinds of samples by one protocol; print a table, plot a figure."""
    parser = scoring_parser("compare", "Score several kinds of samples by one protocol, in a table and a figure.")
    parser.add_argument("samples", nargs="+", help="run folders, .npz files, folders of images")
    parser.add_argument("--out", default="compare.png", help="the figure; the numbers are written beside it as JSON")
    options, _ = parse_scoring(parser, arguments)
    out = out_path(options.out, Path("compare.png"), ".png")
    candidates = [open_candidate(expand_user(name)) for name in options.samples]
    _, found = score_all(console, options, candidates)
    shown = []
    for sets, _ in candidates:
        count = _SHOWN[len(sets.shape) + 1]
        [(_, samples)] = sets.take((options.seed,), min(count, sets.n_available or count))
        shown.append(samples)
    plot_comparison(out, found, shown)
    write_json(out.with_suffix(".json"), [scored.to_json() for scored in found])
    console.print(score_table(console, found))
    for scored in found:
        print_missing_sets(scored.samples, len(scored.seeds), options.seeds)
    print(f"figure: {out}\nwritten to {out.with_suffix('.json')}")
    return 0
