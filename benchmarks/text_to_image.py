"""What docs/text_to_image.md says and shows: measured and drawn of trained runs.

    python -m benchmarks.text_to_image NAME [--runs runs] [--out docs/text_to_image]

NAME is `autoencoder`, `latent`, `unclip`, `emoji`, `control`, `digits_crops` or `mnist_crops`; the runs are those of
`captioned_digits_*`, `emoji_*`, `discs_*` and `*_crops`. Prints a line of JSON, and writes a picture.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from gan_jax import Run, load
from gan_jax.data import read
from gan_jax.data.captioned_digits import DIGITS
from gan_jax.data.crops import centers, cropped
from gan_jax.data.discs import overlap, read_discs
from gan_jax.data.images import preprocess
from gan_jax.evaluation.features import FEATURES
from gan_jax.evaluation.features.extract import extract
from gan_jax.figures.grid import grid, save_png
from gan_jax.figures.palette import BLUE, VERMILION
from gan_jax.files import atomic_write
from gan_jax.scores.frechet import frechet_distance
from gan_jax.systems.autoencoder.system import psnr

EACH = 50  # samples of each class, or of each crop


AUTOENCODERS = {
    "no critic": "_alone",
    "r1": "",
    "wgan_gp": "_wgan_gp",
    "wgan_lp": "_wgan_lp",
}
"""What ends the names of the runs of `captioned_digits_autoencoder`, by the critic's penalty."""


def unclip(runs: Path, out: Path) -> dict[str, float]:
    """Read the digits of images of captions that DALL-E 2's two stages draw."""
    return _drawn_of_captions(load(runs / "captioned_digits_decoder"), out / "unclip.png")


def latent(runs: Path, out: Path) -> dict[str, float]:
    """Read the digits of images of captions that latent diffusion draws."""
    return _drawn_of_captions(load(runs / "captioned_digits_latent_diffusion"), out / "latent.png")


def autoencoder(runs: Path, out: Path) -> dict[str, list[float]]:
    """Compare held-out digits with their reconstructions: PSNR and Fréchet distance, without a critic and with one."""
    images = read("captioned_digits").held_out.batch(slice(None))["sample"]
    real, found, rows = _features(images), {}, [images[:10]]
    for name, end in AUTOENCODERS.items():
        run = load(runs / f"captioned_digits_autoencoder{end}")
        made = run.sample(len(images), condition={"sample": images})
        distance = float(frechet_distance(real=real, fake=_features(made)))
        found[name] = [round(float(psnr(preprocess(images), preprocess(made)).mean()), 2), round(distance, 3)]
        rows.append(made[:10])
    save_png(out / "autoencoder.png", grid(np.concatenate(rows), 10), shortest_side=220)
    return found


def _drawn_of_captions(run: Run, file: Path) -> dict[str, float]:
    """Read the digits of images of "a zero", "a one", ..., and of held-out captions; draw some."""
    words = np.repeat(DIGITS, EACH)
    plain = [f"{'an' if word == 'eight' else 'a'} {word}" for word in words]
    images = run.sample(len(plain), condition={"tokens": run.vocabulary(plain)})
    right = (_digits(images) == np.repeat(np.arange(10), EACH)).mean()

    shown = ["a thin {}, leaning left", "a thick {}", "a {}, leaning right"]
    captions = [template.format(word) for template in shown for word in DIGITS]
    pictures = run.sample(len(captions), condition={"tokens": run.vocabulary(captions)})
    save_png(file, grid(pictures, 10), shortest_side=180)

    # Captions as the data have them, of images that nothing was trained on.
    held_out = read("captioned_digits").held_out.batch(slice(None))
    images = run.sample(len(held_out["label"]), seed=1, condition={"tokens": held_out["tokens"]})
    return {
        "class": float(right),
        "of": len(plain),
        "held_out_class": float((_digits(images) == held_out["label"]).mean()),
        "held_out_of": len(held_out["label"]),
    }


