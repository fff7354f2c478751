"""Images of captions by public models: Stable Diffusion 1 and 2, and SDXL with its refiner.

`load` reads a folder of diffusers, `draw_images` draws. What they are made of are pure functions: `encode_text`,
`bind_unet` (a denoiser for `gan_jax.diffusion`), `draw_latents`, `decode`.
"""

from gan_jax.text_to_image.drawing import Control, Networks, TextStates, bind_unet, decode, draw_latents, encode_text
from gan_jax.text_to_image.images import REFINED_FROM, Sizes, draw_images, draw_of_tokens, sides
from gan_jax.text_to_image.pipeline import TextToImage, load
from gan_jax.text_to_image.scheduler import Scheduler, levels_of, read_scheduler, time_of_level

__all__ = [
    "REFINED_FROM",
    "Control",
    "Networks",
    "Scheduler",
    "Sizes",
    "TextStates",
    "TextToImage",
    "bind_unet",
    "decode",
    "draw_images",
    "draw_latents",
    "draw_of_tokens",
    "encode_text",
    "levels_of",
    "load",
    "read_scheduler",
    "sides",
    "time_of_level",
]
