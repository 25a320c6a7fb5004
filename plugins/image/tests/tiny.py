"""Tiny pretrained vision models with random weights, saved as their users save them."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

SIDE = 32
_SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
_VIT = {**_SHAPE, "image_size": SIDE, "patch_size": 8}
_STAGES = {"hidden_sizes": [8, 16], "depths": [1, 2]}
_TWO = {
    "projection_dim": 12,
    "text_config": {**_SHAPE, "vocab_size": 20, "bos_token_id": 1, "eos_token_id": 2},
    "vision_config": _VIT,
}

FAMILIES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "vit": ("ViTConfig", "ViTImageProcessor", _VIT),
    "deit": ("DeiTConfig", "DeiTImageProcessor", _VIT),
    "dinov2": ("Dinov2Config", "BitImageProcessor", {**_VIT, "mlp_ratio": 2, "drop_path_rate": 0.3}),
    "dinov2_with_registers": (
        "Dinov2WithRegistersConfig",
        "BitImageProcessor",
        {**_VIT, "mlp_ratio": 2, "num_register_tokens": 3},
    ),
    "clip": ("CLIPConfig", "CLIPImageProcessor", _TWO),
    "clip_vision_model": ("CLIPVisionConfig", "CLIPImageProcessor", _VIT),
    "siglip": ("SiglipConfig", "SiglipImageProcessor", _TWO),
    "siglip_vision_model": ("SiglipVisionConfig", "SiglipImageProcessor", _VIT),
    "convnext": (
        "ConvNextConfig",
        "ConvNextImageProcessor",
        {**_STAGES, "num_stages": 2, "drop_path_rate": 0.3},
    ),
    "swin": (
        "SwinConfig",
        "ViTImageProcessor",
        {"image_size": SIDE, "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 2], "window_size": 4},
    ),
    "resnet": (
        "ResNetConfig",
        "ConvNextImageProcessor",
        {**_STAGES, "embedding_size": 8, "layer_type": "basic"},
    ),
    "segformer": (
        "SegformerConfig",
        "SegformerImageProcessor",
        {"num_encoder_blocks": 2, "depths": [1, 1], "hidden_sizes": [8, 16], "num_attention_heads": [1, 2]},
    ),
}
"""Model type → its configuration, its image processor, and what makes it tiny."""

DUALS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "metaclip_2": ("MetaClip2Config", "CLIPImageProcessor", _TWO),
    "chinese_clip": ("ChineseCLIPConfig", "CLIPImageProcessor", _TWO),
    "altclip": ("AltCLIPConfig", "CLIPImageProcessor", _TWO),
    "blip": ("BlipConfig", "BlipImageProcessor", _TWO),
    "owlvit": ("OwlViTConfig", "OwlViTImageProcessor", _TWO),
    "groupvit": (
        "GroupViTConfig",
        "CLIPImageProcessor",
        {
            **_TWO,
            "projection_intermediate_dim": 8,
            "vision_config": {
                **_VIT,
                "depths": [1, 1, 1],
                "num_group_tokens": [2, 2, 0],
                "num_output_groups": [2, 2, 0],
            },
        },
    ),
}
"""The same of more models that compare pictures with texts."""

ODD: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "vit_mae": (
        "ViTMAEConfig",
        "ViTImageProcessor",
        {
            **_VIT,
            **{
                f"decoder_{name}": _SHAPE[name]
                for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
            },
        },
    ),
    "dinov3_vit": ("DINOv3ViTConfig", "ViTImageProcessor", {**_VIT, "num_register_tokens": 3}),
    "aimv2_vision_model": ("Aimv2VisionConfig", "CLIPImageProcessor", _VIT),
    "cvt": (
        "CvtConfig",
        "ConvNextImageProcessor",
        {"embed_dim": [8, 16, 16], "num_heads": [1, 2, 2], "depth": [1, 2, 4]},
    ),
    "pixtral": ("PixtralVisionConfig", "ViTImageProcessor", _VIT),
}
"""The same of models that treat tokens or chance in a way of their own."""


def save_family(family: str, folder: Path, **options: Any) -> Path:
    """A folder as ``save_pretrained`` writes it: network, configuration, image processor."""
    import transformers
    from transformers.utils.logging import disable_progress_bar

    config, processor, shape = {**FAMILIES, **DUALS, **ODD}[family]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = getattr(transformers, config)(**{**shape, **options})
        model = transformers.AutoModel.from_config(made)
        for parameter in model.parameters():  # norms, biases and layer scales, too, shall matter
            torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1) / 2, std=0.2)
    disable_progress_bar()
    model.save_pretrained(folder)
    sizes: dict[str, Any] = {"size": {"height": SIDE, "width": SIDE}}
    if processor in ("CLIPImageProcessor", "BitImageProcessor", "DeiTImageProcessor"):
        sizes = {"size": {"shortest_edge": 40}, "crop_size": {"height": SIDE, "width": SIDE}}
    elif processor == "ConvNextImageProcessor":
        sizes = {"size": {"shortest_edge": SIDE}}
    getattr(transformers, processor)(**sizes).save_pretrained(folder)
    return folder


@functools.cache
def folder(family: str) -> Path:
    """Such a folder, made once and gone with the process."""
    made = tempfile.mkdtemp(prefix=f"kshot-{family}-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return save_family(family, Path(made))
