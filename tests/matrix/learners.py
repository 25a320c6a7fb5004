"""The learners of the pairing matrix: every one that the core registers, and variants of some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from kshot.functional import add_lora
from kshot.registry import load_registry
from kshot.registry.load import CORE
from kshot.testing import LearnerFactory, Subject, learner_factory

_LARGE = 1_000_000
"""Weights of which a copy for each of an inner loop's steps takes too long here."""


@dataclass(frozen=True)
class Case:
    """One learner with some options.

    Attributes:
        learner: its name in the registry.
        options: smaller than the defaults where these would take long.
        exceptions: checks that the method cannot pass, each with the reason.
        adapts: True where it adapts the encoder, as far as that can be.
    """

    learner: str
    options: Mapping[str, Any] = field(default_factory=dict)
    exceptions: Mapping[str, str] = field(default_factory=dict)
    adapts: bool = False

    def factory(self, subject: Subject) -> LearnerFactory:
        """Builds the learner; of an encoder without parameters only the head adapts, of a
        pretrained or a large one the last block at most."""
        encoder = subject.encoder()
        large = encoder.pretrained or sum(one.numel() for one in encoder.parameters()) > _LARGE
        options = dict(self.options)
        if self.adapts and not list(encoder.parameters()):
            options["adapt"] = "head"
        elif self.adapts and large and options.get("adapt") != "lora":
            # A recurrent state for each of 1.8 million weights takes minutes a check.
            options["adapt"] = "head" if self.learner == "meta_lstm" else "last"
        make = learner_factory(_resolve(self.learner), **options)
        if options.get("adapt") != "lora":
            return make
        return lambda encoder, way: make(add_lora(encoder, rank=2), way)


_LEARNT_ROWS = {"label_equivariance": "each row of the linear head starts from learnt weights of its own"}
_CONTEXT = {"support_order": "full context embeddings read the support as a sequence"}

_TABLE: Mapping[str, Case] = {
    "prototypical": Case("prototypical"),
    "prototypical-cosine": Case("prototypical", {"distance": "cosine", "learn_scale": True}),
    "siamese": Case("siamese"),
    "siamese-contrastive": Case("siamese", {"loss": "contrastive", "aggregate": "max"}),
    "matching": Case("matching", exceptions=_CONTEXT),
    "matching-plain": Case("matching", {"fce": False}),
    "maml": Case("maml", exceptions=_LEARNT_ROWS, adapts=True),
    "maml-anil": Case("maml", {"adapt": "head", "head": "prototype", "inner_steps": 2, "inner_rate": 0.05}),
    "maml-lora": Case("maml", {"adapt": "lora", "head": "prototype", "inner_rate": 0.05}, adapts=True),
    "meta_lstm": Case("meta_lstm", {"inner_steps": 2, "hidden": 4}, _LEARNT_ROWS, adapts=True),
    "baseline++": Case(
        "baseline++",
        exceptions={"label_equivariance": "each row of the classifier starts at random numbers of its own"},
    ),
    "meta_lstm-head": Case("meta_lstm", {"adapt": "head", "head": "shared", "inner_steps": 2, "hidden": 4}),
}


@cache
def _registry() -> Any:
    return load_registry({})


def _resolve(name: str) -> Any:
    return _registry().find("learners", name).resolve()


def registered() -> list[str]:
    """Names of the core's own learners."""
    return [one.name for one in _registry().entries("learners") if one.distribution == CORE]


def _cases() -> Iterator[tuple[str, Case]]:
    """The table's, and a learner that it does not mention with its defaults."""
    names = registered()
    listed = {case.learner for case in _TABLE.values()}
    yield from ((key, case) for key, case in _TABLE.items() if case.learner in names)
    yield from ((name, Case(name)) for name in names if name not in listed)


CASES: Mapping[str, Case] = dict(_cases())
"""Id → case."""

UNREGISTERED = sorted({case.learner for case in _TABLE.values()} - set(registered()))
"""Learners of the table that the core does not register."""
