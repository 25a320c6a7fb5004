"""Which settings hold for one cell: everybody's, and on top of them those of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from kshot.config.configuration import Configuration
from kshot.config.parts import Overrides
from kshot.config.problems import problems_of
from kshot.config.stages import Evaluate, Pretrain, Train
from kshot.config.strict import Strict
from kshot.shapes import Shape

Own = tuple[str, Overrides]
"""A part's settings of its own, and their place in the configuration, for messages."""

NOTHING: Own = ("", Overrides())
"""Of a part that has none."""


@dataclass(frozen=True)
class Settings:
    """How one learner with one encoder is pretrained, trained and evaluated on one source."""

    pretrain: Pretrain | None
    train: Train
    evaluate: Evaluate

    @property
    def validation_shape(self) -> Shape:
        """Shape of the validation episodes: the first that is drawn for the test, else that of training."""
        drawn = (shape for shape in self.evaluate.all_shapes() if isinstance(shape, Shape))
        return next(drawn, self.train.shape)


def settings_of(
    configuration: Configuration, source: Own, encoder: Own = NOTHING, learner: Own = NOTHING
) -> tuple[Settings, list[str]]:
    """The configuration's settings, on top of them a source's own, then an encoder's, then a learner's.

    A pretraining happens where the configuration or the learner asks for one; what a source or an
    encoder says of it changes how. Each of them may refuse it.

    Returns:
        the settings, and what is wrong with them.
    """
    layers = [source, encoder, learner]
    train, problems = configuration.train, list[str]()
    evaluate = configuration.evaluate
    pretrain = configuration.pretrain or Pretrain()
    for where, own in layers:
        train, more = _with(train, Train, own.train, f"{where}.train")
        problems += more
        changes = own.evaluate.model_dump(exclude_none=True)
        evaluate, more = _with(evaluate, Evaluate, changes, f"{where}.evaluate")
        problems += more
        pretrain, more = _with(pretrain, Pretrain, own.pretrain or {}, f"{where}.pretrain")
        problems += more
    asked = configuration.pretrain is not None or bool(learner[1].pretrain)
    refused = any(own.pretrain is False for _, own in layers)
    return Settings(pretrain if asked and not refused else None, train, evaluate), problems


M = TypeVar("M", bound=Strict)


def _with(base: M, model: type[M], changes: Mapping[str, Any], where: str) -> tuple[M, list[str]]:
    if not changes:
        return base, []
    values = {**base.model_dump(), **changes}
    try:
        return model.model_validate(values), []
    except ValidationError as error:
        return base, problems_of(error, values, model, where)
