"""The house stands as docs/architecture.md draws it: a room imports from its floor and those below."""

import ast
import sys
from pathlib import Path

import pytest

import gan_jax

PACKAGE = Path(gan_jax.__file__).parent
FLOORS = (
    ("types", "errors", "numerics", "files", "config", "settings", "schedules"),
    ("sharding",),
    (
        "losses",
        "contrastive",
        "divergences",
        "transport",
        "inversion",
        "invariance",
        "penalties",
        "constraints",
        "scores",
        "variational",
    ),
    ("augment", "diffusion"),
    ("lipschitz",),
    ("networks",),
    ("data", "dream", "tokenizer", "weights"),
    ("text_to_image",),
    ("systems",),
    ("training",),
    ("evaluation",),
    ("figures",),
    ("runs",),
    ("report",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
PURE = ("numerics", "sharding", "losses", "contrastive", "invariance", "divergences", "transport", "lipschitz")
PURE += ("penalties", "constraints", "scores", "augment", "diffusion", "variational")
MODULES = {
    ".".join(("gan_jax", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): file
    for file in sorted(PACKAGE.rglob("*.py"))
}


def imports(file, everywhere=False):
    """Modules that a file imports; those that only types need are left out."""
    tree = ast.parse(file.read_text())
    nodes = ast.walk(tree) if everywhere else tree.body
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def room(module):
    return module.split(".")[1] if module.startswith("gan_jax.") else None


@pytest.mark.parametrize("module", [module for module in MODULES if room(module)])
def test_a_room_imports_from_no_floor_above(module):
    own = room(module)
    for imported in imports(MODULES[module], everywhere=True):
        other = room(imported)
        if other and other != own:
            assert FLOOR[other] <= FLOOR[own], f"{module} imports {imported}"


def test_modules_import_each_other_in_no_circle():
    graph = {
        module: {name for name in imports(file) if name in MODULES and name != "gan_jax"}
        for module, file in MODULES.items()
    }
    done, path = set(), []

    def visit(module):
        assert module not in path, f"a circle: {' -> '.join([*path[path.index(module) :], module])}"
        if module not in done:
            path.append(module)
            for imported in sorted(graph[module]):
                visit(imported)
            done.add(path.pop())

    for module in graph:
        visit(module)


def test_pure_mathematics_imports_jax_alone():
    allowed = {"gan_jax", "jax", "jaxtyping", "numpy", *sys.stdlib_module_names}
    for module, file in MODULES.items():
        if room(module) in PURE:
            assert {name.partition(".")[0] for name in imports(file, everywhere=True)} <= allowed, module


def test_the_drawing_has_every_room():
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    rooms = {file.stem for file in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert FLOOR.keys() == rooms - {"__init__"}
    for name in rooms - {"__init__"}:
        assert f"  {name}/" in text or f"{name}.py" in text, name
