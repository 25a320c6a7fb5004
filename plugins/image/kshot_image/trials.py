"""Files that the conformance suite tries some entries with, made in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from kshot_image.tiny import SIDE, TinyPictures


def hf_image(folder: Path) -> dict[str, Any]:
    """The folder of a ViT with random weights, as ``save_pretrained`` writes it."""
    from transformers import ViTConfig, ViTImageProcessor, ViTModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ViTModel(ViTConfig(**shape, image_size=SIDE, patch_size=8), add_pooling_layer=False)
        for parameter in model.parameters():  # a fresh ViT's class tokens are nearly alike
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return {"model": str(folder)}


def image_table(folder: Path) -> dict[str, Any]:
    """A folder of class folders."""
    source = TinyPictures()
    for split in ("train", "validation", "test"):
        catalogue = source.catalogue(split)
        for row, label in zip(catalogue.rows, catalogue.labels, strict=True):
            place = folder / catalogue.classes[label]
            place.mkdir(exist_ok=True)
            (place / f"{row}.png").write_bytes(source.present(source.fetch(int(row))).data)
    return {"path": str(folder)}
