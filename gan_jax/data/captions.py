"""Captions of the pictures of a folder: lines of JSON as the Hugging Face hub has them, or a text beside each."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from gan_jax.errors import InputError, one_line

__all__ = ["METADATA", "find_captions"]

METADATA = "metadata.jsonl"
"""The file of a folder that says a caption of each picture: `{"file_name": "0.png", "text": "a cat"}` a line."""


def find_captions(folders: Sequence[Path], files: Sequence[Path]) -> list[str] | None:
    """Return the caption of each picture, or None where no folder says any.

    They are in a folder's `metadata.jsonl`, which names pictures by their path from there, or in `name.txt` beside
    `name.png`. A text whose name is in capitals, as LICENSE.txt, is no caption.

    Args:
      folders: that may hold a `metadata.jsonl`.
      files: the pictures, in these folders and below.

    Raises:
      InputError: a picture has no caption, or an empty one, or a caption no picture; the message names the file.
    """
    lists = [folder / METADATA for folder in folders if (folder / METADATA).is_file()]
    texts = [] if lists else _texts(files)
    if not lists and not texts:
        return None
    said: dict[Path, str] = {}
    for file in lists:
        said |= _read_lines(file)
    for text in texts:
        said[text.with_suffix("")] = _read_text(text)
    pictures = files if lists else [file.with_suffix("") for file in files]
    _check(said, pictures, files, where=str(lists[0]) if lists else "NAME.txt")
    return [said[picture] for picture in pictures]


def _texts(files: Sequence[Path]) -> list[Path]:
    """The texts beside pictures, all of them if any is of the name of one."""
    stems = {file.with_suffix("") for file in files}
    found = [text for folder in sorted({file.parent for file in files}) for text in sorted(folder.glob("*.txt"))]
    found = [text for text in found if not text.stem.isupper()]
    return found if any(text.with_suffix("") in stems for text in found) else []


def _read_lines(file: Path) -> dict[Path, str]:
    said: dict[Path, str] = {}
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({one_line(error)})") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name, text = row["file_name"], row["text"]
            if not (isinstance(name, str) and isinstance(text, str)):
                raise TypeError("file_name and text must be strings")
        except (ValueError, KeyError, TypeError) as error:
            expected = '{"file_name": "0.png", "text": "a cat"}'
            raise InputError(f"{file}: line {number} is not as {expected} ({one_line(error)})") from None
        if file.parent / name in said:
            raise InputError(f"{file}: line {number} is of {name} again; give one line for each picture")
        said[file.parent / name] = text
    if not said:
        raise InputError(f"{file}: holds no captions; give a line for each picture, or remove it")
    return said


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({one_line(error)})") from None


def _check(said: Mapping[Path, str], pictures: Sequence[Path], files: Sequence[Path], where: str) -> None:
    """Raise unless each picture has one caption, and each caption one picture."""
    if len({*pictures}) < len(pictures):
        twice = next(file for picture, file in zip(pictures, files, strict=True) if pictures.count(picture) > 1)
        raise InputError(f"{twice}: another picture has its name, and with it its caption; rename one")
    missing = [file for picture, file in zip(pictures, files, strict=True) if picture not in said]
    if missing:
        reason = f"{len(missing)} of {len(files)} pictures have no caption in {where}, the first is {missing[0]}"
        raise InputError(f"{reason}; add them, or remove the pictures")
    unseen = sorted(said.keys() - {*pictures})
    if unseen:
        raise InputError(f"{unseen[0]}: has a caption in {where} and no picture; add it, or remove the caption")
    empty = [file for picture, file in zip(pictures, files, strict=True) if not said[picture].strip()]
    if empty:
        raise InputError(f"{empty[0]}: its caption in {where} is empty; write one, or remove the picture")
