"""Every room of the package has its page in the reference, which documents all public names in it."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import gan_jax

DOCS = Path(__file__).parents[2] / "docs"
BY_THEIR_HELP = {"gan_jax.__main__", "gan_jax.cli", "gan_jax.commands"}


def test_every_room_has_a_page():
    pages = "".join(page.read_text() for page in (DOCS / "reference").glob("*.rst"))
    named = re.findall(r"^\.\. reference:: ([\w.]+)$", pages, flags=re.MULTILINE)
    assert len(named) == len({*named})
    rooms = {module.name for module in iter_modules(gan_jax.__path__, "gan_jax.")} - BY_THEIR_HELP
    within = {room for room in named if room not in rooms}
    assert rooms == {*named} - within, "name each room in a page of docs/reference"
    assert all(room.rpartition(".")[0] in {*named} for room in within)


def test_every_public_name_is_documented(monkeypatch):
    """By the generator of the pages, whose build warns of what it has left out."""
    pytest.importorskip("docutils", reason='the site\'s packages are not installed: pip install -e ".[docs]"')
    monkeypatch.syspath_prepend(str(DOCS / "extensions"))
    reference = import_module("reference")
    for room in ("gan_jax.losses", "gan_jax.penalties", "gan_jax.scores"):
        found = reference.documented(room)
        public = {
            id(getattr(module, name)): name for module in reference.public_modules(room) for name in module.__all__
        }
        shown = {id(getattr(module, name)) for module, names in found.items() for name in names}
        assert shown >= public.keys(), [public[key] for key in public.keys() - shown]
