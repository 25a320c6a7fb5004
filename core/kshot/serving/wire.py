"""What is answered, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from kshot.classifier import Answer
from kshot.serving.desk import Desk, State
from kshot.serving.shown import Shown

_SAMPLE = 8
"""Examples of each class that the model's description names, the newest."""

_TEXT = 280
"""Characters of an example that are told; the whole is under its address."""


class Example(BaseModel):
    """An example that the model holds."""

    number: Annotated[int, Field(description="its place in its class, from 1")]
    name: Annotated[str | None, Field(description="what its sender called it; null: it came with the model")]
    media: Annotated[str | None, Field(description="type of what is kept of it to show; null: nothing")]
    href: Annotated[str | None, Field(description="where that is")]
    text: Annotated[str | None, Field(description="of a text, its beginning")]


class Near(Example):
    """An example near to what was asked about."""

    label: str
    similarity: Annotated[float, Field(description="cosine of the embeddings, -1 to 1")]


class Probability(BaseModel):
    """One class."""

    label: str
    probability: float


class Prediction(BaseModel):
    """What is said of one thing."""

    name: str
    label: Annotated[str, Field(description="the likeliest class, or `unknown`")]
    known: Annotated[bool, Field(description="false: it is like none of the classes")]
    familiarity: Annotated[float, Field(description="likeness to the nearest class, -1 to 1")]
    probabilities: Annotated[list[Probability], Field(description="of all classes, the likeliest first")]
    nearest: Annotated[list[Near], Field(description="examples, the nearest first")]


class Predictions(BaseModel):
    """What is said of all things that were sent, in their order."""

    predictions: list[Prediction]
    threshold: Annotated[
        float | None, Field(description="a familiarity below it is unknown; null: nothing is")
    ]
    revision: Annotated[int, Field(description="of the model that said it")]


class ModelClass(BaseModel):
    """A class."""

    name: str
    count: Annotated[int, Field(description="examples that it has")]
    examples: Annotated[list[Example], Field(description="some that can be shown, the newest first")]


class Allowed(BaseModel):
    """What the server accepts."""

    request_bytes: int
    file_bytes: int
    things: Annotated[int, Field(description="in one request")]
    examples: Annotated[int, Field(description="of one class")]
    classes: int
    extent: Annotated[float, Field(description="of one thing, in `unit`s")]
    unit: str


class Model(BaseModel):
    """The classifier as it stands."""

    name: str
    modality: str
    encoder: str
    learner: str
    threshold: float | None
    temperature: float
    negatives: Annotated[int, Field(description="examples of no class, by which the threshold is set")]
    classes: list[ModelClass]
    suffixes: Annotated[list[str], Field(description="endings of files that it reads")]
    limits: Allowed
    revision: Annotated[int, Field(description="changes since the server started")]
    saved: Annotated[bool, Field(description="true: the file holds what stands here")]
    writable: Annotated[bool, Field(description="true: POST /model/save is allowed")]


class Health(BaseModel):
    """The server answers."""

    status: str = "ok"


class Refused(BaseModel):
    """Why a request was not met."""

    detail: str


def predictions(state: State, names: Sequence[str], answers: Sequence[Answer]) -> Predictions:
    """Answers in the state that gave them."""
    threshold, numbers = state.classifier.threshold_, _numbers(state)
    return Predictions(
        predictions=[
            _prediction(state, numbers, name, answer) for name, answer in zip(names, answers, strict=True)
        ],
        threshold=threshold,
        revision=state.revision,
    )


def model(name: str, desk: Desk, state: State) -> Model:
    """A description of a state."""
    classifier, limits = state.classifier, desk.limits
    shown = _shown(state)
    return Model(
        name=name,
        modality=classifier.modality_,
        encoder=classifier.recipe_.encoder.use,
        learner=classifier.recipe_.learner.use,
        threshold=classifier.threshold_,
        temperature=classifier.temperature_,
        negatives=classifier.negatives_,
        classes=[
            ModelClass(name=label, count=count, examples=shown.get(label, [])[:_SAMPLE])
            for label, count in classifier.counts_.items()
        ],
        suffixes=list(classifier.reader_.suffixes),
        limits=Allowed(
            request_bytes=limits.request_bytes,
            file_bytes=limits.file_bytes,
            things=limits.things,
            examples=limits.examples,
            classes=limits.classes,
            extent=desk.extent,
            unit=classifier.reader_.unit,
        ),
        revision=state.revision,
        saved=state.revision == state.saved,
        writable=desk.writable,
    )


def _prediction(state: State, numbers: Sequence[int], name: str, answer: Answer) -> Prediction:
    threshold = state.classifier.threshold_
    return Prediction(
        name=name,
        label=answer.label,
        known=threshold is None or answer.familiarity >= threshold,
        familiarity=answer.familiarity,
        probabilities=[Probability(label=label, probability=share) for label, share in answer.ranked],
        nearest=[
            Near(
                label=one.label,
                similarity=one.similarity,
                **_described(numbers[one.number], state.kept[one.number]).model_dump(),
            )
            for one in answer.nearest
        ],
    )


def _shown(state: State) -> Mapping[str, list[Example]]:
    """By class, its examples that can be shown, the newest first."""
    found: dict[str, list[Example]] = {}
    labelled = zip(state.classifier.support_labels_, _numbers(state), state.kept, strict=True)
    for label, number, one in reversed(list(labelled)):
        if one is not None and one.drawn is not None:
            found.setdefault(label, []).append(_described(number, one))
    return found


def _numbers(state: State) -> list[int]:
    """Of each example, its place in its class, from 1."""
    counts: dict[str, int] = {}
    numbers: list[int] = []
    for label in state.classifier.support_labels_:
        counts[label] = counts.get(label, 0) + 1
        numbers.append(counts[label])
    return numbers


def _described(number: int, shown: Shown | None) -> Example:
    drawn = None if shown is None else shown.drawn
    if shown is None or drawn is None:
        name = None if shown is None else shown.name
        return Example(number=number, name=name, media=None, href=None, text=None)
    text = drawn.data.decode(errors="replace") if drawn.media == "text/plain" else None
    if text is not None and len(text) > _TEXT:
        text = f"{text[:_TEXT]}…"
    return Example(
        number=number, name=shown.name, media=drawn.media, href=f"/examples/{shown.key}", text=text
    )
