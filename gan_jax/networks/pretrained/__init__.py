"""Networks whose weights are public, under the names that diffusers and transformers gave them, in Flax.

`gan_jax.weights.load` reads the weights. Each is a module of a `config`, which is data: `from_config` reads the
`config.json` beside the weights. It takes the arguments of the PyTorch module in its order, images as (N, H, W, C), and
computes in its `dtype`; results are float32. Parameters are named as in the public files, `down_blocks_0` for
`down_blocks.0`. 1x1 convolutions are `Dense`.
"""

from gan_jax.networks.pretrained.autoencoder_kl import AutoencoderKL, AutoencoderKLConfig
from gan_jax.networks.pretrained.clip import CLIPConfig, CLIPModel
from gan_jax.networks.pretrained.clip_text import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection
from gan_jax.networks.pretrained.clip_vision import CLIPVisionConfig, CLIPVisionModel, CLIPVisionModelWithProjection
from gan_jax.networks.pretrained.controlnet import ControlNetConfig, ControlNetModel, copy_encoder
from gan_jax.networks.pretrained.prior_transformer import PriorTransformer, PriorTransformerConfig, denormalize
from gan_jax.networks.pretrained.unet_2d import UNet2DConfig, UNet2DModel
from gan_jax.networks.pretrained.unet_2d_condition import UNet2DConditionConfig, UNet2DConditionModel

__all__ = [
    "AutoencoderKL",
    "AutoencoderKLConfig",
    "CLIPConfig",
    "CLIPModel",
    "CLIPTextConfig",
    "CLIPTextModel",
    "CLIPTextModelWithProjection",
    "CLIPVisionConfig",
    "CLIPVisionModel",
    "CLIPVisionModelWithProjection",
    "ControlNetConfig",
    "ControlNetModel",
    "PriorTransformer",
    "PriorTransformerConfig",
    "UNet2DConditionConfig",
    "UNet2DConditionModel",
    "UNet2DConfig",
    "UNet2DModel",
    "copy_encoder",
    "denormalize",
]
