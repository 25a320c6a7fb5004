"""The method against the paper's formulas, one episode, one query and one class at a time."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from kshot.episode import Episodes, Examples
from kshot_relation.learner import RelationNetwork
from kshot_relation.modules import OfMaps
from torch import Tensor, nn

SUPPORT, QUERY = (0, 1, 1, 2, 1, 2), (2, 0, 1, 1)
"""Labels: classes of one, three and two examples."""


class Flat(nn.Module):
    """An encoder whose embeddings are known: a linear map of bare tensors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dim = width
        self.linear = nn.Linear(5, width)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.linear(inputs["values"])


def episodes(count: int = 2) -> Episodes:
    generator = torch.Generator().manual_seed(0)

    def block(labels: tuple[int, ...]) -> Examples:
        values = torch.randn(count, len(labels), 5, generator=generator, dtype=torch.float64)
        return Examples({"values": values}, torch.tensor(labels).expand(count, -1), 3)

    return Episodes((block(SUPPORT),), (block(QUERY),), (("a", "b", "c"),) * count)


def learner(**options: int) -> RelationNetwork:
    torch.manual_seed(1)
    return RelationNetwork(Flat(18), **options).double()


def score(module: nn.Module, total: Tensor, query: Tensor) -> Tensor:
    """g of one pair of vectors, as the paper writes it."""
    first, _, last = module.layers
    both = torch.cat([total, query])
    return last.weight[0] @ F.relu(first.weight @ both + first.bias) + last.bias[0]


def test_scores_are_those_of_the_paper_s_formula() -> None:
    one, given = learner(), episodes()
    logits = one.eval().adapt(given.support)(given.query_inputs)
    for t in range(len(given)):
        support = one.encoder.linear(given.support[0].inputs["values"][t])
        query = one.encoder.linear(given.query[0].inputs["values"][t])
        for k in range(3):
            total = torch.stack([support[i] for i, label in enumerate(SUPPORT) if label == k]).sum(0)
            for q in range(len(QUERY)):
                torch.testing.assert_close(logits[t, q, k], score(one.relation, total, query[q]))


def test_the_loss_is_the_mean_squared_error_of_the_scores() -> None:
    one, given = learner(), episodes()
    scores = torch.sigmoid(one.training_logits(given.support, given.query_inputs))
    errors = [
        (scores[t, q, k] - float(QUERY[q] == k)) ** 2
        for t in range(2)
        for q in range(len(QUERY))
        for k in range(3)
    ]
    torch.testing.assert_close(one.loss(given), torch.stack(errors).mean())


def test_maps_are_put_side_by_side_channel_by_channel() -> None:
    """Two channels of 3×3: a pair has the class's two, then the query's two."""
    one, given = learner(channels=2, hidden=4), episodes(1)
    one.eval()
    seen: list[Tensor] = []
    one.relation.blocks.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    one.adapt(given.support)(given.query_inputs)
    support = one.encoder.linear(given.support[0].inputs["values"][0])
    query = one.encoder.linear(given.query[0].inputs["values"][0])
    assert seen[0].shape == (len(QUERY) * 3, 4, 3, 3)
    pair = seen[0][1]  # query 0, class 1
    torch.testing.assert_close(pair[:2].flatten(), support[[1, 2, 4]].sum(0))
    torch.testing.assert_close(pair[2:].flatten(), query[0])


def test_in_training_the_relation_module_s_norms_see_one_episode_at_a_time() -> None:
    """As an ordinary batch norm does that is shown the episodes one after the other."""
    one, given = learner(channels=2, hidden=4).train(), episodes(2)
    together = one.training_logits(given.support, given.query_inputs)
    again = learner(channels=2, hidden=4).train()
    alone = [
        again.training_logits(part.support, part.query_inputs)
        for part in (given.slice(0, 1), given.slice(1, 2))
    ]
    torch.testing.assert_close(together, torch.cat(alone))
    norms = [module for module in one.relation.modules() if hasattr(module, "running_mean")]
    assert norms
    assert all(norm.running_mean.abs().max() > 0 for norm in norms)


def test_the_paper_s_module_for_its_own_sizes() -> None:
    """Figure 2 on pictures of 84×84: maps of 64×19×19 become 64×4×4 by convolutions that pad."""
    module = OfMaps(64 * 19 * 19, 64, 8)
    assert module.layers[0].in_features == 64 * 4 * 4
    assert [tuple(one.weight.shape) for one in module.modules() if isinstance(one, nn.Conv2d)] == [
        (64, 128, 3, 3),
        (64, 64, 3, 3),
    ]


def test_an_embedding_that_is_no_square_map_is_refused_with_the_mend() -> None:
    with pytest.raises(ValueError, match=r"18 numbers is not 4 square maps; give the encoder's own number"):
        learner(channels=4)


def test_an_encoder_that_does_not_tell_its_width_is_refused() -> None:
    with pytest.raises(ValueError, match="give the Identity an attribute 'dim'"):
        RelationNetwork(nn.Identity())
