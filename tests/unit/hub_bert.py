"""A tiny BERT in a folder, and the least encoder around it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from kshot.encoders import HubEncoder
from kshot.episode import Inputs
from kshot.functional import attention_over, differentiable
from kshot.hub import ModelFiles
from torch import Tensor

SHAPE = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 12}


def save_bert(folder: Path, **options: Any) -> Path:
    """What ``save_pretrained`` writes: configuration and weights."""
    from transformers import BertConfig, BertModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertModel(BertConfig(**SHAPE, vocab_size=20, max_position_embeddings=12, **options))
    model.save_pretrained(folder)
    return folder


class HubBert(HubEncoder):
    """Token numbers in, the first token's state out, through the pooling layer."""

    modality = "text"

    def __init__(self, files: ModelFiles) -> None:
        from transformers import AutoModel

        super().__init__(files, files.load_model(AutoModel)[0])
        self.dim = SHAPE["hidden_size"]

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """Lists of numbers, all of one length."""
        return {"input_ids": torch.tensor(list(raw))}

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L) → (B, 8)."""
        numbers = inputs["input_ids"]
        with differentiable():
            return self.model(
                input_ids=numbers, attention_mask=attention_over(torch.ones_like(numbers))
            ).pooler_output


def hub_bert(folder: Path) -> HubBert:
    """The encoder around the network in ``folder``."""
    return HubBert(ModelFiles("hub_bert", folder))
