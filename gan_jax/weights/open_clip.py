"""The configuration of CLIP as open_clip writes it, `open_clip_config.json`."""

from collections.abc import Mapping
from typing import Any

from gan_jax.config import short
from gan_jax.errors import InputError, within
from gan_jax.networks.pretrained import CLIPConfig

__all__ = ["clip_config"]

_VISION = {
    "image_size": "image_size",
    "layers": "num_hidden_layers",
    "width": "hidden_size",
    "patch_size": "patch_size",
}
_TEXT = {
    "context_length": "max_position_embeddings",
    "vocab_size": "vocab_size",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "layers": "num_hidden_layers",
}
_HEAD = 64  # features of an image tower's head, where nothing is said
_LARGEST_TOKEN = 2  # a text ends at its largest token


def clip_config(given: Mapping[str, Any]) -> CLIPConfig:
    """Return the configuration that an `open_clip_config.json` holds.

    Raises:
      InputError: a setting is unknown, impossible or not built; the message names it.

    >>> vision = {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32}
    >>> text = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}
    >>> config = clip_config({"model_cfg": {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text}})
    >>> config.vision_config.num_attention_heads, config.text_config.hidden_act
    (12, 'gelu')
    """
    with within("model_cfg"):
        model = dict(given.get("model_cfg") or {})
        parts = {name: dict(model.pop(name, {})) for name in ("vision_cfg", "text_cfg")}
        dim, act = model.pop("embed_dim", 512), "quick_gelu" if model.pop("quick_gelu", False) else "gelu"
        model.pop("init_logit_scale", None)  # where training began
        _refuse(model)
        head = parts["vision_cfg"].pop("head_width", _HEAD)
        with within("vision_cfg"):
            vision = _translated(parts["vision_cfg"], _VISION)
        with within("text_cfg"):
            text = _translated(parts["text_cfg"], _TEXT)
    vision["num_attention_heads"] = max(vision.get("hidden_size", 768) // head, 1)
    common = {"hidden_act": act, "projection_dim": dim}
    return CLIPConfig.from_config(
        {
            "projection_dim": dim,
            "text_config": text | common | {"eos_token_id": _LARGEST_TOKEN},
            "vision_config": vision | common,
        }
    )


def _translated(given: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    ratio = given.pop("mlp_ratio", 4.0)
    _refuse({name: value for name, value in given.items() if name not in names})
    found = {names[name]: value for name, value in given.items()}
    return found | ({"intermediate_size": int(found["hidden_size"] * ratio)} if "hidden_size" in found else {})


def _refuse(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        raise InputError(f"{short(value)} is not built", field=name)
