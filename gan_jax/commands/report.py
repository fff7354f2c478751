"""`gan-jax report`: all about a run, or several, in one HTML file."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console

from gan_jax import runs
from gan_jax.commands.options import out_path
from gan_jax.commands.scoring import measure_alone, parse_scoring, score_one, scoring_parser
from gan_jax.data.dataset import some_samples
from gan_jax.data.toy import modes_of
from gan_jax.errors import InputError
from gan_jax.files import expand_user, read_json_entries, read_json_lines, write_json
from gan_jax.report import ReportContents, write_report
from gan_jax.report.verdict import verdict
from gan_jax.runs import Run
from gan_jax.runs.run import sample_sets
from gan_jax.runs.samples import Candidate
from gan_jax.runs.self_evaluation import read_protocol

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Write runs' report; score a run first if options ask for it, or its newest checkpoint has no scores."""
    parser = scoring_parser("report", "Write all about a run, or several side by side, into one HTML file.")
    parser.add_argument("run", nargs="+", help="run folders")
    parser.add_argument("--out", help="HTML file; by default RUN/report.html, of several report.html")
    options, given = parse_scoring(parser, arguments)
    folders = [expand_user(name) for name in options.run]
    out = out_path(options.out, folders[0] / "report.html" if len(folders) == 1 else Path("report.html"), ".html")
    found = [runs.open_run(folder) for folder in folders]  # all, before one is scored
    for folder, run in zip(folders, found, strict=True):
        if given or not _is_scored(run):
            candidate, alone = Candidate(sample_sets(run, str(folder)), run), run.system.sample is None
            evaluation = (
                measure_alone(console, options, candidate) if alone else score_one(console, options, candidate)[0]
            )
            write_json(run.folder.evaluation, evaluation)
    contents = [_contents(run, options.seed, console) for run in found]
    write_report(out, *contents)
    for each in contents:
        said = verdict(each.evaluation, each.training_lines).text
        console.print(said if len(contents) == 1 else f"{each.name}: {said}", soft_wrap=True)
    print(f"report: {out}")
    return 0


def _is_scored(run: Run) -> bool:
    """Whether there are scores of the newest checkpoint."""
    file = run.folder.evaluation
    evaluation = read_json_entries(file) if file.exists() else {}
    kind = "diagnostics" if run.system.sample is None else "scores"
    return kind in evaluation and evaluation.get("step") == run.step


def _real_samples(run: Run, console: Console) -> np.ndarray | None:
    """Real samples, as many as a sample grid has; none where there are no data, or none to be read any more."""
    if run.system.is_read:
        return None
    try:
        data = run.experiment.data.read()
    except InputError as error:
        console.print(f"no real samples in the report: {error}", soft_wrap=True)
        return None
    return some_samples(data.train, 100 if len(run.shape) == 3 else 2_000)


def _contents(run: Run, seed: int, console: Console) -> ReportContents:
    folder, interpolation = run.folder, None
    if len(run.shape) == 3 and run.system.interpolate:
        interpolation = runs.interpolate(run, seed=seed)
    protocol, baseline = {}, {}
    if folder.evaluation_protocol.exists():
        of_history, baseline = read_protocol(folder.evaluation_protocol)
        protocol = asdict(of_history)
    return ReportContents(
        name=folder.path.absolute().name,
        summary=f"{run.experiment.summary()}, {'x'.join(map(str, run.shape))}",
        settings=read_json_entries(folder.experiment)["settings"],
        environment=read_json_entries(folder.environment) if folder.environment.exists() else {},
        metrics=run.system.metrics,
        counts=list(run.system.counts),
        evaluation=read_json_entries(folder.evaluation),
        training_lines=read_json_lines(folder.training_metrics),
        evaluation_lines=read_json_lines(folder.evaluation_history),
        protocol=protocol,
        baseline=baseline,
        sample_files=sorted(folder.samples.glob("step_*.png")),
        interpolation=interpolation,
        real=_real_samples(run, console),
        modes=modes_of(run.experiment.data.name),
    )
