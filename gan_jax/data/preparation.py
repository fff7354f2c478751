"""From images as they come to shards of images of one size: `gan-jax data`."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.data.alike import Preparation, held_out, prepare_image
from gan_jax.data.holding_out import entries
from gan_jax.data.large_arrays import available_memory
from gan_jax.data.originals import Originals
from gan_jax.data.pictures import read_picture
from gan_jax.data.records import DESCRIPTION, Shard, describe_records, is_prepared, write_shard
from gan_jax.errors import InputError
from gan_jax.files import read_json, write_json

__all__ = ["Prepared", "prepare"]

_IMAGES, _BYTES = 2000, 1 << 27  # of a shard, at most
_PLAN = "plan.json"


class Prepared(NamedTuple):
    """What has been written.

    Attributes:
      counts: samples by split.
      shape: of one.
      skipped: files that could not be read, with the reason.
    """

    counts: dict[str, int]
    shape: tuple[int, ...]
    skipped: tuple[str, ...]


def prepare(
    originals: Originals,
    folder: Path,
    how: Preparation,
    *,
    source: str,
    processes: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Prepared:
    """Write images as shards of records, some at a time by several processes, and then the description of them.

    What a broken-off call has written whole is kept by the next one of the same images and choices. Where the images
    have no splits, each is held out or not by a hash of its pixels: another image moves none of them.

    Args:
      originals: the images.
      folder: where to; made if it is not there.
      how: how they are made alike.
      source: what the description calls the images.
      processes: by default as many as there are cores.
      advance: is told how many more images are done.

    Raises:
      InputError: images cannot be read or made alike, a split would be empty, or the folder holds something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first = _first_readable(originals, how)
    size = first.nbytes + sum(array[0].nbytes for array in (originals.labels, originals.tokens) if array is not None)
    step = max(1, min(_IMAGES, _BYTES // size))
    starts = range(0, len(originals.images), step)
    plan = _plan(originals, how, step)
    _claim(folder, plan)

    done: dict[int, _Part] = {i: part for i in range(len(starts)) if (part := _read_part(folder, i))}
    for part in done.values():
        advance(part.count)
    workers = min(processes or os.cpu_count() or 1, max(1, available_memory() // (4 * step * size)))
    todo = {i: originals.part(start, start + step) for i, start in enumerate(starts) if i not in done}
    try:
        for part in _write_parts(folder, todo, how, first.shape, workers):
            done[part.number] = part
            advance(part.count)
        return _finish(folder, originals, how, source, first.shape, [done[i] for i in range(len(starts))])
    except InputError:
        shutil.rmtree(folder)  # nothing of it can be used
        raise


class _Part(NamedTuple):
    """What one process has written of the images: a shard of each split that has any."""

    number: int
    count: int
    shards: dict[str, Shard]
    skipped: list[str]


def _load(originals: Originals, i: int, how: Preparation) -> np.ndarray:
    image = originals.images[i]
    pixels = image if isinstance(image, np.ndarray) else read_picture(image)
    try:
        return prepare_image(pixels, how)
    except InputError as error:
        raise InputError(f"{originals.names[i]}: {error}") from None


def _first_readable(originals: Originals, how: Preparation) -> np.ndarray:
    for i in range(len(originals.images)):
        try:
            return _load(originals, i, how)
        except InputError:
            if not how.skip_unreadable:
                raise
    raise InputError("none of the images can be read")


def _write_parts(
    folder: Path, parts: Mapping[int, Originals], how: Preparation, shape: tuple[int, ...], workers: int
) -> Iterator[_Part]:
    """Write parts by several processes, or by this one, and yield each as it is done."""
    if workers == 1 or len(parts) < 2:
        yield from (_write_part(folder, number, part, how, shape) for number, part in parts.items())
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_write_part, folder, number, part, how, shape) for number, part in parts.items()]
        try:
            yield from (future.result() for future in as_completed(futures))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_part(folder: Path, number: int, part: Originals, how: Preparation, shape: tuple[int, ...]) -> _Part:
    """Prepare some of the images and write them as shards; run by a process of its own."""
    samples: dict[str, list[np.ndarray]] = {"train": [], "held_out": []}
    rows: dict[str, list[int]] = {"train": [], "held_out": []}
    skipped = []
    for i, name in enumerate(part.names):
        try:
            image = _load(part, i, how)
        except InputError as error:
            skipped.append(str(error))
            continue
        if image.shape != shape:
            found, wanted = (f"{s[1]}x{s[0]} {'gray' if s[2] == 1 else 'color'}" for s in (image.shape, shape))
            choice = "--color rgb or gray" if image.shape[:2] == shape[:2] else "--size"
            raise InputError(f"{name}: is {found}, the first is {wanted}; give {choice} to make them alike")
        split = part.splits[i] if part.splits else ("held_out" if held_out(image) else "train")
        samples[split].append(image)
        rows[split].append(i)
    shards = {}
    for split, images in samples.items():
        if images:
            beside = (None if array is None else array[rows[split]] for array in (part.labels, part.tokens))
            arrays = entries(np.stack(images), *beside)
            shards[split] = write_shard(folder / f"{split}-{number:05d}.array_record", arrays)
    found = _Part(number, len(part.names), shards, skipped)
    write_json(_part_file(folder, number), found._asdict() | {"shards": {k: v._asdict() for k, v in shards.items()}})
    return found


def _finish(
    folder: Path, originals: Originals, how: Preparation, source: str, shape: tuple[int, ...], parts: Sequence[_Part]
) -> Prepared:
    skipped = [reason for part in parts for reason in part.skipped]
    if skipped and not how.skip_unreadable:
        more = f"{len(skipped)} images cannot be used: {'; '.join(skipped[:3])}{'; ...' * (len(skipped) > 3)}"
        raise InputError(f"{more}; mend or remove them, or leave them out by --skip-unreadable")
    splits = {split: [part.shards[split] for part in parts if split in part.shards] for split in ("train", "held_out")}
    counts = {split: sum(shard.count for shard in shards) for split, shards in splits.items()}
    if not all(counts.values()):
        raise InputError(f"{sum(counts.values())} images are too few to hold any out; give more")
    spec = {"sample": jax.ShapeDtypeStruct(shape, np.uint8)}
    if originals.labels is not None:
        spec["label"] = jax.ShapeDtypeStruct((), np.int32)
    if originals.tokens is not None:
        spec["tokens"] = jax.ShapeDtypeStruct(originals.tokens.shape[1:], np.int32)
    choices = asdict(how) | {"hold_out": "given" if originals.splits else "one in five, by SHA-256 of the pixels"}
    description = describe_records(spec, originals.classes, splits, originals.vocabulary) | {
        "counts": counts,
        "source": source,
        "preparation": choices,
        "left_out": list(originals.left_out),
        "skipped": skipped,
    }
    write_json(folder / DESCRIPTION, description)
    for part in parts:
        _part_file(folder, part.number).unlink()
    (folder / _PLAN).unlink()
    return Prepared(counts, shape, tuple(skipped))


def _plan(originals: Originals, how: Preparation, step: int) -> dict[str, Any]:
    """What a broken-off call must have had in common with this one."""
    total = hashlib.sha256()
    for i, name in enumerate(originals.names):
        image = originals.images[i]
        if isinstance(image, np.ndarray):
            total.update(hashlib.sha256(np.ascontiguousarray(image).data).digest())
        else:
            found = image.stat()
            total.update(f"{name} {found.st_size} {found.st_mtime_ns} ".encode())
    arrays = (None if array is None else array.tolist() for array in (originals.labels, originals.tokens))
    for part in (originals.splits, originals.classes, originals.vocabulary, *arrays):
        total.update(repr(part).encode())
    return {"images": total.hexdigest(), "preparation": [str(value) for value in asdict(how).values()], "step": step}


def _claim(folder: Path, plan: dict[str, Any]) -> None:
    """Raise if the folder holds anything but what a broken-off call of the same plan has written."""
    if is_prepared(folder):
        raise InputError(f"{folder} holds prepared data; give another folder", field="out")
    file = folder / _PLAN
    if file.exists():
        if read_json(file) != plan:
            raise InputError(f"{folder} holds a part of other data, or of other choices; remove it", field="out")
    elif any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; give another folder", field="out")
    write_json(file, plan)


def _part_file(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05d}.json"


def _read_part(folder: Path, number: int) -> _Part | None:
    """What a broken-off call has written whole."""
    file = _part_file(folder, number)
    if not file.exists():
        return None
    found = read_json(file)
    return _Part(**found | {"shards": {split: Shard(**shard) for split, shard in found["shards"].items()}})
