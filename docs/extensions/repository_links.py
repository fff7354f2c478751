"""Links of the pages to files of the repository lead to it: the pages are read there, too."""

import re
import sys
from inspect import getsourcefile, getsourcelines, unwrap
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

REPOSITORY = "https://github.com/gan-jax/gan_jax/blob/main"
_ROOT = Path(__file__).parents[2]
_LINK = re.compile(r'(\]\(|src=")(?!https?:|#|mailto:)([^)#"\s]+)')


def link(document: Path, text: str) -> str:
    """Point links at files outside of the site to the repository."""

    def found(match: re.Match[str]) -> str:
        target = (document.parent / match[2]).resolve()
        inside = target.is_relative_to(_ROOT / "docs") and target.is_file()
        return match[0] if inside else f"{match[1]}{REPOSITORY}/{target.relative_to(_ROOT)}"

    return _LINK.sub(found, text)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    file = Path(app.env.doc2path(name))
    if file.suffix == ".md":
        source[0] = link(file, source[0])


def _include(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    """A page that includes a file of the repository's root: links to pages are pages' links there."""
    content[0] = link(_ROOT / path.name, content[0]).replace("](docs/", "](")


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where in the repository an object is defined."""
    value: Any = sys.modules.get(info["module"])
    for part in info["fullname"].split("."):
        value = getattr(value, part, None)
    try:
        value = unwrap(value)
        file = Path(getsourcefile(value) or "")
        return f"{REPOSITORY}/{file.relative_to(_ROOT)}#L{getsourcelines(value)[1]}"
    except (TypeError, OSError, ValueError):
        return None


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("source-read", _read)
    app.connect("include-read", _include)
    app.config.linkcode_resolve = linkcode_resolve
    return {"parallel_read_safe": True}
