"""The reference, generated from docstrings and registries.

`.. reference:: gan_jax.penalties` documents a room: the names of its package, and those of its modules that the package
does not name already. A public mapping is a registry, and becomes a table.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from itertools import chain
from pkgutil import iter_modules, walk_packages
from types import ModuleType
from typing import Any, ClassVar, get_type_hints

import flax.linen as nn
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import stringify_annotation

import gan_jax

logger = logging.getLogger(__name__)

UNDOCUMENTED = ("__main__", "cli", "commands")
"""Rooms whose page is what the commands print."""

_MARKUP = re.compile(r"(?<![\\*])([*|])(?!\w+\*)(?<!\w\*)")  # but for emphasis of a word
_LONG = 300  # characters; a longer entry of a registry is cut


def public_modules(room: str) -> Iterator[ModuleType]:
    """The modules of a room that have public names, its package first."""
    package = import_module(room)
    below = walk_packages(package.__path__, f"{room}.") if hasattr(package, "__path__") else ()
    for name in chain([room], (module.name for module in below)):
        module = import_module(name)
        if hasattr(module, "__all__"):
            yield module


def documented(room: str) -> dict[ModuleType, list[str]]:
    """Of each module of a room the names to document there, each once: in the package that exports it, if one does."""
    seen: set[int] = set()
    found = {}
    for module in public_modules(room):
        names = [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
        own = [name for name in names if id(getattr(module, name)) not in seen]
        seen |= {id(getattr(module, name)) for name in own}
        found[module] = own
    return found


class Reference(SphinxDirective):
    """Documents a room, but perhaps for one within it."""

    required_arguments = 1
    option_spec: ClassVar = {"without": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Generate autodoc's directives, and have them parsed."""
        lines: list[str] = []
        without = self.options.get("without", "nothing")
        for module, names in documented(self.arguments[0]).items():
            if names and not module.__name__.startswith(without):
                lines += _module(module, names)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class Exported(SphinxDirective):
    """A table of the names that a package exports, each with the first line of its docstring."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Generate the table, and have it parsed."""
        package = import_module(self.arguments[0])
        lines = _table_head("name", "what it is")
        for name in package.__all__:
            value = getattr(package, name)
            target = value.__name__ if inspect.ismodule(value) else f"{value.__module__}.{value.__qualname__}"
            lines += [f"   * - :py:obj:`{name} <{target}>`", f"     - {_first_line(value)}"]
        return self.parse_text_to_nodes("\n".join(lines))


def _module(module: ModuleType, names: list[str]) -> list[str]:
    """The source of one module's section."""
    title = f"``{module.__name__}``"
    lines = [title, "-" * len(title), "", f".. automodule:: {module.__name__}", "   :no-members:"]
    package, _, last = module.__name__.rpartition(".")
    lines += ["   :no-index:", ""] if hasattr(module, last) and package else [""]
    comments = ModuleAnalyzer.for_module(module.__name__).find_attr_docs() if module.__file__ else {}
    of_module = f"   :module: {module.__name__}"
    for name in names:
        data = f".. py:data:: {name}"
        value, path = getattr(module, name), f"{module.__name__}.{name}"
        if not getattr(value, "__module__", "gan_jax").startswith("gan_jax"):
            lines += [data, of_module, "", f"   {value.__module__}'s."]  # another library's documents it
        elif inspect.isclass(value):
            lines += [f".. autoclass:: {path}", "   :members:", "   :show-inheritance:" * issubclass(value, Exception)]
        elif inspect.isroutine(value):
            lines += [f".. autofunction:: {path}"]
        else:
            lines += [data, of_module, "", *(f"   {line}" for line in comments.get(("", name), []))]
        lines += ["", *(_registry(value) if _is_registry(value) else ()), ""]
    return lines


def _is_registry(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(name, str) for name in value)


def _registry(values: Mapping[str, Any]) -> list[str]:
    lines = _table_head("name", "what it stands for")
    for name, value in values.items():
        nested = (
            value if isinstance(value, Mapping) and all(hasattr(item, "_asdict") for item in value.values()) else {}
        )
        entries = {f"{name} {part}": item for part, item in nested.items()} or {name: value}
        for entry, item in entries.items():
            lines += [f"   * - ``{entry}``", f"     - {describe(item)}"]
    return ["", *lines]


