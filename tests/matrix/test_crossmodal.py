"""The learner conformance checks across modalities: support of one sense, queries of another.

All learners but their encoder is a joint one; MAML and Meta-LSTM adapt to the support's modality, in
each subset of the encoder that they can, and classify the other's.
"""

from __future__ import annotations

import pytest
from kshot.encoders import Joint
from kshot.encoders.joint import Normalise
from kshot.interfaces import Encoder
from kshot.testing import ENCODER_CHECKS, LEARNER_CHECKS, Subject
from kshot.testing.senses import Hearing, Seeing, crossmodal_subject, sensed

from .learners import CASES, Case

WAYS = [("seen", "heard"), pytest.param("heard", "seen", marks=pytest.mark.slow)]
MORE = {
    "maml-last": Case("maml", {"adapt": "last", "head": "prototype", "inner_rate": 0.05}),
    "meta_lstm-last": Case("meta_lstm", {"adapt": "last", "head": "shared", "inner_steps": 2, "hidden": 4}),
}
EVERY = {**CASES, **MORE}


FIRST_ORDER = "of first order: the support's tower learns from episodes of the other direction alone"
UNTRAINED = "it trains nothing: the modalities must have been brought together before"
EXCEPTIONS = {
    **{
        case: {"gradients": FIRST_ORDER, "autocast": FIRST_ORDER}
        for case in ("meta_lstm-head", "meta_lstm-last")
    },
    "meta_lstm": {"gradients": FIRST_ORDER, "autocast": FIRST_ORDER, "learns": FIRST_ORDER},
    **{case: {"learns": UNTRAINED} for case in ("baseline++", "linear_probe", "simpleshot")},
}


@pytest.mark.parametrize("check", LEARNER_CHECKS)
@pytest.mark.parametrize("case", EVERY)
@pytest.mark.parametrize(("support", "query"), WAYS)
def test_learners_cross_modalities(support: str, query: str, case: str, check: str) -> None:
    subject, one = crossmodal_subject(support, query), EVERY[case]
    exceptions = {**one.exceptions, **EXCEPTIONS.get(case, {})}
    if check in exceptions:
        pytest.skip(f"{case} cannot: {exceptions[check]}")
    LEARNER_CHECKS[check](one.factory(subject), subject)


@pytest.mark.parametrize("check", ENCODER_CHECKS)
@pytest.mark.parametrize("tower", [Seeing, Hearing])
@pytest.mark.parametrize("normalise", ["length", "layer", "none"])
def test_the_joint_encoder_conforms(normalise: Normalise, tower: type[Encoder], check: str) -> None:
    modality = tower().modality
    subject = Subject(
        f"joint-{modality}",
        lambda: Joint(of={modality: tower()}, dim=8, normalise=normalise),
        sensed(modality, classes=6),
    )
    ENCODER_CHECKS[check](subject)
