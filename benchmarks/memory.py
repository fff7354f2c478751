"""Peak memory of a training step by image size, batch and micro-batch, before a step is taken.

`python -m benchmarks.memory --network dcgan r3gan unet --json rows.json` compiles each and asks what it needs; nothing
is run. Numbers are of the platform that it runs on: on a CPU convolutions are matrix products, of other sizes.
"""

import argparse
from math import log2
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from gan_jax import GAN, CriticConfig, DenoiserConfig, Diffusion, GeneratorConfig
from gan_jax.files import write_json
from gan_jax.training.devices import SINGLE_DEVICE
from gan_jax.training.loop import peak_bytes

WIDTH, MAX_WIDTH = 32, 256
_TO = 4  # pixels of the smallest image


def _adversarial(name: str, size: dict[str, int], **game: Any) -> Any:
    def config(side: int, micro_batch: int | None) -> GAN:
        given = size | {"depth": int(log2(side // _TO))}
        networks = {"generator": GeneratorConfig(name, **given), "critic": CriticConfig(name, **given)}
        return GAN(**networks, critic_steps=1, micro_batch=micro_batch, **game)

    return config


def _denoising(side: int, micro_batch: int | None) -> Diffusion:
    features = tuple(min(WIDTH * 2**stage, MAX_WIDTH) for stage in range(int(log2(side // 8))))
    return Diffusion(network=DenoiserConfig("unet", features=features, blocks=2), micro_batch=micro_batch)


NETWORKS = {
    "dcgan": _adversarial("dcgan", {"width": WIDTH // 2}, penalty="wgan_gp"),
    "r3gan": _adversarial("r3gan", {"width": WIDTH, "max_width": MAX_WIDTH}, loss="relativistic", penalty="r1_r2"),
    "unet": _denoising,
}
"""Functions `(side, micro_batch) -> configuration` by the name of the networks."""


def taken(name: str, side: int, batch: int, micro_batch: int | None) -> int:
    """Return the peak of memory of one update, bytes: arguments, results, and what it needs between them."""
    spec = {"sample": jax.ShapeDtypeStruct((side, side, 3), jnp.float32)}
    system = NETWORKS[name](side, micro_batch).build(spec, batch_size=batch, trains=False)
    key = jax.random.key(0)
    state = jax.eval_shape(lambda: system.init(key, spec))
    given = {"sample": jax.ShapeDtypeStruct((system.counts["images"], side, side, 3), jnp.float32)}
    return peak_bytes(SINGLE_DEVICE.compile(system.update, state, key, given))


def main() -> None:
    """Parse the command line, compile, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--side", nargs="+", type=int, default=[32, 64, 128, 256], help="pixels")
    parser.add_argument("--batch", nargs="+", type=int, default=[16, 64])
    parser.add_argument("--micro-batch", nargs="+", type=int, default=[4], help="beside the whole batch")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()

    console, rows = Console(), []
    with console.status("compiling") as status:
        for name in options.network:
            for side in options.side:
                for batch in options.batch:
                    for micro_batch in (None, *options.micro_batch):
                        status.update(f"compiling {name}, {side}x{side}, batch {batch}")
                        row = {"network": name, "side": side, "batch": batch, "micro_batch": micro_batch}
                        rows.append(row | {"bytes": taken(name, side, batch, micro_batch)})
                        if options.json:
                            write_json(options.json, rows)

    table = Table("network", "side", "batch", "micro-batch", "MB")
    for row in rows:
        name, side, batch, micro_batch, size = row.values()
        table.add_row(name, str(side), str(batch), str(micro_batch or "whole"), f"{size / 1e6:,.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
