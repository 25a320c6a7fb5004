"""Every learner around a joint encoder: the support in one modality, the queries in another, or both mixed."""

from __future__ import annotations

import copy
from unittest import SkipTest

import pytest
import torch
from kshot.episode import Episodes, Examples
from kshot.testing import LEARNER_CHECKS, Subject
from kshot.testing.making import logits_of, made, trained

from tests.senses import across, joint, paired, raw

from .learners import CASES

SUBJECTS = {"plain": across(), "norms": across(norm=True)}
TRAINED = "learns"

CONSTANT = (
    "Meta-LSTM takes inner gradients for constants, as published, so what only the support passes and is "
    "not adapted learns from episodes of the other direction alone"
)
EXCEPTIONS = {
    ("plain", "meta_lstm-head"): {"gradients": CONSTANT, "autocast": CONSTANT},
    ("norms", "meta_lstm-head"): {"gradients": CONSTANT, "autocast": CONSTANT},
    ("norms", "meta_lstm"): {"gradients": CONSTANT, "autocast": CONSTANT},
}


@pytest.mark.parametrize("case", CASES)
def test_it_learns_across_once_modalities_are_brought_together(case: str) -> None:
    LEARNER_CHECKS[TRAINED](CASES[case].factory(subject := paired()), subject)


@pytest.mark.parametrize("check", [check for check in LEARNER_CHECKS if check != TRAINED])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", SUBJECTS)
def test_support_seen_and_queries_heard(kind: str, case: str, check: str) -> None:
    one, subject = CASES[case], SUBJECTS[kind]
    exceptions = {**one.exceptions, **EXCEPTIONS.get((kind, case), {})}
    if check in exceptions:
        pytest.skip(f"{case} cannot: {exceptions[check]}")
    LEARNER_CHECKS[check](one.factory(subject), subject)


@pytest.mark.parametrize(("kind", "case"), EXCEPTIONS)
def test_exceptions_are_needed(kind: str, case: str) -> None:
    """A check that is excepted, and would pass, is an exception too many."""
    subject = SUBJECTS[kind]
    for check in EXCEPTIONS[kind, case]:
        with pytest.raises(AssertionError):
            LEARNER_CHECKS[check](CASES[case].factory(subject), subject)


HEARD = Subject("sound", joint, raw("sound"))


def mixed(count: int = 3, dtype: torch.dtype = torch.float32, way: int = 3) -> Episodes:
    """Supports of two seen and one heard example a class, queries of both."""
    classes = list(range(way))  # the same classes under the same labels in both senses
    parts = [
        _ordered(subject.episodes(count, way, shots, 2, dtype=dtype, classes=classes))
        for subject, shots in ((SUBJECTS["plain"], 2), (HEARD, 1))
    ]
    seen = Subject("sight", joint, raw("sight")).episodes(count, way, 1, 2, dtype=dtype, classes=classes)
    return Episodes(
        (parts[0].support[0], parts[1].support[0]),
        (_ordered(seen).query[0], parts[1].query[0]),
        parts[0].classes,
    )


def _ordered(episodes: Episodes) -> Episodes:
    """Labels as the classes' names say, so that blocks of several subjects fit together."""
    names = torch.tensor([[int(name.removeprefix("class-")) for name in row] for row in episodes.classes])

    def named(block: Examples) -> Examples:
        return Examples(block.inputs, names.gather(1, block.labels), block.way)

    ordered = tuple(tuple(sorted(row, key=lambda name: int(name[6:]))) for row in episodes.classes)
    return Episodes((named(episodes.support[0]),), (named(episodes.query[0]),), ordered)


@pytest.mark.parametrize("case", CASES)
def test_mixed_support_and_queries(case: str) -> None:
    learner = made(CASES[case].factory(HEARD), HEARD, dtype=torch.float64)
    episodes = mixed(dtype=torch.float64)
    logits = logits_of(learner, episodes)
    assert logits.shape == (3, 12, 3)
    assert bool(logits.isfinite().all())
    # An episode alone has the logits that it has among others.
    torch.testing.assert_close(logits_of(learner, episodes.slice(1, 2)), logits[1:2])
    # Both blocks of the support are heard.
    for left in (0, 1):
        fewer = Episodes((episodes.support[1 - left],), episodes.query, episodes.classes)
        assert not torch.allclose(logits_of(learner, fewer), logits)
    # Queries in another order of blocks have the same logits elsewhere.
    turned = learner.adapt(episodes.support)(episodes.query_inputs[::-1])
    torch.testing.assert_close(torch.cat([turned[:, 6:], turned[:, :6]], dim=1), logits)


@pytest.mark.parametrize("case", CASES)
def test_a_mixed_loss_reaches_both_towers(case: str) -> None:
    learner = made(CASES[case].factory(HEARD), HEARD)
    try:
        trained(learner)
    except SkipTest as reason:
        pytest.skip(str(reason))
    learner.loss(mixed()).backward()
    for tower in ("sight", "sound"):
        slopes = [
            parameter.grad
            for name, parameter in learner.encoder.named_parameters()
            if f"towers.{tower}." in name and parameter.requires_grad
        ]
        assert slopes and any(slope is not None and bool(slope.any()) for slope in slopes)


@pytest.mark.parametrize("case", ["maml", "meta_lstm"])
def test_in_training_queries_of_one_sense_change_nothing_for_those_of_the_other(case: str) -> None:
    """Norms that the support passes take its statistics, the others running ones as they were."""
    subject = SUBJECTS["norms"]
    learner = made(CASES[case].factory(subject), subject, dtype=torch.float64).train()
    episodes = mixed(dtype=torch.float64)
    support, queries = episodes.support[:1], episodes.query_inputs
    together = copy.deepcopy(learner).training_logits(support, queries).split(6, dim=1)
    for logits, block in zip(together, queries, strict=True):
        alone = copy.deepcopy(learner).training_logits(support, (block,))
        torch.testing.assert_close(logits, alone, rtol=0, atol=1e-9)


def test_in_training_norms_that_only_queries_pass_learn_from_these_once_they_were_computed() -> None:
    subject = SUBJECTS["norms"]
    learner = made(CASES["maml"].factory(subject), subject, dtype=torch.float64).train()
    episodes = mixed(dtype=torch.float64)
    seen, heard = (learner.encoder.tower(sense).norm for sense in ("sight", "sound"))
    learner.training_logits(episodes.support[:1], episodes.query_inputs)
    assert (int(seen.num_batches_tracked), int(heard.num_batches_tracked)) == (0, 3)
    assert heard.running_mean.any()
