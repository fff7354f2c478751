"""The experiments that come with the package, by name."""

import ast
from pathlib import Path

from gan_jax.errors import InputError, nearest

__all__ = ["experiment_path", "first_line", "named_experiments"]

_SHORT = "_wgan_gp"  # a data set's name alone is its experiment of this name


def named_experiments() -> dict[str, Path]:
    """Return the files of the experiments by their names: of an installed package, or of the clone around it.

    >>> named_experiments()["digits_wgan_gp"].name
    'digits_wgan_gp.py'
    """
    package = Path(__file__).parent.parent
    folder = package / "experiments"
    if not folder.is_dir():
        folder = package.parent / "experiments"
    return {file.stem: file for file in sorted(folder.glob("*.py")) if "\nexperiment = " in file.read_text()}


def experiment_path(name: str) -> Path:
    """Return the file of an experiment: a path to one, the name of one of the package, or that without `_wgan_gp`.

    Raises:
      InputError: a bare name is none of the package's.

    >>> experiment_path("digits").name, experiment_path("mine.py").name
    ('digits_wgan_gp.py', 'mine.py')
    """
    path, known = Path(name), named_experiments()
    if path.suffix or len(path.parts) != 1 or path.is_file():
        return path
    for known_as in (name, f"{name}{_SHORT}"):
        if known_as in known:
            return known[known_as]
    near = nearest(name, [*known, *(each.removesuffix(_SHORT) for each in known)])
    raise InputError(f"{name}: there is no such experiment{near}; `gan-jax experiments` lists them")


def first_line(file: Path) -> str:
    """Return the first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
