"""What a benchmark is put together from: sources, encoders and learners, each with its options."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, cast

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kshot.config.forms import KeysOf
from kshot.config.shapes import TestedShape
from kshot.config.stages import Pretrain, Train, Unknown
from kshot.config.strict import Strict

Subset = Literal["none", "head", "last", "lora", "all"]
"""What trains in an encoder: nothing, a linear map on top of it, or a part of its parameters."""


class Use(Strict):
    """A registered thing and its options: ``prototypical`` or ``{use: prototypical, distance: cosine}``.

    Attributes:
        use: the registered name; an option may follow a colon, as in ``hf-text:MODEL``.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    use: str

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"use": value} if isinstance(value, str) else value

    @property
    def options(self) -> dict[str, Any]:
        """What is passed to the factory."""
        return dict(self.model_extra or {})


class Variant(Use):
    """One column or row of the grid; an option sweeps by ``{grid: [a, b]}``.

    Attributes:
        id: its name in results; none: built from what differs.
    """

    id: str | None = None


class Lora(Strict):
    """Low-rank adapters in an encoder (Hu et al., ICLR 2022).

    Attributes:
        rank: of each adapter.
        alpha: its product is scaled by alpha / rank; none: by 1.
        targets: layers by the end of their name; none: every linear and plain convolutional layer.
    """

    rank: int = Field(default=8, ge=1)
    alpha: int | None = Field(default=None, ge=1)
    targets: list[str] | None = Field(default=None, min_length=1)


class Tuning(Strict):
    """How the outer loop trains an encoder.

    Attributes:
        train: what trains: ``none``, ``head`` (a linear map on top), ``last``, ``lora`` or ``all``; none:
            all, or of a pretrained encoder nothing.
        lora: adapters to put into it; ``train: lora`` alone takes the defaults.
        layer_decay: factor of the learning rate from each block to the one before it.
        gradient_checkpointing: keep only what enters each block, and compute the rest again on the
            way back: less memory, more time, the same gradients.
    """

    train: Subset | None = None
    lora: Lora | None = None
    layer_decay: float | None = Field(default=None, gt=0, le=1)
    gradient_checkpointing: bool = False

    @model_validator(mode="before")
    @classmethod
    def _with_adapters(cls, value: Any) -> Any:
        if isinstance(value, dict):
            given = cast("dict[str, Any]", value)
            if given.get("train") == "lora" and given.get("lora") is None:
                return {**given, "lora": {}}
        return value

    def told(self) -> dict[str, Any]:
        """For records and names: what differs from the defaults."""
        fields = type(self).model_fields
        return {name: value for name, value in self.model_dump().items() if value != fields[name].default}


class Tower(Use, Tuning):
    """An encoder that another one is made of, its options, and how the outer loop trains it."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if self.layer_decay is not None:
            raise ValueError("layer_decay is nothing that a tower has of its own; leave it out")
        return self

    @property
    def tuning(self) -> Tuning:
        """How the outer loop trains it."""
        return Tuning.model_validate({name: getattr(self, name) for name in Tuning.model_fields})


class EvaluateOverride(Strict):
    """What may be evaluated otherwise than the rest; seed, queries and episodes are everybody's.

    Attributes:
        shapes: other shapes of the test episodes.
        batch_statistics: other statistics of batch norms.
        unknown: other queries of unknown classes; ``false``: none.
    """

    shapes: list[TestedShape] | None = Field(default=None, min_length=1)
    batch_statistics: Literal["frozen", "support", "query"] | None = None
    unknown: Unknown | Literal[False] | None = None


class Overrides(Strict):
    """Where the training and evaluation of one source, encoder or learner differ from the rest.

    Attributes:
        train: keys of ``train`` with other values.
        pretrain: keys of ``pretrain`` with other values; ``false``: none.
        evaluate: other shapes, other batch statistics, other unknown queries.
    """

    train: Annotated[dict[str, Any], KeysOf(Train)] = Field(default_factory=dict[str, Any])
    pretrain: Annotated[dict[str, Any] | Literal[False], KeysOf(Pretrain)] = Field(
        default_factory=dict[str, Any]
    )
    evaluate: EvaluateOverride = Field(default_factory=EvaluateOverride)


class EncoderVariant(Variant, Tuning):
    """An encoder, its options, how the outer loop trains it, and settings of its own.

    Attributes:
        settings: of every learner around it; they go before a source's, and a learner's before them.
            They stand under a key of their own because ``train`` says what trains in the encoder.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    settings: Overrides = Field(default_factory=Overrides)

    @property
    def tuning(self) -> Tuning:
        """How the outer loop trains it."""
        return Tuning.model_validate({name: getattr(self, name) for name in Tuning.model_fields})


class LearnerVariant(Variant, Overrides):
    """A learner, its options, and settings of its own, which go before those of source and encoder."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class SourceEntry(Use, Overrides):
    """A source, its options, and settings of its own; ``use`` defaults to the key under which it stands."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler(core_schema)
        handler.resolve_ref_schema(found).pop("required", None)
        return found
