"""What learners are built from: embedding passes and norms that keep episodes apart."""

from kshot.functional.attention import attention_over, differentiable
from kshot.functional.blocks import checkpoint_activations, largest_list, layerwise_rates
from kshot.functional.chosen import chosen, following
from kshot.functional.concurrent import concurrently, in_turn, replica, side_by_side
from kshot.functional.embedding import (
    concatenated,
    embed,
    embed_flat,
    embed_jointly,
    query_pass,
    support_pass,
    width_of,
)
from kshot.functional.layer_norms import with_own_norms
from kshot.functional.lora import add_lora
from kshot.functional.losses import query_cross_entropy
from kshot.functional.norms import (
    EpisodicBatchNorm,
    Pass,
    fix_untrained_norms,
    keeps_running_statistics,
    per_episode_norms,
    statistics,
)
from kshot.functional.noting import is_watched, note, note_step, watched
from kshot.functional.recurrent import AttentionPooling, BidirectionalGRU, lstm_outputs
from kshot.functional.subsets import parameter_subset

__all__ = [
    "AttentionPooling",
    "BidirectionalGRU",
    "EpisodicBatchNorm",
    "Pass",
    "add_lora",
    "attention_over",
    "checkpoint_activations",
    "chosen",
    "concatenated",
    "concurrently",
    "differentiable",
    "embed",
    "embed_flat",
    "embed_jointly",
    "fix_untrained_norms",
    "following",
    "in_turn",
    "is_watched",
    "keeps_running_statistics",
    "largest_list",
    "layerwise_rates",
    "lstm_outputs",
    "note",
    "note_step",
    "parameter_subset",
    "per_episode_norms",
    "query_cross_entropy",
    "query_pass",
    "replica",
    "side_by_side",
    "statistics",
    "support_pass",
    "watched",
    "width_of",
    "with_own_norms",
]
