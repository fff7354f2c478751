"""From the names of public files to those of our parameters, as data.

A table is a list of regular expressions and what takes their place, applied in order; where several take it, the
tensor is cut into as many along its first axis. Then `blocks.0` is `blocks_0`. Ours are the modules' names, joined by
dots, and `weight` for what is a `kernel`, a `scale` or an `embedding`; a table that says `kernel` has it transposed.
"""

import re

__all__ = ["CLIP", "CLIP_TEXT", "DIFFUSERS", "OPEN_CLIP", "Table", "is_ignored", "rename"]

Table = tuple[tuple[str, str | tuple[str, ...]], ...]

DIFFUSERS: Table = (
    # Attention among pixels, as files before 2023 name it.
    (r"\.query\.", ".to_q."),
    (r"\.key\.", ".to_k."),
    (r"\.value\.", ".to_v."),
    (r"\.proj_attn\.", ".to_out."),
    (r"\.to_out\.0\.", ".to_out."),
    (r"\.ff\.net\.0\.proj\.", ".ff_in."),
    (r"\.ff\.net\.2\.", ".ff_out."),
)

CLIP: Table = (
    (r"(^|\.)embeddings\.", r"\1"),
    (r"(^|\.)encoder\.layers\.", r"\1layers."),
    (r"\.(self_attn|mlp)\.", "."),
)

# transformers 5 dropped the prefix in memory, and writes it or not.
CLIP_TEXT: Table = ((r"^text_model\.", ""), *CLIP)

OPEN_CLIP: Table = (
    (r"^visual\.", "vision_model."),
    (r"^(?=transformer\.|token_embedding\.|positional_embedding$|ln_final\.)", "text_model."),
    (r"\.transformer\.resblocks\.", ".layers."),
    (r"\.attn\.in_proj_(weight|bias)$", (r".q_proj.\1", r".k_proj.\1", r".v_proj.\1")),
    (r"\.attn\.out_proj\.", ".out_proj."),
    (r"\.mlp\.c_fc\.", ".fc1."),
    (r"\.mlp\.c_proj\.", ".fc2."),
    (r"\.ln_([12])\.", r".layer_norm\1."),
    (r"\.ln_final\.", ".final_layer_norm."),
    (r"\.ln_pre\.", ".pre_layrnorm."),
    (r"\.ln_post\.", ".post_layernorm."),
    (r"\.conv1\.", ".patch_embedding."),
    (r"\.positional_embedding$", ".position_embedding.weight"),
    (r"^text_projection$", "text_projection.kernel"),
    (r"^vision_model\.proj$", "visual_projection.kernel"),
)

# What old files hold beside what is learned: counts, and masks.
_IGNORED = re.compile(r"(^|\.)(position_ids|causal_attention_mask|attn_mask)$")


def is_ignored(name: str) -> bool:
    """Whether a tensor holds nothing that is learned.

    >>> is_ignored("text_model.embeddings.position_ids")
    True
    """
    return _IGNORED.search(name) is not None


def rename(name: str, table: Table) -> tuple[str, ...]:
    """Return our name of a public tensor, or our names of what it is cut into.

    >>> rename("mid_block.attentions.0.proj_attn.weight", DIFFUSERS)
    ('mid_block.attentions_0.to_out.weight',)
    >>> rename("visual.transformer.resblocks.3.attn.in_proj_bias", OPEN_CLIP)[0]
    'vision_model.layers_3.q_proj.bias'
    """
    names = (name,)
    for pattern, to in table:
        ends = (to,) if isinstance(to, str) else to
        if re.search(pattern, names[0]):
            names = tuple(re.sub(pattern, end, each) for each in names for end in ends)
    return tuple(re.sub(r"\.(\d+)(?=\.|$)", r"_\1", each) for each in names)
