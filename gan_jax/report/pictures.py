"""The pictures of a run's report, which holds them itself."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax.figures.samples import grid

_MOST = 12  # pictures over time
_WIDE = 700  # that a picture is enlarged to at most, by a whole factor
_WIDEST = 1200
_LARGE = 120_000  # bytes of a picture that is better kept with losses


def film(files: Sequence[Path]) -> str:
    """Show the newest of the pictures `step_*.png`, and by a slider some of those before it."""
    if not files:
        return ""
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, min(len(files), _MOST)).round().astype(int)]
    steps = [f"{int(file.stem.removeprefix('step_')):,}" for file in chosen]
    pictures = []
    for file, step in zip(chosen, steps, strict=True):
        with Image.open(file) as image:
            attributes = f'data-iteration="{step}"' + " hidden" * (file != chosen[-1])
            pictures.append(_show(_shrunk(image), f"Samples at iteration {step}", attributes))
    last = len(chosen) - 1
    return (
        f'<figure class="film pixels"><div>\n{"".join(pictures)}</div>\n<figcaption>'
        f'<label for="time">iteration</label><output for="time">{steps[-1]}</output>'
        f'<input type="range" id="time" min="0" max="{last}" value="{last}" hidden></figcaption></figure>'
    )


def paths(images: np.ndarray | None) -> str:
    """Show images (paths, steps, H, W, C), a row for each path; nothing where there are none."""
    if images is None or not images.size:
        return ""
    rows, columns, *shape = images.shape
    picture = grid(images.reshape(-1, *shape), columns)
    image = Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)
    label = f"{rows} paths through the latent space, {columns} samples along each"
    return f'<figure class="pixels">{_show(image, label)}</figure>'


def _show(image: Image.Image, label: str, attributes: str = "") -> str:
    if image.width > _WIDEST:
        image = image.resize((_WIDEST, round(image.height * _WIDEST / image.width)), Image.Resampling.LANCZOS)
    kind, data = "png", _encoded(image, "PNG", optimize=True)
    if len(data) > _LARGE and image.mode in ("L", "RGB"):
        kind, data = "jpeg", _encoded(image, "JPEG", quality=88, subsampling=0)
    factor = max(1, _WIDE // image.width)
    size = f'width="{factor * image.width}" height="{factor * image.height}"'
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    coarse = ' class="coarse"' * (factor > 2)
    return f'<img alt="{escape(label)}"{coarse} {size} {attributes} src="{source}">\n'


def _encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _shrunk(image: Image.Image) -> Image.Image:
    """Undo the enlargement of a picture of small images: a browser enlarges as well, and its file is smaller."""
    pixels = np.asarray(image)
    for factor in range(16, 1, -1):
        small = pixels[::factor, ::factor]
        enlarged = small.repeat(factor, axis=0).repeat(factor, axis=1)
        if enlarged.shape == pixels.shape and (enlarged == pixels).all():
            return Image.fromarray(small)
    return image.copy()
