"""The transformer in a folder: its encoder, whole and ready to be differentiated twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from kshot.errors import KshotError
from kshot.functional import attention_over
from kshot.hub import ModelFiles
from torch import Tensor, nn

AttentionMask = Callable[[Tensor, Any], Any]
"""(B, L) mask and the model → what the model takes as ``attention_mask``."""


@dataclass(frozen=True)
class Backbone:
    """A transformer that gives ``last_hidden_state`` (B, L, D).

    Attributes:
        model: the network.
        vocabulary: tokens that it knows.
        mask: the form in which its family takes a mask.
        vmap: True where the family is known to be mapped rightly.
        missing: names of the parameters that the folder has no weights for.
    """

    model: Any
    vocabulary: int
    mask: AttentionMask
    vmap: bool
    missing: frozenset[str]


def load_backbone(files: ModelFiles) -> Backbone:
    """The folder's network; of an encoder-decoder the encoder, and without a pooling layer.

    Raises:
        KshotError: as :meth:`ModelFiles.load`, and for a model that reads no tokens.
    """
    from transformers import AutoModel

    model, report = files.load_model(AutoModel, output_loading_info=True)
    drawn = {id(one) for name, one in model.named_parameters() if name in report["missing_keys"]}
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        model = model.get_encoder()
    if "add_pooling_layer" in inspect.signature(type(model)).parameters:
        model.pooler = None
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    missing = frozenset(name for name, one in model.named_parameters() if id(one) in drawn)
    own_code = type(model).__module__.partition(".")[0] != "transformers"
    mask = None if own_code else MASKS.get(model.config.model_type)
    return Backbone(model, _vocabulary(model, files.who), mask or _as_given, mask is not None, missing)


def _vocabulary(model: Any, who: str) -> int:
    try:
        table = model.get_input_embeddings()
    except NotImplementedError:  # of several senses
        table = None
    if not isinstance(table, nn.Embedding):
        raise KshotError(f"{who}: the model there does not read text alone ({type(model).__name__})")
    return table.num_embeddings


_TABLES = "position_embeddings", "wpe", "embed_positions"


def positions(model: Any) -> int | None:
    """Tokens that a model's table of positions has rows for; none where it has no table."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and name.endswith(_TABLES):
            # RoBERTa counts from the number of its padding token.
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - first
    return None


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
