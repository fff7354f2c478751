"""Deep Dream: a picture is changed until a network sees more in it, by gradient ascent on the pixels.

Source: Mordvintsev, Olah, Tyka (2015), Inceptionism: going deeper into neural networks.
"""

from gan_jax.dream.ascent import dream, mean_value, octave_shapes, zoom_frames
from gan_jax.dream.objectives import (
    CLASSES,
    Objective,
    Picture,
    activations,
    class_objective,
    guide_objective,
    layer_objective,
)

__all__ = [
    "CLASSES",
    "Objective",
    "Picture",
    "activations",
    "class_objective",
    "dream",
    "guide_objective",
    "layer_objective",
    "mean_value",
    "octave_shapes",
    "zoom_frames",
]
