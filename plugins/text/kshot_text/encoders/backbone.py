"""The transformer in a folder: what reads texts of it, whole and ready to be differentiated twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from kshot.encoders import DualTower, is_dual
from kshot.errors import KshotError
from kshot.functional import attention_over
from kshot.hub import ModelFiles
from torch import Tensor, nn

AttentionMask = Callable[[Tensor, Any], Any]
"""(B, L) mask and the model → what the model takes as ``attention_mask``."""


@dataclass(frozen=True)
class Backbone:
    """A transformer that gives ``last_hidden_state`` (B, L, D), or of a dual model the embedding (B, D).

    Attributes:
        model: the network.
        vocabulary: tokens that it knows.
        mask: the form in which its family takes a mask.
        vmap: True where the family is known to be mapped rightly.
        missing: names of the parameters that the folder has no weights for.
        filled: True where every text is filled up to the longest, and padding is seen like text.
    """

    model: Any
    vocabulary: int
    mask: AttentionMask
    vmap: bool
    missing: frozenset[str]
    filled: bool = False

    @property
    def dual(self) -> bool:
        """True where texts are embedded in the space of another modality."""
        return isinstance(self.model, DualTower)


def load_backbone(files: ModelFiles) -> Backbone:
    """The folder's network; of an encoder-decoder the encoder, of a dual model the texts' tower with its
    projection, and without a pooling layer.

    Raises:
        KshotError: as :meth:`ModelFiles.load`, and for a model that reads no tokens.
    """
    from transformers import AutoModel

    model, lacking = files.load_model(AutoModel)
    drawn = {id(one) for name, one in model.named_parameters() if name in lacking}
    family, known = model.config.model_type, DUAL_MASKS if is_dual(model, "text") else MASKS
    mask = known.get(family) if type(model).__module__.startswith("transformers.") else None
    vocabulary, tower = _vocabulary(model, files.who), _tower(model)
    missing = frozenset(name for name, one in tower.named_parameters() if id(one) in drawn)
    return Backbone(tower, vocabulary, mask or _as_given, mask is not None, missing, family in FILLED)


def _tower(model: Any) -> Any:
    """What reads the texts."""
    if is_dual(model, "text"):
        return DualTower(model, "text")
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        model = model.get_encoder()
    if "add_pooling_layer" in inspect.signature(type(model)).parameters:
        model.pooler = None
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    return model


def _vocabulary(model: Any, who: str) -> int:
    if is_dual(model, "text"):
        return model.config.text_config.vocab_size
    try:
        table = model.get_input_embeddings()
    except NotImplementedError:  # of several senses
        table = None
    if not isinstance(table, nn.Embedding):
        raise KshotError(f"{who}: the model there does not read text alone ({type(model).__name__})")
    return table.num_embeddings


_TABLES = "position_embeddings", ".position_embedding", "wpe", "embed_positions"


def positions(model: Any) -> int | None:
    """Tokens that a model's table of positions has rows for; none where it has no table."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and name.endswith(_TABLES):
            # RoBERTa counts from the number of its padding token.
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - first
    return None


def _unneeded(mask: Tensor, model: Any) -> None:
    """CLIP reads the mark of the end, which sees nothing after it; SigLIP sees padding like text."""
    del mask, model


def _as_given(mask: Tensor, model: Any) -> Tensor:
    del model
    return mask


def _full(mask: Tensor, model: Any) -> Tensor:
    return _understood(attention_over(mask), model)


def _by_layer(mask: Tensor, model: Any) -> Mapping[str, Tensor]:
    """Of layers that see every token, and of those that see near ones only."""
    over = attention_over(mask)
    places = torch.arange(mask.shape[1], device=mask.device)
    apart = (places[:, None] - places).abs()
    # Padding far from the text would otherwise see nothing, and softmax over nothing is no number.
    near = over & (apart <= model.config.sliding_window) | (apart == 0)
    return {"full_attention": _understood(over, model), "sliding_attention": _understood(near, model)}


def _understood(over: Tensor, model: Any) -> Tensor:
    """As torch's attention takes it, or as what is added to the scores of one written out."""
    if model.config._attn_implementation == "sdpa":
        return over
    dtype = next(model.parameters()).dtype
    return torch.zeros_like(over, dtype=dtype).masked_fill(~over, torch.finfo(dtype).min)


MASKS: Mapping[str, AttentionMask] = MappingProxyType(
    {
        **dict.fromkeys(
            ("albert", "bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "t5", "xlm-roberta"),
            _full,
        ),
        "modernbert": _by_layer,
        "deberta-v2": _as_given,
    }
)
"""Model types whose second derivatives under ``torch.func.vmap`` the tests have compared with a
loop's, and the mask that each can be given. A mask of two dimensions is what every model takes, but
most look at its values, which vmap forbids: others go from task to task."""

DUAL_MASKS: Mapping[str, AttentionMask] = MappingProxyType(
    dict.fromkeys(("clip", "siglip", "siglip2"), _unneeded)
)
"""The same of dual models."""

FILLED = frozenset({"siglip", "siglip2"})
"""Dual models whose texts were filled up to one length in training, and that read the last place."""
