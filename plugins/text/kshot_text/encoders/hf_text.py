"""Any text encoder of the Hugging Face hub, or of a folder in its form."""

from __future__ import annotations

from typing import Annotated, Literal

from kshot.hub import model_files
from kshot.interfaces import Encoder
from pydantic import Field

from kshot_text.encoders.hub_text import HubText


def hf_text(
    *,
    model: str,
    pooling: Literal["cls", "mean", "max", "shared"] | None = None,
    max_length: Annotated[int, Field(ge=1)] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    use_safetensors: bool = True,
) -> Encoder:
    """A pretrained text encoder, by hub id or folder; (B, its own width).

    Args:
        model: a hub id such as ``bert-base-uncased``, or a folder.
        pooling: how token states become one; default: as a sentence-transformers folder says,
            ``mean`` of other models. ``shared``: the embedding that CLIP, SigLIP and their kin compare
            with pictures, to go with ``hf-image`` of the same model; default of these, which have no
            other.
        max_length: tokens of a text that count; default: the model's own limit.
        revision: branch, tag or commit on the hub; default: its main branch.
        trust_remote_code: let Python code that comes with the model run.
        use_safetensors: False to take weights in pickle files where there are no others.

    Raises:
        KshotError: the model is not there, is not complete, or is no text encoder.
    """
    files = model_files(
        model,
        "hf-text",
        revision=revision,
        trust_remote_code=trust_remote_code,
        use_safetensors=use_safetensors,
    )
    return HubText(files, pooling=pooling, max_length=max_length)
