"""Frames as a film: GIF by Pillow, MP4 by imageio-ffmpeg."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from gan_jax.errors import InputError, RunError, one_line
from gan_jax.figures.animation import save_animation
from gan_jax.files import atomic_write
from gan_jax.types import UInt8

__all__ = ["VIDEOS", "check_video", "save_video"]

VIDEOS = (".gif", ".mp4")
"""Endings of files that hold a film."""


def check_video(path: Path) -> None:
    """Raise if what writes such a file is not installed.

    Raises:
      InputError: it is not; the message says what to install.
    """
    if path.suffix == ".mp4":
        try:
            import imageio_ffmpeg  # noqa: F401  # pyright: ignore[reportMissingImports]
        except ImportError:
            reason = 'MP4 needs imageio-ffmpeg, which is not installed; pip install "gan_jax[video]", or give a .gif'
            raise InputError(reason, field="out") from None


def save_video(path: Path, frames: Iterable[UInt8[np.ndarray, "h w 3"]], *, fps: float) -> None:
    """Write uint8 frames (H, W, 3), so many a second, as a GIF that goes round and round, or as an MP4.

    A GIF's pace is in hundredths of a second; that of an MP4 is exact, and its sides are made even.

    Raises:
      InputError: what writes such a file is not installed.
      RunError: it failed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_video(Path(folder) / "a.gif", [np.full((4, 6, 3), i, np.uint8) for i in range(3)], fps=25)
    ...     (Path(folder) / "a.gif").read_bytes()[:6]
    b'GIF89a'
    """
    check_video(path)
    if path.suffix == ".gif":
        save_animation(path, list(frames), seconds=1 / fps)
        return
    import imageio_ffmpeg  # pyright: ignore[reportMissingImports]

    even = map(_even, frames)
    first = next(even)
    try:
        with atomic_write(path) as part:
            size = first.shape[1], first.shape[0]
            # macro_block_size 1: it would otherwise stretch the picture to a multiple of 16.
            writer = imageio_ffmpeg.write_frames(str(part), size, fps=fps, quality=8, macro_block_size=1)
            with warnings.catch_warnings():  # JAX warns of a fork, which here begins another program at once
                warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
                writer.send(None)
            for frame in _chain(first, even):
                writer.send(np.ascontiguousarray(frame))
            writer.close()
    except OSError as error:
        raise RunError(f"{path}: ffmpeg failed ({one_line(error)})") from None


def _even(frame: np.ndarray) -> np.ndarray:
    """The frame with white at its right and at its bottom, where a side is odd, as the codec needs."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=255)


def _chain(first: np.ndarray, others: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from others
