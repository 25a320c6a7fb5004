"""The configuration a user writes: one YAML file, read strictly, all its errors told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kshot.errors import ConfigurationError, nearest
from kshot.shapes import Fixed, Shape

Subset = Literal["none", "head", "last", "lora", "all"]
"""What trains in an encoder: nothing, a linear map on top of it, or a part of its parameters."""

_SHAPE = re.compile(r"(\d+)w(\d+)s")


class Strict(BaseModel):
    """A model that refuses unknown keys and guesses no types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ShapeEntry(Strict):
    """An episode shape in a configuration: ``5w1s`` or a mapping."""

    way: int = Field(ge=2)
    shot: int = Field(ge=1)
    queries: int | None = Field(default=None, ge=1)
    within: str | None = None
    apart: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            match = _SHAPE.fullmatch(value.strip())
            if match is None:
                raise ValueError("write a shape as '5w1s' or {way: 5, shot: 1, queries: 15}")
            return {"way": int(match[1]), "shot": int(match[2])}
        return value

    def shape(self, queries: int) -> Shape:
        """The shape, with ``queries`` where the entry names none."""
        count = queries if self.queries is None else self.queries
        return Shape(self.way, self.shot, count, self.within, self.apart)


class FixedEntry(Strict):
    """A source's own list of test episodes in a configuration: ``{fixed: name}``."""

    fixed: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(cast("dict[str, Any]", value)) > 1:
            raise ValueError("fixed episodes have a shape of their own; write {fixed: name} alone")
        return value

    def shape(self, queries: int) -> Fixed:
        """The list; its episodes have their own number of queries."""
        del queries
        return Fixed(self.fixed)


def _tested(value: Any) -> ShapeEntry | FixedEntry:
    if isinstance(value, ShapeEntry | FixedEntry):
        return value
    fixed = isinstance(value, dict) and "fixed" in value
    return FixedEntry.model_validate(value) if fixed else ShapeEntry.model_validate(value)


# The union alone would tell of every error twice, once for each of its members.
TestedShape = Annotated[ShapeEntry | FixedEntry, BeforeValidator(_tested)]


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
        precision: ``float32``, or ``bfloat16`` by autocast.
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
        way, shot, queries, within, apart: shape of the training episodes.
        episodes: training episodes in all.
        meta_batch: episodes per optimiser step.
        validations: how often validation episodes are scored while training, evenly spread.
        validation_episodes: episodes each time.
        start: a checkpoint, of whatever run, from which to go on.
        checkpoint_seconds: how often the state of a training is written, at most, between its validations
            (which write it too); 0: after every step. No figure depends on it.
    """

    way: int = Field(default=5, ge=2)
    shot: int = Field(default=1, ge=1)
    queries: int = Field(default=5, ge=1)
    within: str | None = None
    apart: str | None = None
    episodes: int = Field(default=2000, ge=0)
    meta_batch: int = Field(default=1, ge=1)
    validations: int = Field(default=5, ge=0)
    validation_episodes: int = Field(default=50, ge=2)
    start: Path | None = Field(default=None, strict=False)
    checkpoint_seconds: float = Field(default=60.0, ge=0)

    @property
    def shape(self) -> Shape:
        """Shape of the training episodes."""
        return Shape(self.way, self.shot, self.queries, self.within, self.apart)


class Pretrain(Optimisation):
    """Ordinary classification of the training classes, before episodes or instead of them.

    Attributes:
        epochs: passes over the training examples.
        batch: examples per step.
    """

    epochs: int = Field(default=20, ge=1)
    batch: int = Field(default=64, ge=2)
    schedule: Literal["constant", "cosine", "halving"] = "cosine"


class Evaluate(Strict):
    """How learners are evaluated.

    Attributes:
        shapes: shapes of the test episodes, or fixed lists of them, all scored from one training.
        queries: queries per class where a shape names none.
        episodes: test episodes per shape; a fixed list is scored whole.
        seed: of the test and validation episodes; not the training seed.
        batch_statistics: where batch norms take their statistics from; none: as each learner does.
        metrics: names of metrics scored beside accuracy.
    """

    shapes: list[TestedShape] = Field(
        default_factory=lambda: [ShapeEntry(way=5, shot=1), ShapeEntry(way=5, shot=5)], min_length=1
    )
    queries: int = Field(default=15, ge=1)
    episodes: int = Field(default=600, ge=2)
    seed: int = Field(default=1234, ge=0)
    batch_statistics: Literal["frozen", "support", "query"] | None = None
    metrics: list[str] = Field(default_factory=list[str])

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


class Use(Strict):
    """A registered thing and its options: ``prototypical`` or ``{use: prototypical, distance: cosine}``."""

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
    """One column or row of the grid; ``id`` names it in results, else it is built from what differs."""

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


class EncoderVariant(Variant, Tuning):
    """An encoder, its options, and how the outer loop trains it."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    @property
    def tuning(self) -> Tuning:
        """How the outer loop trains it."""
        return Tuning.model_validate({name: getattr(self, name) for name in Tuning.model_fields})


