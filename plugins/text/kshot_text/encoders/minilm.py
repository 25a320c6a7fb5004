"""The pretrained sentence transformer all-MiniLM-L6-v2, from the files that a package ships."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, final

import torch
from kshot.episode import Inputs
from kshot.functional import attention_over, differentiable, with_own_norms
from kshot.interfaces import Encoder
from pydantic import Field
from tokenizers import Tokenizer
from torch import Tensor, nn

from kshot_text.encoders.minilm_files import verified_folder
from kshot_text.encoders.pooling import unit, weighted_mean
from kshot_text.texts import checked
from kshot_text.tokens import encode, padded

_LAYERS, _DIM = 6, 384


@final
class MiniLM(Encoder):
    """Six transformer layers distilled from BERT and trained on a billion sentence pairs.

    Wang et al., "MiniLM: deep self-attention distillation for task-agnostic compression of
    pre-trained transformers" (NeurIPS 2020); Reimers and Gurevych, "Sentence-BERT: sentence
    embeddings using Siamese BERT-networks" (EMNLP 2019). Token states are averaged over the mask
    and scaled to length 1, as the model card says.

    Args:
        max_length: word pieces that count, the two that mark start and end included.
    """

    modality = "text"
    pretrained = True
    weights_licence = "Apache-2.0"

    def __init__(self, max_length: int) -> None:
        super().__init__()
        folder = verified_folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)
        self._max_length = max_length
        self.model = _pretrained(folder)
        self.dim = _DIM

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B texts → ``input_ids`` and ``attention_mask``, both (B, L)."""
        return padded(encode(self._tokenizer, checked(raw, "minilm"), self._max_length))

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L) word pieces → (B, 384) at length 1."""
        mask = inputs["attention_mask"]
        with differentiable():
            states = self.model(
                input_ids=inputs["input_ids"], attention_mask=attention_over(mask)
            ).last_hidden_state
        return unit(weighted_mean(states, mask.to(states.dtype)))

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """``last``: the sixth layer; ``all``."""
        names = [name for name, _ in self.named_parameters()]
        last = f"model.encoder.layer.{_LAYERS - 1}."
        return {"last": [name for name in names if name.startswith(last)], "all": names}


def minilm(*, max_length: Annotated[int, Field(ge=3, le=512)] = 256) -> Encoder:
    """all-MiniLM-L6-v2, (B, 384); needs the extra ``kshot-text[minilm]``, and no network.

    Args:
        max_length: word pieces of a text that count; the model's own setting is 256.

    Raises:
        KshotError: the package with the weights is missing, or its files are not the published ones.
    """
    return MiniLM(max_length)


def _pretrained(folder: Path) -> nn.Module:
    from transformers import AutoModel

    with _quiet():
        model = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            add_pooling_layer=False,
            attn_implementation="sdpa",
            # Fine-tuning with dropout would draw from torch's global state.
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    return with_own_norms(model)


@contextmanager
def _quiet() -> Generator[None]:
    """No progress bar, and no report that the pooler, which the model card leaves out, is left out."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
