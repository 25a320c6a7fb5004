"""Any vision model of the Hugging Face hub, or of a folder in its form."""

from __future__ import annotations

import importlib.util
from typing import Literal

from kshot.errors import KshotError
from kshot.hub import model_files
from kshot.interfaces import Encoder

from kshot_image.augmentation import Name
from kshot_image.encoders.hub_image import HubImage


def hf_image(
    *,
    model: str,
    pooling: Literal["cls", "mean", "pooler", "shared"] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    use_safetensors: bool = True,
    augment: list[Name] | None = None,
) -> Encoder:
    """A pretrained image encoder, by hub id or folder; (B, its own width).

    Args:
        model: a hub id such as ``facebook/dinov2-small``, or a folder.
        pooling: how patches' states become one: that of the class token, their mean, or what the
            model's own pooling gives; default: ``cls`` of ViT and its kin, ``pooler`` of models that
            have one, CLIP and SigLIP among them, else ``mean``. ``shared``: the embedding that CLIP,
            SigLIP and their kin compare with texts, to go with ``hf-text`` of the same model.
        revision: branch, tag or commit on the hub; default: its main branch.
        trust_remote_code: let Python code that comes with the model run.
        use_safetensors: False to take weights in pickle files where there are no others.
        augment: some of ``flip``, ``crop`` and ``jitter``, in training.

    Raises:
        KshotError: the model is not there, is not complete, or is no image encoder.
    """
    if importlib.util.find_spec("transformers") is None:
        raise KshotError('hf-image: transformers is missing; pip install "kshot-image[hf]"')
    files = model_files(
        model,
        "hf-image",
        revision=revision,
        trust_remote_code=trust_remote_code,
        use_safetensors=use_safetensors,
    )
    return HubImage(files, pooling, augment or ())
