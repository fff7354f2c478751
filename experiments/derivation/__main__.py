"""The whole derivation, in order: `python experiments/derivation` makes all that docs/derivation.md shows."""

from pathlib import Path

from gallery import publish

if __name__ == "__main__":
    publish(*sorted(Path(__file__).parent.glob("[0-9]*.py")))
