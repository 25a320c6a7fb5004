"""The pretrained sentence transformer all-MiniLM-L6-v2, from the files that a package ships."""

from __future__ import annotations

from typing import Annotated

from kshot.hub import ModelFiles
from kshot.interfaces import Encoder
from pydantic import Field

from kshot_text.encoders.hub_text import HubText
from kshot_text.encoders.minilm_files import verified_folder


def minilm(*, max_length: Annotated[int, Field(ge=3, le=512)] = 256) -> Encoder:
    """all-MiniLM-L6-v2, (B, 384); needs the extra ``kshot-text[minilm]``, and no network.

    Six transformer layers distilled from BERT and trained on a billion sentence pairs: Wang et al.,
    "MiniLM: deep self-attention distillation for task-agnostic compression of pre-trained
    transformers" (NeurIPS 2020); Reimers and Gurevych, "Sentence-BERT: sentence embeddings using
    Siamese BERT-networks" (EMNLP 2019). Token states are averaged over the mask and scaled to
    length 1, as the model card says.

    Args:
        max_length: word pieces of a text that count; the model's own setting is 256.

    Raises:
        KshotError: the package with the weights is missing, or its files are not the published ones.
    """
    return HubText(ModelFiles("minilm", verified_folder()), max_length=max_length)
