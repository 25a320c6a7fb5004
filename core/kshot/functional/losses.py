"""The loss that most learners lower."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def query_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over all queries, in nats: (T, Q, way) logits, (T, Q) labels → scalar."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())
