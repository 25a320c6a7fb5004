"""What happens to a learner: how it is pretrained, trained and evaluated, and how data is held."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from kshot.config.once import each_once
from kshot.config.shapes import ShapeEntry, TestedShape
from kshot.config.sizes import QueriesEntry, ShotEntry, WayEntry
from kshot.config.strict import Strict
from kshot.shapes import Fixed, Shape


class Optimisation(Strict):
    """How parameters are moved.

    Attributes:
        optimizer: ``adam``, ``adamw`` or ``sgd`` (momentum 0.9).
        learning_rate: of the first step.
        schedule: ``constant``, ``cosine`` (to zero) or ``halving``.
        halving_every: episodes (examples, in pretraining) after which ``halving`` halves the rate;
            none: a fifth of the training.
        weight_decay: as the optimiser defines it.
        clip: largest norm of the gradient; none: not clipped.
        precision: ``float32``, or ``bfloat16`` by autocast: faster on a GPU, and on a processor with AVX-512.
    """

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "cosine", "halving"] = "constant"
    halving_every: int | None = Field(default=None, ge=1)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float | None = Field(default=None, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"


class Train(Optimisation):
    """How learners are trained.

    Attributes:
        way, shot, queries, within, apart: shape of the training episodes; where it is a distribution,
            the episodes of a meta-batch share one size.
        episodes: training episodes in all.
        meta_batch: episodes per optimiser step.
        validations: how often validation episodes are scored while training, evenly spread.
        validation_episodes: episodes each time.
        patience: validations in a row without a better accuracy after which training ends early; the
            weights of the best validation are the ones that are kept. None: training runs to its
            end and keeps the last weights.
        start: a checkpoint, of whatever run, from which to go on; from its best validation's weights,
            where that run had ``patience``.
        checkpoint_seconds: how often the state of a training is written, at most, between its validations
            (which write it too); 0: after every step. No figure depends on it.
    """

    way: WayEntry = 5
    shot: ShotEntry = 1
    queries: QueriesEntry = 5
    within: str | None = None
    apart: str | None = None
    episodes: int = Field(default=2000, ge=0)
    meta_batch: int = Field(default=1, ge=1)
    validations: int = Field(default=5, ge=0)
    validation_episodes: int = Field(default=50, ge=2)
    patience: int | None = Field(default=None, ge=1)
    start: Path | None = Field(default=None, strict=False)
    checkpoint_seconds: float = Field(default=60.0, ge=0)

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if self.patience is not None and self.validations == 0:
            raise ValueError("patience counts validations, and validations is 0; set one of them otherwise")
        return self

    @property
    def shape(self) -> Shape:
        """Shape of the training episodes."""
        return Shape(self.way, self.shot, self.queries, self.within, self.apart)


class Pretrain(Optimisation):
    """What an encoder is taught as a whole, before episodes or instead of them.

    Attributes:
        objective: ``classes``: ordinary classification of the training classes; ``pairs``: InfoNCE between
            the modalities of a source ``aligned``, all parts of it; none: pairs where there are
            several modalities, else classes.
        epochs: passes over the training examples.
        batch: examples per step; of pairs, classes.
    """

    objective: Literal["classes", "pairs"] | None = None
    epochs: int = Field(default=20, ge=1)
    batch: int = Field(default=64, ge=2)
    schedule: Literal["constant", "cosine", "halving"] = "cosine"


class Unknown(Strict):
    """Queries of no class of their episode: of other classes of the same split, or of no class at all.

    Attributes:
        classes: unknown classes of an episode.
        queries: queries of each.
        out_of_scope: as many examples of no class in their place, which then count for nothing; the source must have
            such.
        score: what tells how known a query looks: its largest logit, the softmax's largest probability (by its
            log-odds), the free energy (logsumexp), or the cosine of its embedding with the nearest class of the
            support, before a learner adapts anything. All are kept; this one's measures are shown.
    """

    classes: int = Field(default=5, ge=1)
    queries: int = Field(default=5, ge=1)
    out_of_scope: int | None = Field(default=None, ge=1)
    score: Literal["max_logit", "max_softmax", "energy", "cosine"] = "max_logit"


class Evaluate(Strict):
    """How learners are evaluated.

    Attributes:
        shapes: shapes of the test episodes, or fixed lists of them, all scored from one training.
        queries: queries of a class, or of all together, where a shape names none.
        episodes: test episodes per shape; a fixed list is scored whole.
        seed: of the test and validation episodes; not the training seed.
        batch_statistics: where batch norms take their statistics from; none: as each learner does.
        metrics: names of metrics scored beside accuracy and what is customary for a modality.
        unknown: queries of unknown classes, by which rejection is measured; ``false``: none.
    """

    shapes: list[TestedShape] = Field(
        default_factory=lambda: [ShapeEntry(way=5, shot=1), ShapeEntry(way=5, shot=5)], min_length=1
    )
    queries: QueriesEntry = 15
    episodes: int = Field(default=600, ge=2)
    seed: int = Field(default=1234, ge=0)
    batch_statistics: Literal["frozen", "support", "query"] | None = None
    metrics: list[str] = Field(default_factory=list[str])
    unknown: Unknown | Literal[False] = False

    @model_validator(mode="after")
    def _each_shape_once(self) -> Self:
        """Twice the same, in whatever form, it would count as two seeds of one row."""
        try:
            each_once(self.all_shapes())
        except ValueError as error:
            # Only here are the queries known that an entry does without, but it is the list that is wrong.
            details: InitErrorDetails = {
                "type": "value_error",
                "loc": ("shapes",),
                "input": self.shapes,
                "ctx": {"error": error},
            }
            raise ValidationError.from_exception_data(type(self).__name__, [details]) from error
        return self

    def all_shapes(self) -> list[Shape | Fixed]:
        """The shapes with their query counts, and fixed lists by name."""
        return [entry.shape(self.queries) for entry in self.shapes]


class Loading(Strict):
    """How data is held.

    Attributes:
        memory_gib: a split whose prepared inputs are larger is decoded on the fly.
        workers: processes that decode on the fly.
    """

    memory_gib: float = Field(default=4.0, gt=0)
    workers: int = Field(default=0, ge=0)
