"""A model card: what a file of weights or of a function is, how it is used, and what its samples score."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gan_jax.export.formats import told_of
from gan_jax.files import read_json, read_json_entries
from gan_jax.runs.run import Run

__all__ = ["LIBRARY", "model_card"]

LIBRARY = "library_name: gan_jax"
"""The line by which a card is told to be of this package."""

_TASK = "unconditional-image-generation"  # the hub has none for images of a class
_USES = {
    "stablehlo": """import numpy as np
from jax import export  # pip install jax flatbuffers

with open("{file}", "rb") as file:
    generator = export.deserialize(file.read())
latents = np.random.standard_normal((16, {latent})).astype("float32")
samples = generator.call(latents{told})  # {samples}
""",
    "onnx": """import numpy as np
import onnxruntime

generator = onnxruntime.InferenceSession("{file}")
latents = np.random.standard_normal((16, {latent})).astype("float32")
(samples,) = generator.run(None, {{"latents": latents{named_told}}})  # {samples}
""",
    "safetensors": """from safetensors.numpy import load_file

weights = load_file("{file}")  # by their paths, as {first}
""",
}


def model_card(run: Run, kind: str, file: str, weights: Iterable[str] = (), *, picture: str | None = None) -> str:
    """Return `README.md` in the form of the Hugging Face hub: metadata in YAML, use, settings, protocol and scores.

    Args:
      run: what was exported.
      kind: the format, of `gan_jax.export.FORMATS`.
      file: its name.
      weights: names of the weights.
      picture: name of a file of samples beside it.
    """
    images = len(run.shape) == 3
    shape = ", ".join(map(str, run.shape))
    evaluation = read_json_entries(run.folder.evaluation) if run.folder.evaluation.exists() else {}
    scored = evaluation.get("step") == run.step and "scores" in evaluation
    use = _USES[kind].format(
        file=file,
        latent=run.latent,
        told="".join(f', np.zeros({(16, *shape)}, "int32")' for shape in told_of(run).values()),
        named_told="".join(f', "{name}": np.zeros({(16, *shape)}, "int32")' for name, shape in told_of(run).items()),
        samples=f"float32 (16, {shape})" + ", images in [-1, 1]" * images,
        first=next(iter(weights), "none"),
    )
    settings = json.dumps(read_json(run.folder.experiment)["settings"], indent=2)
    name = run.folder.path.absolute().name
    told = f"It is told a class of each, int32: {', '.join(run.classes)}.\n" if run.class_counts else ""
    told += "It is told tokens of a caption of each, int32, as `Run.vocabulary` makes them.\n" if run.captions else ""
    parts = [
        _front_matter(run, name, evaluation if scored else {}),
        f"# {name}\n",
        f"{run.experiment.summary()}; {'x'.join(map(str, run.shape))}, iteration {run.step:,}.\n",
        *([f"![Samples of seed 0, not chosen]({picture})\n"] if picture else []),
        *([told] if kind != "safetensors" and told else []),
        f"```python\n{use}```\n",
        "## Scores\n",
        _scores(evaluation) if scored else "None were taken of this checkpoint.\n",
        f"## Settings\n\n```json\n{settings}\n```",
    ]
    return "\n".join(parts) + "\n"


def _front_matter(run: Run, name: str, evaluation: Mapping[str, Any]) -> str:
    """Metadata, each value as JSON, which YAML reads."""
    tags = ["jax", run.experiment.system_name, "gan_jax"]
    lines = ["---", LIBRARY, f"tags: {json.dumps(tags)}"]
    if len(run.shape) == 3:
        lines.append(f"pipeline_tag: {_TASK}")
    if evaluation:
        data = run.experiment.data.name
        metrics = [
            {"type": key, "value": value["mean"], "name": key.replace("_", " ")}
            for key, value in evaluation["scores"].items()
        ]
        result = {"task": {"type": _TASK}, "dataset": {"name": data, "type": data}, "metrics": metrics}
        lines.append(f"model-index: {json.dumps([{'name': name, 'results': [result]}])}")
    return "\n".join([*lines, "---\n"])


def _scores(evaluation: Mapping[str, Any]) -> str:
    """The protocol, and a table of the scores beside what real data get."""
    rows = ["| score | mean | standard deviation | real data |", "| --- | --- | --- | --- |"]
    for name, value in evaluation["scores"].items():
        cells = (_cell(value.get(part)) for part in ("mean", "sd", "baseline"))
        rows.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    protocol = json.dumps(evaluation.get("protocol", {}), indent=2)
    return "\n".join([*rows, f"\nProtocol:\n\n```json\n{protocol}\n```\n"])


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else ""
