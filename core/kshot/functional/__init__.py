"""What learners are built from: embedding passes and norms that keep episodes apart."""

from kshot.functional.embedding import (
    embed,
    embed_flat,
    embed_jointly,
    query_pass,
    support_pass,
    width_of,
)
from kshot.functional.lora import add_lora
from kshot.functional.losses import query_cross_entropy
from kshot.functional.norms import (
    EpisodicBatchNorm,
    Pass,
    per_episode_norms,
    statistics,
)
from kshot.functional.subsets import parameter_subset

__all__ = [
    "EpisodicBatchNorm",
    "Pass",
    "add_lora",
    "embed",
    "embed_flat",
    "embed_jointly",
    "parameter_subset",
    "per_episode_norms",
    "query_cross_entropy",
    "query_pass",
    "statistics",
    "support_pass",
    "width_of",
]
