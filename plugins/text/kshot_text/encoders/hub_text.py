"""A pretrained text encoder in the form of transformers or sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
import torch.nn.functional as F
from kshot.encoders import HubEncoder
from kshot.episode import Inputs
from kshot.errors import DataError, KshotError
from kshot.functional import differentiable
from kshot.hub import ModelFiles
from torch import Tensor

from kshot_text.encoders.backbone import Backbone, load_backbone, positions
from kshot_text.encoders.pooling import POOLINGS
from kshot_text.encoders.sentence_folder import Recipe, read_recipe
from kshot_text.texts import checked
from kshot_text.tokens import fitted

SHARED = "shared"
"""Pooling of a dual model: what it compares with the other modality."""

_NO_LIMIT = 10**9
"""transformers writes 10³⁰ where a tokenizer states no limit."""

_PROBE = 4
"""Tokens of the text, and of padding behind it, by which a network is asked whether it sees the padding."""

_SEEN = 1e-4
"""Relative difference that padding makes to an embedding beyond which it is not of rounding."""

_LENGTH = 512
"""Tokens that count where neither folder, tokenizer nor network says how many."""


@final
class HubText(HubEncoder):
    """Token states of a pretrained transformer, pooled as its folder says; of a dual model, such as CLIP,
    its own embedding of a text in the space that it shares with another modality.

    Args:
        files: where the model lies.
        pooling: name of a pooling in place of the folder's; what follows the pooling stays. Of a dual
            model ``shared`` alone.
        max_length: tokens that count, marks of start and end included; default: the model's own.

    Raises:
        KshotError: the folder does not hold a text encoder, or pooling or ``max_length`` do not fit it.
    """

    modality = "text"

    def __init__(
        self, files: ModelFiles, *, pooling: str | None = None, max_length: int | None = None
    ) -> None:
        from transformers import AutoTokenizer

        backbone, recipe = load_backbone(files), read_recipe(files)
        _fits(pooling, backbone, files.who)
        super().__init__(files, backbone.model)
        self.vmap = backbone.vmap
        self._mask, self._dual = backbone.mask, backbone.dual
        self._tokenizer = files.load(AutoTokenizer)
        if len(self._tokenizer) <= len(self._tokenizer.all_special_ids):
            raise KshotError(f"{files.who}: {files.folder} has no tokenizer; save the model's own there")
        if recipe.lower:
            _lower(self._tokenizer, files.who)
        self._poolings = recipe.poolings if pooling in (None, SHARED) else (pooling,)
        self._prompt = recipe.prompt
        self._skipped = 0 if recipe.pools_prompt else self._prompt_length()
        self._max_length = self._fitting(recipe, max_length)
        self._pad = _padding(backbone, self._tokenizer)
        self._full = self._fitting(recipe, None) if backbone.filled else None
        self._vocabulary = backbone.vocabulary
        self.tail = recipe.tail
        two = {name: torch.ones(1, 2, dtype=torch.int64) for name in ("input_ids", "attention_mask")}
        self._apart = False
        self.dim = self._settle(two, backbone.missing, "a text")
        self._apart = not (self.vmap or self._dual) and self._sees_padding()

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B texts → ``input_ids`` and ``attention_mask``, both (B, L), and ``truncated`` (B,)."""
        texts = [self._prompt + text for text in checked(raw, self._who)]
        ids = self._numbers(texts)
        for place, own in enumerate(ids):
            if not own:
                raise DataError(
                    f"{self._who}: example {place} of the batch has no token that the tokenizer knows"
                )
            if max(own) >= self._vocabulary:
                raise DataError(
                    f"{self._who}: example {place} of the batch has token {max(own)}, but the model knows "
                    f"{self._vocabulary}: its folder holds another model's tokenizer"
                )
        return fitted(ids, self._max_length, lambda places: self._cut([texts[place] for place in places]))

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L) tokens → (B, dim)."""
        numbers, mask = inputs["input_ids"], inputs["attention_mask"]
        if not self._apart:
            return self._embedded(numbers, mask)
        lengths = mask.sum(1)
        groups = [(length, (lengths == length).nonzero()[:, 0]) for length in lengths.unique().tolist()]
        parts = [self._embedded(numbers[rows, :length], mask[rows, :length]) for length, rows in groups]
        return torch.cat(parts)[torch.cat([rows for _, rows in groups]).argsort()]

    def _embedded(self, numbers: Tensor, mask: Tensor) -> Tensor:
        """(B, L) tokens and their mask, computed together → (B, dim)."""
        # Some families tell places by counting what is not the padding token.
        numbers = numbers.masked_fill(mask == 0, self._pad)
        if self._full is not None:
            numbers = F.pad(numbers, (0, self._full - numbers.shape[1]), value=self._pad)
        with differentiable():
            given = self._mask(mask, self.model)
            output = self.model(input_ids=numbers, attention_mask=given)
        return self.tail(output if self._dual else self._pooled(output.last_hidden_state, mask))

    def _sees_padding(self) -> bool:
        """True where a text's embedding is another beside a longer one, whatever the mask says: FNet mixes all
        places, and the convolutions of ConvBERT and MobileBERT reach beyond the text."""
        own = max(self._skipped + 1, min(self._skipped + _PROBE, self._max_length - _PROBE))
        full = min(own + _PROBE, self._max_length)
        numbers = (self._vocabulary // 2 + torch.arange(full)).remainder(self._vocabulary).unsqueeze(0)
        mask = (torch.arange(full) < own).long().unsqueeze(0)
        with torch.no_grad():
            beside = self._embedded(numbers, mask)
            alone = self._embedded(numbers[:, :own], mask[:, :own])
        return bool((beside - alone).norm() > _SEEN * alone.norm())

    def _pooled(self, states: Tensor, mask: Tensor) -> Tensor:
        places = torch.arange(mask.shape[1], device=mask.device)
        pooled = (mask * (places >= self._skipped)).to(states.dtype)
        return torch.cat([POOLINGS[name](states, pooled) for name in self._poolings], dim=-1)

    def _numbers(self, texts: list[str], **options: Any) -> list[list[int]]:
        return self._tokenizer(
            texts,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
            **{"truncation": False, **options},
        )["input_ids"]

    def _cut(self, texts: list[str]) -> list[list[int]]:
        return self._numbers(texts, truncation=True, max_length=self._max_length)

    def _prompt_length(self) -> int:
        """Tokens of the prompt, the mark of an end that may stand after it left out."""
        ids = self._numbers([self._prompt])[0] if self._prompt else []
        return len(ids) - (bool(ids) and ids[-1] in self._tokenizer.all_special_ids)

    def _fitting(self, recipe: Recipe, asked: int | None) -> int:
        """How many tokens count."""
        table = positions(self.model)
        if asked is not None and table is not None and asked > table:
            raise KshotError(f"{self._who}: max_length {asked} is beyond the model's {table} positions")
        least = len(self._numbers([self._prompt])[0]) + 1
        stated = recipe.max_length or self._tokenizer.model_max_length
        limits = [stated, getattr(self.model.config, "max_position_embeddings", None), table]
        own = [limit for limit in limits if limit is not None and 0 < limit < _NO_LIMIT]
        length = asked or min(own, default=_LENGTH)
        if length < least:
            raise KshotError(
                f"{self._who}: max_length {length} leaves no place for a text between the tokenizer's marks; "
                f"take {least} or more"
            )
        return length


def _fits(pooling: str | None, backbone: Backbone, who: str) -> None:
    """Raises KshotError where a model has no such pooling."""
    if backbone.dual and pooling not in (None, SHARED):
        raise KshotError(
            f"{who}: the model there compares texts with another modality, and embeds them in its own way; "
            f"leave pooling out, or let it be 'shared', not '{pooling}'"
        )
    if pooling == SHARED and not backbone.dual:
        raise KshotError(
            f"{who}: pooling 'shared' is of models that compare texts with another modality, as CLIP and SigLIP "
            f"do; the model there is a {type(backbone.model).__name__}; leave pooling out"
        )


def _padding(backbone: Backbone, tokenizer: Any) -> int:
    """The token that stands behind a text. SigLIP 2's configuration and tokenizer name different ones."""
    own = tokenizer.pad_token_id if backbone.filled else None
    return getattr(backbone.model.config, "pad_token_id", None) or 0 if own is None else own


def _lower(tokenizer: Any, who: str) -> None:
    """Let a tokenizer lower-case first, as sentence-transformers' ``do_lower_case`` does."""
    from tokenizers import normalizers

    if not tokenizer.is_fast:
        raise KshotError(f"{who}: do_lower_case needs a tokenizer with a tokenizer.json")
    inner = tokenizer.backend_tokenizer
    follows = [] if inner.normalizer is None else [inner.normalizer]
    inner.normalizer = normalizers.Sequence([normalizers.Lowercase(), *follows])