class EvaluateOverride(Strict):
    """What may be evaluated otherwise than the rest; seed, queries and episodes are everybody's."""

    shapes: list[TestedShape] | None = Field(default=None, min_length=1)
    batch_statistics: Literal["frozen", "support", "query"] | None = None


class Overrides(Strict):
    """Where the training and evaluation of one source or learner differ from the rest.

    Attributes:
        train: keys of ``train`` with other values.
        pretrain: keys of ``pretrain`` with other values; ``false``: none.
        evaluate: other shapes, other batch statistics.
    """

    train: dict[str, Any] = Field(default_factory=dict[str, Any])
    pretrain: dict[str, Any] | Literal[False] = Field(default_factory=dict[str, Any])
    evaluate: EvaluateOverride = Field(default_factory=EvaluateOverride)


class LearnerVariant(Variant, Overrides):
    """A learner, its options, and settings of its own, which go before a source's."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class SourceEntry(Use, Overrides):
    """A source, its options, and settings of its own; ``use`` defaults to the key under which it stands."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Configuration(Strict):
    """One benchmark: every learner with every encoder on every source of its modality."""

    name: str = Field(min_length=1)
    seeds: list[int] = Field(default_factory=lambda: [0], min_length=1)
    sources: dict[str, SourceEntry] = Field(min_length=1)
    encoders: dict[str, Annotated[list[EncoderVariant], BeforeValidator(_as_list)]] = Field(min_length=1)
    learners: Annotated[list[LearnerVariant], BeforeValidator(_as_list)] = Field(min_length=1)
    pretrain: Pretrain | None = None
    train: Train = Field(default_factory=Train)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    loading: Loading = Field(default_factory=Loading)
    leave_out: list[str] = Field(default_factory=list[str])

    @model_validator(mode="before")
    @classmethod
    def _name_sources(cls, value: Any) -> Any:
        """``glyphs:`` and ``glyphs: {}`` mean the registered source of that name."""
        if not isinstance(value, dict) or not isinstance(value.get("sources"), dict):
            return value
        named: dict[str, Any] = {}
        for key, entry in value["sources"].items():
            filled = {} if entry is None else entry
            named[key] = {"use": key, **filled} if isinstance(filled, dict) else filled
        return {**value, "sources": named}


@dataclass(frozen=True)
class Settings:
    """How one learner is pretrained, trained and evaluated on one source."""

    pretrain: Pretrain | None
    train: Train
    evaluate: Evaluate


def settings_of(
    configuration: Configuration, source: tuple[str, Overrides], learner: tuple[str, Overrides]
) -> tuple[Settings, list[str]]:
    """The configuration's settings, a source's own on top of them, and a learner's own on top of these.

    A pretraining happens where the configuration or the learner asks for one; what a source says of
    it changes how.

    Args:
        configuration: the settings of all.
        source: the place of a source's entry, for messages, and its own settings.
        learner: likewise.

    Returns:
        the settings, and what is wrong with them.
    """
    layers = [source, learner]
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
    try:
        return model.model_validate({**base.model_dump(), **changes}), []
    except ValidationError as error:
        known = list(model.model_fields)
        return base, [f"{where}.{_problem(details, known)}" for details in error.errors()]


