"""What is timed: the rows of the table, who competes in each, and how many units a turn takes."""

from __future__ import annotations

from dataclasses import dataclass

PEERS = ("easyfsl", "learn2learn", "torchopt", "higher")


@dataclass(frozen=True)
class Row:
    """One kind of work.

    Attributes:
        name: as the contenders' ``ROWS`` have it.
        unit: what is counted, in the plural.
        per_unit: how many of what the table counts lie in one unit of a contender's ``run``.
        peers: that can do it.
        peer_row: name of the row whose rate stands for the peers, where they have no such way.
        goal: least ratio to the best peer; none: not set.
        reference: whether the tuned reference does it too.
    """

    name: str
    unit: str
    per_unit: int = 1
    peers: tuple[str, ...] = ()
    peer_row: str | None = None
    goal: float | None = None
    reference: bool = True


_BOTH = ("easyfsl", "learn2learn")
_MAML = ("learn2learn", "torchopt", "higher")
_BY_EPISODE = "evaluation by episode, 5w1s"

ROWS = (
    Row("prototypical training, 5w1s", "episodes", peers=_BOTH, goal=1.45),
    Row("prototypical training, 20w5s", "episodes", peers=_BOTH, goal=1.6),
    Row(
        "prototypical training, 5w1s, bfloat16", "episodes", peer_row="prototypical training, 5w1s", goal=2.4
    ),
    Row(
        "prototypical training, 20w5s, bfloat16",
        "episodes",
        peer_row="prototypical training, 20w5s",
        goal=2.4,
    ),
    Row(_BY_EPISODE, "episodes", peers=_BOTH, goal=2.8),
    Row("evaluation by episode, 20w5s", "episodes", peers=_BOTH, goal=2.8),
    Row("evaluation, embedded once, 1,000 episodes", "episodes", 1_000, peer_row=_BY_EPISODE, goal=27),
    Row("evaluation, embedded once, 10,000 episodes", "episodes", 10_000, peer_row=_BY_EPISODE, goal=230),
    Row("cached embeddings, 5w5s", "episodes", peers=("easyfsl",), goal=17),
    Row("sampling, 5w1s", "episodes", peers=_BOTH),
    Row("sampling, 20w5s", "episodes", peers=_BOTH),
    Row("sampling with pictures, 5w1s", "episodes", peers=_BOTH),
    Row("sampling with pictures, 20w5s", "episodes", peers=_BOTH),
    Row("sampling, 5w1s, 5,000 x 1,000", "episodes", reference=False),
    Row("maml, second order, 1 step", "meta-steps", peers=_MAML, goal=1.2),
    Row("maml, second order, 5 steps", "meta-steps", peers=_MAML, goal=1.2),
    Row("maml, first order, 1 step", "meta-steps", peers=("learn2learn",), goal=1.4),
    Row("maml, first order, 5 steps", "meta-steps", peers=("learn2learn",), goal=1.4),
    Row("matching with FCE, training", "episodes", reference=False),
    Row("siamese, training", "episodes", reference=False),
    Row("meta-LSTM, training", "episodes", reference=False),
    Row("maml on a small transformer", "meta-steps", reference=False),
    Row("maml on a d-vector encoder", "meta-steps", reference=False),
    Row("import", "starts", reference=False),
    Row("command's help", "starts", reference=False),
)