def emoji(runs: Path, out: Path) -> dict[str, Any]:
    """Compare held-out emoji with their reconstructions, and draw some of their names and of learned names."""
    encoder, drawer = (load(runs / f"emoji_{name}") for name in ("autoencoder", "latent_diffusion"))
    data = read("emoji")
    images = data.held_out.batch(slice(None))["sample"]
    made = encoder.sample(len(images), condition={"sample": images})
    held_out, learned = (
        source.batch(np.linspace(0, len(source) - 1, 10, dtype=int)) for source in (data.held_out, data.train)
    )
    tokens = np.concatenate([held_out["tokens"], learned["tokens"]])
    drawn = drawer.sample(len(tokens), condition={"tokens": tokens})
    shown = np.linspace(0, len(images) - 1, 10, dtype=int)
    rows = [images[shown], made[shown], drawn[:10], learned["sample"], drawn[10:]]
    save_png(out / "emoji.png", grid(np.concatenate([row[::2] for row in rows]), 5))
    distance = frechet_distance(real=_features(images, "efficientnet"), fake=_features(made, "efficientnet"))
    return {
        "psnr": float(psnr(preprocess(images), preprocess(made)).mean()),
        "frechet": float(distance),
        "names": drawer.vocabulary.captions(tokens[::2]),
    }


def control(runs: Path, out: Path) -> dict[str, float]:
    """Compare what is drawn of held-out outlines with the discs that they are of."""
    run, held_out = load(runs / "discs_control"), read_discs().held_out
    batch = held_out.batch(slice(0, 200))
    images = run.sample(200, condition={"hint": batch["hint"]})
    found = overlap(images, batch["sample"])
    unseen = load(runs / "discs_diffusion").sample(200)
    rows = [np.repeat(batch["hint"][:10], 3, axis=3), images[:10], batch["sample"][:10]]
    save_png(out / "control.png", grid(np.concatenate(rows), 10), shortest_side=180)
    return {
        "overlap": float(found.mean()),
        "least": float(found.min()),
        "base": float(overlap(unseen, batch["sample"]).mean()),
    }


def crops(name: str, most: int, runs: Path, out: Path) -> dict[str, float]:
    """Compare the mean centers of samples of each crop with those of held-out digits cropped so."""
    run, steps = load(runs / f"{name}_crops"), range(0, most + 1, most // 3)
    asked, n = [(i, j) for i in steps for j in steps], 4 * EACH
    digits = replace(run.experiment.data, source=name).read().held_out.batch(slice(None))["sample"]
    drawn = {crop: run.sample(n, condition={"crop": np.tile(np.float32(crop), (n, 1))}) for crop in asked}
    found = np.stack([centers(drawn[crop]).mean(axis=0) for crop in asked])
    real = np.stack([centers(cropped(digits, np.tile(crop, (len(digits), 1)))).mean(axis=0) for crop in asked])
    pictures = np.concatenate([drawn[crop][:10] for crop in ((0, 0), (0, most), (most, 0), (most, most))])
    save_png(out / f"{name}_crops.png", grid(pictures, 10), shortest_side=220)
    _plot_centers(out / f"{name}_crop_centers.png", real, found)
    whole = asked.index((0, 0))
    return {
        "largest_difference": float(np.abs(found - real).max()),
        "correlation": float(np.corrcoef(found.ravel(), real.ravel())[0, 1]),
        "whole": found[whole].round(2).tolist(),
        "whole_real": real[whole].round(2).tolist(),
    }


def _features(images: np.ndarray, name: str = "digits") -> np.ndarray:
    return np.asarray(extract(FEATURES[name](None), images).vectors)


def _digits(images: np.ndarray) -> np.ndarray:
    logits = extract(FEATURES["digits"](None), images).logits
    assert logits is not None
    return np.asarray(logits).argmax(axis=1)


def _plot_centers(file: Path, real: np.ndarray, found: np.ndarray) -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
    for i, (name, color, marker) in enumerate((("rows", BLUE, "o"), ("columns", VERMILION, "^"))):
        axes.scatter(real[:, i], found[:, i], color=color, marker=marker, label=name)
    ends = [min(real.min(), found.min()), max(real.max(), found.max())]
    axes.plot(ends, ends, color="black", linewidth=0.8)
    axes.set(xlabel="mean center of real digits cropped so", ylabel="of samples of this crop", aspect="equal")
    axes.legend(frameon=False)
    with atomic_write(file) as part:
        figure.savefig(part, dpi=110)


MEASURES: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "autoencoder": autoencoder,
    "latent": latent,
    "unclip": unclip,
    "emoji": emoji,
    "control": control,
    "digits_crops": partial(crops, "digits", 3),
    "mnist_crops": partial(crops, "mnist", 9),
}


def main() -> None:
    """Measure, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=MEASURES)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=Path("docs/text_to_image"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(json.dumps({"name": options.name} | MEASURES[options.name](options.runs, options.out)))


if __name__ == "__main__":
    main()