def read(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a YAML file and apply ``key.path=value`` overrides; nothing is checked but its form.

    Raises:
        ConfigurationError: no such file, not YAML, or an override that fits nowhere.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        siblings = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise ConfigurationError(str(path), [f"no such file{nearest(path.name, siblings)}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), [f"cannot be read: {error}"]) from error
    try:
        content = parse(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(str(path), [f"not valid YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(content, dict):
        raise ConfigurationError(str(path), ["a configuration is a mapping with keys such as 'sources'"])
    raw = cast("dict[str, Any]", content)
    problems = [problem for override in overrides if (problem := _override(raw, override))]
    if problems:
        raise ConfigurationError(f"{path} with --set", problems)
    return raw


def check(raw: Mapping[str, Any]) -> tuple[Configuration | None, list[str]]:
    """Validate a raw configuration.

    Returns:
        the configuration and its problems. Where only some top-level keys are wrong, the
        configuration of the others is returned beside the problems (so that names in them can
        be checked too); None where that is impossible.
    """
    try:
        return Configuration.model_validate(dict(raw)), []
    except ValidationError as error:
        problems = list(dict.fromkeys(_problem(details) for details in error.errors()))
        wrong = {details["loc"][0] for details in error.errors() if details["loc"]}
    try:
        return Configuration.model_validate({k: v for k, v in raw.items() if k not in wrong}), problems
    except ValidationError:
        return None, problems


def _problem(details: Any, known: Sequence[str] | None = None) -> str:
    """One line for one pydantic error: key, what is wrong, the value, the nearest match."""
    location = [str(part) for part in details["loc"]]
    key = ".".join(location)
    if details["type"] == "extra_forbidden":
        known = known or _known_keys(location[:-1])
        return f"{key}: unknown key{nearest(location[-1], known)} (known: {', '.join(known)})"
    if details["type"] == "missing":
        return f"{key}: is missing"
    message = str(details["msg"]).removeprefix("Value error, ")
    given = details["input"]
    shown = "" if isinstance(given, dict | list) else f" (given: {given!r})"
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


def _known_keys(location: Sequence[str]) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "train": Train,
        "pretrain": Pretrain,
        "evaluate": Evaluate,
        "loading": Loading,
    }
    if not location:
        return list(Configuration.model_fields)
    if location[:2] == ["evaluate", "shapes"]:
        return [*ShapeEntry.model_fields, *FixedEntry.model_fields]
    return list(models[location[0]].model_fields) if location[0] in models else []


def _override(raw: dict[str, Any], override: str) -> str | None:
    """Apply one override in place; the problem, if there is one."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        return f"{override!r}: write --set key=value, such as --set train.episodes=100"
    try:
        value = parse(text)
    except (yaml.YAMLError, ValueError):
        return f"{key}: the value {text!r} is not valid YAML"
    place: Any = raw
    parts = key.split(".")
    for depth, part in enumerate(parts[:-1]):
        place = _step(place, part)
        if place is None:
            return f"{key}: there is nothing under '{'.'.join(parts[: depth + 1])}'"
    last = parts[-1]
    if isinstance(place, dict):
        place[last] = value
        return None
    if isinstance(place, list) and last.isdigit() and int(last) < len(cast("list[Any]", place)):
        place[int(last)] = value
        return None
    return f"{key}: '{last}' fits nowhere there"


def _step(place: Any, part: str) -> Any:
    """One step down, making a mapping where a key is absent, empty or a bare name."""
    if isinstance(place, dict):
        table = cast("dict[str, Any]", place)
        if table.get(part) is None:
            table[part] = {}
        elif isinstance(table[part], str):
            table[part] = {"use": table[part]}
        return table[part]
    if isinstance(place, list) and part.isdigit() and int(part) < len(cast("list[Any]", place)):
        items = cast("list[Any]", place)
        if isinstance(items[int(part)], str):
            items[int(part)] = {"use": items[int(part)]}
        return items[int(part)]
    return None


class _Loader(yaml.SafeLoader):
    """Safe YAML with three traps of YAML 1.1 removed.

    A key that stands twice in one mapping is refused; ``1e-3`` is a number; ``yes``, ``no``,
    ``on`` and ``off`` are words (class names, often enough), only true and false are booleans.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int):
                if key in seen:
                    problem = f"the key '{key}' stands twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key)
        return super().construct_mapping(node, deep)


_WORDS = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _WORDS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|false|True|False)$"), list("tfTF"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"([-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?|[-+]?\.inf|\.nan)$"),
    list("-+0123456789."),
)


def parse(text: str) -> Any:
    """YAML text → plain values.

    Raises:
        yaml.YAMLError: not YAML, or a key that stands twice.
    """
    return yaml.load(text, Loader=_Loader)
