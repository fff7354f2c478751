"""No room imports from one that docs/architecture.md draws above it, and the mathematics needs jax alone."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gan_jax"
ROOMS = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()} - {"__init__", "__pycache__"}
PURE = ["numerics", "sharding", "losses", "divergences", "transport", "inversion"]
PURE += ["penalties", "lipschitz", "constraints", "scores"]


def drawn_rooms():
    """The rooms in the order of the drawing, from the bottom: the names that begin its lines under `gan_jax/`."""
    drawing = re.search(r"^gan_jax/\n((?:  .*\n)+)", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)[1]
    lines = re.findall(r"^  ((?:\w+(?:\.py|/) ?)+)", drawing, re.MULTILINE)
    return [re.sub(r"\W.*", "", name) for line in lines for name in line.split()]


def imports(room):
    """What a room imports, at the top of a file or within a function: (file, module) of every import."""
    path = PACKAGE / room
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno} imports relatively"
                yield from ((file, f"{node.module}.{alias.name}") for alias in node.names)


def test_every_room_is_drawn_once():
    assert sorted(drawn_rooms()) == sorted(ROOMS)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_from_rooms_below(room):
    """So there is no circle either. The package itself stands on all rooms: they take nothing of it but its version."""
    order = drawn_rooms()
    allowed = {*order[: order.index(room) + 1], "__version__"}
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file, module in imports(room)
        if re.match(r"gan_jax\b", module) and f"{module}.".split(".")[1] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("room", PURE)
def test_the_mathematics_needs_jax_alone(room):
    allowed = {"jax", "jaxtyping", "numpy", "gan_jax", *sys.stdlib_module_names}
    if room == "inversion":
        allowed.add("optax")
    wrong = [f"{file.relative_to(ROOT)} imports {m}" for file, m in imports(room) if m.split(".")[0] not in allowed]
    assert not wrong
