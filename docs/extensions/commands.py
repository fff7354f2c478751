"""What can be said on a command line: `.. commands::` by the help that is printed, `.. settings::` by system."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any, get_args, get_type_hints

from docutils import nodes
from reference import escaped
from rich.console import Console
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gan_jax import Experiment
from gan_jax.commands import COMMANDS
from gan_jax.settings import Setting, settings_of, to_json


class Commands(SphinxDirective):
    """A section for each command."""

    def run(self) -> list[nodes.Node]:
        """Have each command print its help."""
        lines: list[str] = []
        for name, (_, does) in COMMANDS.items():
            title = f"``gan-jax {name}``"
            lines += [title, "-" * len(title), "", f"{does[0].upper()}{does[1:]}.", "", ".. code-block:: text", ""]
            lines += [f"   {line}" for line in help_of(name).splitlines()] + [""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class Settings(SphinxDirective):
    """A table of settings for each system, and one for those that do not depend on it."""

    def run(self) -> list[nodes.Node]:
        """Read the settings of an experiment of each system."""
        of_all = [setting for setting in settings_of(Experiment()) if not setting.name.startswith("gan.")]
        lines = _settings_table("Of every system", of_all)
        for name, system in _systems():
            lines += _settings_table(f"``{name}``", list(settings_of(system, f"{name}.")))
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _systems() -> Iterator[tuple[str, Any]]:
    """Each system of an experiment by its field; the folders of runs that it rests on have to be given."""
    for name, hint in get_type_hints(Experiment).items():
        for config in get_args(hint):
            if hasattr(config, "build"):
                needed = [field.name for field in fields(config) if field.default is MISSING]
                yield name, config(**dict.fromkeys(needed, "FOLDER"))


def _settings_table(title: str, settings: list[Setting]) -> list[str]:
    lines = [title, "-" * len(title), "", ".. list-table::", "   :header-rows: 1", "   :widths: 4 2 6", ""]
    lines += ["   * - setting", "     - default", "     - what it is"]
    for setting in settings:
        shown = json.dumps(to_json(setting.value)).strip('"') if setting.value is not None else "—"
        lines += [f"   * - ``{setting.name}``", f"     - {shown}", f"     - {escaped(setting.help)}"]
    return [*lines, ""]


def help_of(command: str) -> str:
    """What `gan-jax COMMAND --help` prints on a terminal of a hundred columns."""
    os.environ["COLUMNS"] = "100"
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        import_module(f"gan_jax.commands.{command}").main(["--help"], Console(width=100))
    return printed.getvalue()


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_directive("commands", Commands)
    app.add_directive("settings", Settings)
    return {"parallel_read_safe": True}
