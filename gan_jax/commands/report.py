"""`gan-jax report`: all about a run in one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gan_jax.commands.evaluate import score_one
from gan_jax.commands.scoring import parse, scoring_parser
from gan_jax.errors import InputError
from gan_jax.files import read_json, write_json

_PATHS, _STEPS = 6, 10  # through the latent space, and samples along each


def report(arguments: Sequence[str], console: Console) -> int:
    """Write a run's report, and score the run first unless it has been as far as it has come."""
    parser = scoring_parser("report")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--out", help="HTML file; by default RUN/report.html")
    options = parse(parser, arguments)
    folder = Path(options.run).expanduser()
    out = Path(options.out) if options.out else folder / "report.html"
    if out.suffix != ".html" or out.is_dir():
        raise InputError(f"--out: {out} must be a file that ends in .html")

    import jax

    from gan_jax.data.images import postprocess
    from gan_jax.report import write_report
    from gan_jax.runs.run import open_run
    from gan_jax.runs.samples import of_run

    run = open_run(folder)
    scored = folder / "metrics.json"
    asked = any((options.data, options.n, options.features, options.weights, options.scores))
    if asked or not _fresh(scored, run.step):
        metrics, _ = score_one(console, options, of_run(run, str(folder)))
        write_json(scored, metrics)
    interpolation = None
    if len(run.shape) == 3 and run.system.interpolate:
        drawn = run.system.interpolate(run.state, jax.random.key(options.seed), _PATHS, _STEPS)
        interpolation = jax.device_get(postprocess(drawn)).reshape(_PATHS, _STEPS, *run.shape)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_report(out, folder, interpolation=interpolation)
    print(f"report: {out}")
    return 0


def _fresh(file: Path, step: int) -> bool:
    """Whether there are scores of the newest checkpoint."""
    metrics = read_json(file) if file.exists() else {}
    return "scores" in metrics and metrics.get("step") == step
