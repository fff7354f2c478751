"""`gan-jax compare`: runs, `.npz` files and folders of images side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gan_jax.commands.options import out_path
from gan_jax.commands.score_tables import score_rows, score_table, scores_csv, scores_latex
from gan_jax.commands.scoring import parse_scoring, print_missing_sets, score_all, scoring_parser
from gan_jax.data.dataset import some_samples
from gan_jax.data.toy import modes_of
from gan_jax.evaluation import Evaluation, Value
from gan_jax.figures.comparison import letter, plot_comparison
from gan_jax.files import atomic_write, expand_user, write_json
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.grouping import group_by
from gan_jax.runs.samples import Candidate, open_candidate

__all__ = ["main"]

_SHOWN = {4: 36, 2: 2000}  # samples in a grid of images, in a scatter plot of points: by the dimensions of their array
_COLUMNS = 3  # evaluations beside each other in a table; more are below each other, and those of long names
_NUMBERS = 42  # characters that a table takes beside those names


def main(arguments: Sequence[str], console: Console) -> int:
    """Score several kinds of samples by one protocol; print a table, plot a figure."""
    parser = scoring_parser("compare", "Score several kinds of samples by one protocol, in a table and a figure.")
    parser.add_argument("samples", nargs="+", help="run folders, folders of runs, .npz files, folders of images")
    parser.add_argument("--by", metavar="SETTING", help="join the runs that agree in it, as of several seeds")
    parser.add_argument("--out", default="compare.png", help="the figure; numbers lie beside it as JSON, CSV and LaTeX")
    options, _ = parse_scoring(parser, arguments)
    out = out_path(options.out, Path("compare.png"), ".png")
    candidates = [open_candidate(path) for name in options.samples for path in _runs_in(expand_user(name))]
    groups = group_by([candidate.run for candidate in candidates], options.by) if options.by else {}
    data, found = score_all(console, options, candidates)
    if groups:
        compared = [_joined(value, [found[i] for i in own]) for value, own in groups.items()]
        candidates = [candidates[own[0]] for own in groups.values()]
    else:
        compared = found

    shown = [_shown(candidate, options.seed) for candidate in candidates]
    real = data and some_samples(data.held_out if options.split == "held_out" else data.train, len(shown[0]))
    plot_comparison(out, compared, shown, real=real, modes=modes_of(found[0].protocol.data))
    write_json(out.with_suffix(".json"), [scored.to_json() for scored in compared])
    for suffix, text in ((".csv", scores_csv(compared)), (".tex", scores_latex(compared))):
        with atomic_write(out.with_suffix(suffix)) as part:
            part.write_text(text)
    wide = len(compared) > _COLUMNS or sum(len(each.samples) + 3 for each in compared) > console.width - _NUMBERS
    if wide:
        for place, scored in enumerate(compared):
            console.print(f"{letter(place)}  {scored.samples}", soft_wrap=True)
    for table in score_rows(console, compared) if wide else [score_table(console, compared)]:
        console.print(table)
    for scored in compared if groups else ():
        count = len(scored.seeds)
        console.print(f"{options.by} {scored.samples}: spread over {count} run{'s' * (count > 1)}", soft_wrap=True)
    for scored in found:
        print_missing_sets(scored.samples, len(scored.seeds), options.seeds)
    print(f"figure: {out}\nwritten to {out.with_suffix('.json')}, .csv and .tex")
    return 0


def _runs_in(path: Path) -> list[Path]:
    """The runs of a folder that holds some, or the path."""
    if RunFolder(path).is_run() or not path.is_dir():
        return [path]
    runs = sorted(child for child in path.iterdir() if RunFolder(child).is_run())
    return runs or [path]


def _joined(name: str, found: Sequence[Evaluation]) -> Evaluation:
    """Scores of several runs as one: each run's mean is a value."""
    scores = {
        score: Value(tuple(scored.scores[score].mean for scored in found), value.baseline)
        for score, value in found[0].scores.items()
    }
    return Evaluation(name, found[0].protocol, tuple(range(len(found))), scores)


def _shown(candidate: Candidate, seed: int):
    count = _SHOWN[len(candidate.sets.shape) + 1]
    [(_, samples)] = candidate.sets.take((seed,), min(count, candidate.sets.n_available or count))
    return samples
