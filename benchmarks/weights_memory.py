"""Memory and time to read public weights: folders of the public sizes, of random numbers, written and read here.

    python benchmarks/weights_memory.py NETWORK [--dtype float16] [--folder FOLDER]

NETWORK is `sd15`, `sdxl` (U-Nets) or `clip_l` (a text tower, whose embedding is a third of it). Prints a line of JSON:
the file's size, the peak of memory above what importing the package takes, and seconds; the folder is removed.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

UNET = {
    "_class_name": "UNet2DConditionModel",
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}
CONFIGS = {
    "sd15": UNET | {"cross_attention_dim": 768},
    "sdxl": UNET
    | {
        "block_out_channels": [320, 640, 1280],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "attention_head_dim": [5, 10, 20],
        "transformer_layers_per_block": [1, 2, 10],
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    "clip_l": {
        "architectures": ["CLIPTextModel"],
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_attention_heads": 12,
    },
}
# From our names to the public ones.
PUBLIC = (
    (r"(blocks|resnets|attentions|downsamplers|upsamplers|layers)_(\d+)", r"\1.\2"),
    (r"\.to_out\.", ".to_out.0."),
    (r"\.ff_in\.", ".ff.net.0.proj."),
    (r"\.ff_out\.", ".ff.net.2."),
    (r"^layers\.", "encoder.layers."),
    (r"\.([qkv]|out)_proj\.", r".self_attn.\1_proj."),
    (r"\.(fc[12])\.", r".mlp.\1."),
    (r"^(token|position)_embedding\.", r"embeddings.\1_embedding."),
    (r"\.(kernel|scale|embedding)$", ".weight"),
)


def write(network: str, dtype: str, folder: Path) -> Path:
    """Write a folder as `save_pretrained` does, tensor by tensor."""
    import jax
    import numpy as np
    from flax.traverse_util import flatten_dict

    from gan_jax.weights import NETWORKS

    config = CONFIGS[network]
    kind = NETWORKS[config.get("_class_name") or config["architectures"][0]]
    module = kind.module(kind.config.from_config(config))
    inputs, by_name = module.example_inputs()
    leaves = flatten_dict(jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, **by_name)))
    header, end = {}, 0
    for path, leaf in sorted(leaves.items()):
        name, shape = ".".join(path[1:]), leaf.shape
        shape = (shape[3], shape[2], shape[0], shape[1]) if len(shape) == 4 else shape
        shape = shape[::-1] if name.endswith("kernel") and len(shape) == 2 else shape
        for pattern, to in PUBLIC:
            name = re.sub(pattern, to, name)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        header[name] = {"dtype": f"F{8 * np.dtype(dtype).itemsize}", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    file = folder / ("model.safetensors" if network == "clip_l" else "diffusion_pytorch_model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    random = np.random.default_rng(0)
    with file.open("wb") as stream:
        text = json.dumps(header).encode()
        stream.write(len(text).to_bytes(8, "little") + text)
        for entry in header.values():
            start, stop = entry["data_offsets"]
            numbers = random.standard_normal((stop - start) // np.dtype(dtype).itemsize, np.float32)
            stream.write(numbers.astype(dtype).tobytes())
    return file


def peak() -> int:
    """The most memory that this process has had, in bytes; Linux alone says it without what its parent had."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def measure(folder: Path) -> dict[str, float]:
    """Read a folder in this process, which does nothing else."""
    import jax

    import gan_jax

    (jax.numpy.ones(8) + 1).block_until_ready()
    _ = gan_jax.weights.load
    before, start = peak(), time.perf_counter()
    _, params = gan_jax.weights.load(folder)
    jax.block_until_ready(params)
    return {"seconds": round(time.perf_counter() - start, 1), "before": before, "peak": peak()}


def main() -> None:
    """Write, and read in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=CONFIGS)
    parser.add_argument("--dtype", default="float16", choices=["float16", "float32"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.folder)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        size = write(options.network, options.dtype, Path(name)).stat().st_size
        command = [sys.executable, __file__, options.network, "--measure", "--folder", name]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    above = found["peak"] - found["before"]
    print(json.dumps({"network": options.network, "file": size, "above": above, "ratio": above / size} | found))


if __name__ == "__main__":
    main()
