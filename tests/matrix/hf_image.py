"""A tiny ViT with random weights in a folder, with its image processor."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile

from kshot.interfaces import Encoder

SIDE = 24


def build() -> Encoder:
    """The shipped encoder around it."""
    from kshot_image.encoders.hf_image import hf_image

    return hf_image(model=_saved())


@functools.cache
def _saved() -> str:
    """The folder, as ``save_pretrained`` writes it; gone with the process."""
    import torch
    from transformers import ViTConfig, ViTImageProcessor, ViTModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    folder = tempfile.mkdtemp(prefix="kshot-vit-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        model = ViTModel(ViTConfig(**shape, image_size=SIDE, patch_size=8), add_pooling_layer=False)
        for parameter in model.parameters():  # a fresh ViT's class tokens are nearly alike
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return folder
