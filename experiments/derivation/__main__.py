"""The whole derivation, in order: `python experiments/derivation` makes every picture and figure of docs/derivation.md."""

from pathlib import Path

from gallery import publish

if __name__ == "__main__":
    publish(*sorted(Path(__file__).parent.glob("[0-9]*.py")))