def _table_head(*titles: str) -> list[str]:
    head = [f"   {'* -' if place == 0 else '  -'} {title}" for place, title in enumerate(titles)]
    return [".. list-table::", "   :header-rows: 1", "   :widths: 1 3", "", *head]


def describe(value: Any) -> str:
    """An entry of a registry in one line of reStructuredText: a docstring's first line, or the fields that differ."""
    if inspect.isroutine(value) or inspect.isclass(value):
        return _first_line(value) or f"``{value.__qualname__}``"
    if hasattr(value, "_asdict"):
        fields = value._asdict()
    elif hasattr(value, "__dataclass_fields__"):
        fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
    else:
        return f"``{_cut(_short(value))}``"
    defaults = getattr(value, "_field_defaults", {})
    paper = fields.pop("paper", "")
    shown = ", ".join(f"{name}={_short(field)}" for name, field in fields.items() if _differs(field, defaults, name))
    return f"``{_cut(shown)}``" + (f". {escaped(paper)}" if paper else "")


def _differs(value: Any, defaults: Mapping[str, Any], name: str) -> bool:
    return value is not None and (name not in defaults or value is not defaults[name])


def _short(value: Any) -> str:
    """A value as code: functions by their names."""
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__qualname__.replace(".<locals>", "").replace("<lambda>", "lambda")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_short(item)}" for name, item in value.items()) + "}"
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return "(" + ", ".join(map(_short, value)) + ")"
    return re.sub(r"<(?:function|class) '?([\w.]+)[^>]*>", r"\1", " ".join(repr(value).split()))


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]} ..."


def _first_line(value: Any) -> str:
    return escaped((inspect.getdoc(value) or "").partition("\n")[0])


def escaped(text: str) -> str:
    """Text as reStructuredText that means no more than it says; code in backticks stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*|_\\])", r"\\\1", part) for part in parts)


def _skip(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """What a named tuple or Flax adds to a class by itself is no member to document."""
    doc = getattr(value, "__doc__", None) or ""
    return True if doc.startswith("Alias for field number") or name in ("parent", "scope") else None


def _signature(app: Sphinx, what: str, name: str, value: Any, options: Any, signature: str | None, result: str | None):
    """Of a configuration or a network its fields, by their plain types, without those that Flax adds."""
    if not (inspect.isclass(value) and is_dataclass(value)):
        return signature, result
    hints = get_type_hints(value)
    shown = []
    for field in fields(value):
        if field.name not in ("parent", "name") or not issubclass(value, nn.Module):
            default = "" if field.default is MISSING else f" = {_short(field.default)}"
            shown.append(f"{field.name}: {stringify_annotation(hints[field.name], 'smart')}{default}")
    return f"({', '.join(shown)})", result


def _arguments(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """What a tuple or a configuration holds are its arguments, too."""
    lines[:] = ["Args:" if line == "Attributes:" else line for line in lines]


def _process(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Stars and bars of formulas are no markup."""
    in_example = False
    for place, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example:
            parts = re.split(r"(`[^`]*`)", line)
            lines[place] = "".join(part if part[:1] == "`" else _MARKUP.sub(r"\\\1", part) for part in parts)


def _unlink(app: Sphinx, doctree: nodes.document) -> None:
    """Types of other libraries in signatures are text: to look for a page of each would take most of a build."""
    for reference in list(doctree.findall(pending_xref)):
        if reference.get("refdomain") == "py" and not reference.get("reftarget", "").startswith("gan_jax."):
            reference.replace_self(reference.children)


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name that no page documents."""
    known = env.domains.python_domain.objects
    rooms = (module.name for module in iter_modules(gan_jax.__path__, "gan_jax."))
    for room in rooms:
        if room.rpartition(".")[2] not in UNDOCUMENTED:
            for module, names in documented(room).items():
                for name in names:
                    if f"{module.__name__}.{name}" not in known:
                        logger.warning("no page of docs/reference documents %s.%s", module.__name__, name)


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_directive("reference", Reference)
    app.add_directive("exported", Exported)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _arguments, priority=400)  # before napoleon's sections
    app.connect("autodoc-process-docstring", _process, priority=600)  # after napoleon's sections
    app.connect("env-check-consistency", _check)
    app.connect("doctree-read", _unlink)
    app.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True}
