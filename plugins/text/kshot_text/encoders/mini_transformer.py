"""A small transformer from scratch, which keeps the bag of words alive beside its context."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, final

import torch
from kshot.episode import Inputs
from kshot.errors import KshotError
from kshot.functional import attention_over, differentiable, largest_list, with_own_norms
from kshot.interfaces import Encoder
from pydantic import Field
from tokenizers import Tokenizer
from torch import Tensor, nn

from kshot_text.encoders.pooling import unit, weighted_mean
from kshot_text.state import bytes_of, text_of
from kshot_text.texts import checked
from kshot_text.tokens import PAD, UNKNOWN, encode, fitted, inverse_document_frequency, train_tokenizer

_HEAD = 16
_SCALE = 4.5
"""Length of an embedding at the start: unrelated texts then lie 2 · 4.5² = 40 apart, so that a
softmax over squared distances neither saturates nor goes to sleep."""


@final
class MiniTransformer(Encoder):
    """A BERT-like encoder, pooled by idf and added to a wide bag of the same tokens.

    Architecture of Devlin et al., "BERT: pre-training of deep bidirectional transformers for
    language understanding" (NAACL 2019), a few thin layers of it, without pretraining. Trained
    on some dozens of classes its mean-pooled output overfits: on unseen classes it falls to near
    chance. So tokens t_i with hidden states h_i become

        e = s · u( u(Σ a_i E[t_i]) + c · u(P Σ a_i h_i) ),   a_i = idf(t_i) / Σ idf(t_j),

    where u scales to length 1. The rows of the wide table E start almost orthogonal, so that
    before training e·e' is nearly the TF-IDF cosine; c keeps the context's share small.

    Args:
        vocabulary: tokens of the byte-pair encoding, which ``fit`` learns.
        dim: width of E and of the embedding.
        hidden: width of the transformer.
        layers: of the transformer.
        context: c.
        word_dropout: chance by which ``augment`` drops a token.
        max_length: tokens that count.
    """

    modality = "text"
    idf: Tensor

    def __init__(
        self,
        vocabulary: int,
        dim: int,
        hidden: int,
        layers: int,
        context: float,
        word_dropout: float,
        max_length: int,
    ) -> None:
        super().__init__()
        self.dim = dim
        self._context, self._word_dropout, self._max_length = context, word_dropout, max_length
        self._tokenizer: Tokenizer | None = None
        self.wide = nn.Embedding(vocabulary, dim)
        nn.init.normal_(self.wide.weight, std=dim**-0.5)
        self.transformer = _bert(vocabulary, hidden, layers, max_length)
        self.project = nn.Linear(hidden, dim, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(_SCALE)))
        self.register_buffer("idf", torch.zeros(vocabulary))

    def fit(self, raw: Sequence[Any]) -> None:
        """Learn tokenizer and idf from N training texts."""
        texts = checked(raw, "mini_transformer")
        self._tokenizer = train_tokenizer(texts, len(self.idf))
        ids = [own[: self._max_length] for own in encode(self._tokenizer, texts)]
        self.idf.copy_(inverse_document_frequency(ids, len(self.idf)))
        self.idf[[PAD, UNKNOWN]] = 0

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B texts → ``input_ids`` and ``attention_mask``, both (B, L), and ``truncated`` (B,)."""
        if self._tokenizer is None:
            raise KshotError(
                "mini_transformer has no tokenizer yet: call fit(training texts) or load a fitted state_dict"
            )
        ids = encode(self._tokenizer, checked(raw, "mini_transformer"))
        return fitted(
            ids, self._max_length, lambda places: [ids[place][: self._max_length] for place in places]
        )

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L) tokens → (B, dim), all of one length."""
        numbers, mask = inputs["input_ids"], inputs["attention_mask"]
        weights = self.idf[numbers] * mask
        with differentiable():
            states = self.transformer(
                input_ids=numbers, attention_mask=attention_over(mask)
            ).last_hidden_state
        bag = unit(weighted_mean(self.wide(numbers), weights))
        context = unit(self.project(weighted_mean(states, weights)))
        return self.log_scale.exp() * unit(bag + self._context * context)

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        """Drop tokens at random, never all of a text."""
        mask = inputs["attention_mask"]
        kept = mask * (torch.rand(mask.shape, generator=generator, device=mask.device) >= self._word_dropout)
        return {**inputs, "attention_mask": torch.where(kept.any(dim=1, keepdim=True), kept, mask)}

    @property
    def augments(self) -> bool:
        """True when tokens are dropped in training."""
        return self._word_dropout > 0

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The transformer's layers."""
        return largest_list(self.transformer)

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """``last``: the last transformer layer and its projection; ``all``."""
        groups = super().parameter_groups()
        return {**groups, "last": [*groups["last"], "project.weight"]}

    def get_extra_state(self) -> Tensor:
        """The tokenizer, as bytes of its JSON; empty before ``fit``."""
        return bytes_of("" if self._tokenizer is None else self._tokenizer.to_str())

    def set_extra_state(self, state: Tensor) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self._tokenizer = Tokenizer.from_str(text_of(state)) if len(state) else None


def mini_transformer(
    *,
    vocabulary: Annotated[int, Field(ge=16)] = 4000,
    dim: Annotated[int, Field(ge=1)] = 512,
    hidden: Annotated[int, Field(ge=_HEAD, multiple_of=_HEAD)] = 64,
    layers: Annotated[int, Field(ge=1)] = 2,
    context: Annotated[float, Field(ge=0)] = 0.3,
    word_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3,
    max_length: Annotated[int, Field(ge=1)] = 64,
) -> Encoder:
    """A small transformer from scratch, its tokenizer learnt from the training texts; (B, dim).

    Args:
        vocabulary: tokens of the byte-pair encoding.
        dim: width of the embedding.
        hidden: width of the transformer, a multiple of 16.
        layers: of the transformer.
        context: weight of the transformer's output beside the bag of tokens, whose weight is 1.
        word_dropout: chance that a token is dropped in training.
        max_length: tokens of a text that count.
    """
    return MiniTransformer(vocabulary, dim, hidden, layers, context, word_dropout, max_length)


def _bert(vocabulary: int, hidden: int, layers: int, max_length: int) -> nn.Module:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // _HEAD,
        intermediate_size=2 * hidden,
        max_position_embeddings=max_length,
        type_vocab_size=1,
        pad_token_id=PAD,
        # Dropout would draw from torch's global state; `augment` has a generator of its own.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
    )
    return with_own_norms(BertModel(config, add_pooling_layer=False))
