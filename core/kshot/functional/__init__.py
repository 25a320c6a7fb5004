"""What learners are built from: embedding passes and norms that keep episodes apart."""

from kshot.functional.embedding import embed, embed_jointly, query_pass, support_pass
from kshot.functional.norms import (
    EpisodicBatchNorm,
    Pass,
    per_episode_norms,
    statistics,
)

__all__ = [
    "EpisodicBatchNorm",
    "Pass",
    "embed",
    "embed_jointly",
    "per_episode_norms",
    "query_pass",
    "statistics",
    "support_pass",
]
