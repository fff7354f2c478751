"""Writes pytorch_reference.json: penalties and their gradients by a critic's parameters, as PyTorch computes them.

    python tests/penalties/pytorch_reference.py

needs PyTorch; the test that reads the file does not. The critic, `tanh(x w + b) v + c` in float64, the samples and
whatever is random in the points are in the file too. Values are per sample, before the weight; gradients are those of
their mean. The formulas are the papers', written anew: nothing of gan_jax is imported.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")
N, D, WIDTH = 4, 2, 4


def inputs():
    """Arrays that fit on few digits; the critic is steep enough for slopes on both sides of 1."""
    random = np.random.default_rng(0)

    def normal(*shape):
        return random.normal(size=shape).round(3)

    params = {"w": normal(D, WIDTH), "b": normal(WIDTH), "v": normal(WIDTH), "c": normal()}
    real, fake = normal(N, D), normal(N, D)
    weights, noise = random.uniform(size=(N, 1)).round(3), random.uniform(size=(N, D)).round(3)
    ways = random.uniform(size=(N, 1)).round(3)
    points = {
        "interpolated": weights * real + (1 - weights) * fake,
        "around_real": real + ways * 0.5 * real.std() * noise,
    }
    return params, real, fake, points


def main():
    """Compute and write."""
    import torch

    params, real, fake, points = inputs()
    leaves = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in params.items()}

    def slopes(x):
        x = torch.tensor(x, requires_grad=True)
        scores = torch.tanh(x @ leaves["w"] + leaves["b"]) @ leaves["v"] + leaves["c"]
        (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        return gradient.norm(dim=1)

    values = {
        "wgan_gp": (slopes(points["interpolated"]) - 1) ** 2,
        "wgan_lp": torch.clamp(slopes(points["interpolated"]) - 1, min=0) ** 2,
        "dragan": (slopes(points["around_real"]) - 1) ** 2,
        "r1": slopes(real) ** 2 / 2,
        "r2": slopes(fake) ** 2 / 2,
    }
    reference = {
        "torch": torch.__version__,
        "params": {name: value.tolist() for name, value in params.items()},
        "real": real.tolist(),
        "fake": fake.tolist(),
        "points": {name: value.tolist() for name, value in points.items()},
        "penalties": {},
    }
    for name, value in values.items():
        # The score's constant has no part in a slope.
        gradients = torch.autograd.grad(value.mean(), leaves.values(), allow_unused=True, materialize_grads=True)
        named = {leaf: gradient.tolist() for leaf, gradient in zip(leaves, gradients, strict=True)}
        reference["penalties"][name] = {"values": value.tolist(), "gradient": named}
    FILE.write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    main()
