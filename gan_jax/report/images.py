"""The images of a run's report, within its page."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from gan_jax.figures.grid import grid
from gan_jax.figures.samples import save_samples
from gan_jax.types import Float, UInt8

__all__ = ["interpolation_figure", "samples_figure"]

_Samples = UInt8[np.ndarray, "n h w c"] | Float[np.ndarray, "n d"]

_MAX_ITERATIONS = 12
_ENLARGED_WIDTH = 520  # that an image is enlarged to at most, by a whole factor
_MAX_WIDTH = 1200
_MAX_PNG = 120_000  # bytes; a larger image becomes a JPEG


def samples_figure(files: Sequence[Path], real: _Samples | None, modes: np.ndarray | None, name: str) -> str:
    """Return HTML of the files `step_ITERATION.png`: the last, and some of those before it by a slider.

    Beside it are real samples, uint8 (N, H, W, C) or float32 points (N, D), whose distribution's modes may be known.
    The name is that of the slider, of which a page may have several. Empty if there are no files.
    """
    if not files:
        return ""
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, min(len(files), _MAX_ITERATIONS)).round().astype(int)]
    steps = [f"{int(file.stem.removeprefix('step_')):,}" for file in chosen]
    images = []
    for file, step in zip(chosen, steps, strict=True):
        with Image.open(file) as image:
            attributes = f'data-iteration="{step}"' + " hidden" * (file != chosen[-1])
            images.append(_img(_shrunk(image), f"Samples at iteration {step}", attributes))
    last, slider = len(chosen) - 1, f"{name}time"
    beside = "" if real is None else f"<div><p>real data</p>\n{_img(_picture(real, modes), 'Real data')}</div>\n"
    return (
        f'<figure class="film pixels"><div><p>drawn</p>\n{"".join(images)}</div>\n{beside}<figcaption>'
        f'<label for="{slider}">iteration</label><output for="{slider}">{steps[-1]}</output>'
        f'<input type="range" id="{slider}" min="0" max="{last}" value="{last}" hidden></figcaption></figure>'
    )


def _picture(samples: _Samples, modes: np.ndarray | None) -> Image.Image:
    """Samples as the files show them."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "real.png"
        save_samples(file, samples, modes=modes)
        with Image.open(file) as image:
            return _shrunk(image)


def interpolation_figure(images: UInt8[np.ndarray, "paths steps h w c"] | None) -> str:
    """Return HTML of uint8 images (paths, steps, H, W, C), a row for each path; empty if there are none."""
    if images is None or not images.size:
        return ""
    rows, columns, *shape = images.shape
    pixels = grid(images.reshape(-1, *shape), columns)
    image = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    label = f"{rows} paths through the latent space, {columns} samples along each"
    return f'<figure class="pixels">{_img(image, label)}</figure>'


def _img(image: Image.Image, label: str, attributes: str = "") -> str:
    """An element with the image as data, of a size that suits a page."""
    if image.width > _MAX_WIDTH:
        image = image.resize((_MAX_WIDTH, round(image.height * _MAX_WIDTH / image.width)), Image.Resampling.LANCZOS)
    kind, data = "png", _encoded(image, "PNG", optimize=True)
    if len(data) > _MAX_PNG and image.mode in ("L", "RGB"):
        kind, data = "jpeg", _encoded(image, "JPEG", quality=88, subsampling=0)
    factor = max(1, _ENLARGED_WIDTH // image.width)
    size = f'width="{factor * image.width}" height="{factor * image.height}"'
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    coarse = ' class="coarse"' * (factor > 2)
    return f'<img alt="{escape(label)}"{coarse} {size} {attributes} src="{source}">\n'


def _encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _shrunk(image: Image.Image) -> Image.Image:
    """Undo the enlargement of small images, whose file is smaller: the browser enlarges them."""
    pixels = np.asarray(image)
    for factor in range(16, 1, -1):
        small = pixels[::factor, ::factor]
        enlarged = small.repeat(factor, axis=0).repeat(factor, axis=1)
        if enlarged.shape == pixels.shape and (enlarged == pixels).all():
            return Image.fromarray(small)
    return image.copy()
