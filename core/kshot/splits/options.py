"""The forms of the ``split`` option, as a user writes them in a configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from kshot.errors import listing, nearest

FORMS = (
    "{column: name}, {train: [class, …], validation: [class, …], test: [class, …]}, "
    "{file: folds.json, fold: key} or {fractions: [0.6, 0.2, 0.2], seed: 0}"
)
"""What may stand after ``split:``, for messages."""

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
"""For each split the names that data sets use for it, the house's own first."""


def _problem(text: str) -> PydanticCustomError:
    return PydanticCustomError("split", "{problem}", {"problem": text})


def _name(value: Any) -> Any:
    """A class, fold or column value as text; YAML turns unquoted digits into numbers."""
    if isinstance(value, bool):
        raise _problem(f"{value} is not a name; YAML reads yes, no, true and false so: write it in quotes")
    return str(value) if isinstance(value, int) else value


def _values(value: Any) -> Any:
    """One value of a column, or several; a column of booleans has the values true and false."""
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else _name(one) for one in values]


def _list_name(given: str) -> str:
    """The house's own name of a list in a file."""
    for split, usual in SYNONYMS.items():
        if given.casefold() in usual:
            return split
    raise _problem(f"a file's lists are {listing(SYNONYMS)}; it has no '{given}'{nearest(given, SYNONYMS)}")


Name = Annotated[str, BeforeValidator(_name), Field(min_length=1)]
Names = Annotated[list[Name], Field(min_length=1)]
Values = Annotated[list[str], BeforeValidator(_values), Field(min_length=1)]


class _Form(BaseModel, ABC):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    @abstractmethod
    def rule(self) -> str:
        """How classes come to their split, in a few words."""


class _Parts(_Form, ABC):
    """Splits that are made of parts with names: each part goes to one split."""

    train: Values | None = None
    validation: Values | None = None
    test: Values | None = None

    def _asked(self) -> str:
        """The parts that were asked for, in brackets; empty where none were."""
        given = {split: getattr(self, split) for split in SYNONYMS}
        asked = [f"{split}: {', '.join(parts)}" for split, parts in given.items() if parts]
        return f" ({'; '.join(asked)})" if asked else ""

    @property
    def taken(self) -> dict[str, str]:
        """The split that each part was asked for."""
        return {part: split for split in SYNONYMS for part in getattr(self, split) or ()}

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for split in SYNONYMS:
            for part in getattr(self, split) or ():
                if self.taken[part] != split:
                    raise _problem(f"'{part}' stands for both {split} and {self.taken[part]}")
        return self


class ColumnSplit(_Parts):
    """A column says to which split a row belongs; rows with any other value are left out.

    Attributes:
        column: the column's name.
        train: its value, or values, for training rows. None: ``train``, or a usual synonym.
        validation: likewise; None: ``validation``, a usual synonym, or no rows at all.
        test: likewise; None: ``test``, or a usual synonym.
    """

    column: str = Field(min_length=1)

    @property
    def rule(self) -> str:
        """The column, and which of its values were asked for."""
        return f"by the column '{self.column}'{self._asked()}"


class ClassSplit(_Form):
    """Three lists of class names; classes in none of them are left out.

    Attributes:
        train: training classes; may be left out where nothing trains.
        validation: validation classes; may be left out.
        test: test classes.
    """

    train: list[Name] = Field(default_factory=list[str])
    validation: list[Name] = Field(default_factory=list[str])
    test: Names

    @property
    def rule(self) -> str:
        """The lengths of the lists."""
        lengths = " / ".join(str(len(names)) for names in (self.train, self.validation, self.test))
        return f"by lists of classes ({lengths})"


class FileSplit(_Parts):
    """Three lists of class names in a JSON file, ``{"train": […], "validation": […], "test": […]}``.

    Attributes:
        file: the file; a relative path counts from the current folder, else from the table's.
            ``package:path`` is a file that an installed package brings.
        fold: where the file holds several such splits under names, the name of one.
        train: its list, or lists, of training classes: ``[train, validation]`` trains on both, once all is
            settled. None: the list under ``train``, where no other split takes it.
        validation: likewise.
        test: likewise.
    """

    file: str = Field(min_length=1)
    fold: Name | None = None

    @field_validator(*SYNONYMS)
    @classmethod
    def _lists(cls, parts: list[str] | None) -> list[str] | None:
        return None if parts is None else [_list_name(part) for part in parts]

    @property
    def rule(self) -> str:
        """The file, the name of the fold, and which of its lists were asked for."""
        return f"by the file {self.file}" + (f", fold {self.fold}" if self.fold else "") + self._asked()


class FractionSplit(_Form):
    """Classes drawn at random: the same for the same class names and seed, whatever the rows' order.

    Attributes:
        fractions: of the classes for training, validation and test; they sum to 1. Without training classes,
            ``[0, 0, 1]``, only what does not train can be run.
        seed: another seed draws other classes.
    """

    fractions: list[float] = Field(default_factory=lambda: [0.6, 0.2, 0.2], min_length=3, max_length=3)
    seed: int = 0

    @property
    def rule(self) -> str:
        """The fractions and the seed."""
        fractions = " / ".join(f"{fraction:g}" for fraction in self.fractions)
        return f"classes drawn at random ({fractions}, seed {self.seed})"

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        train, _, test = self.fractions
        if min(self.fractions) < 0 or train == test == 0 or not abs(sum(self.fractions) - 1) < 1e-6:
            raise _problem(
                f"fractions {self.fractions} must be three numbers of 0 or more that sum to 1, and leave classes to "
                "train or to test on"
            )
        return self


_BY_KEY: Mapping[str, type[_Form]] = {
    "column": ColumnSplit,
    "file": FileSplit,
    "fold": FileSplit,
    "fractions": FractionSplit,
    "seed": FractionSplit,
}


def _form(value: Any) -> Any:
    """Pick the form by the keys that are there, so that messages speak of that form only."""
    if isinstance(value, str | _Form):
        return value
    if not isinstance(value, Mapping):
        raise _problem(f"a split is {FORMS}, or the name of a published split")
    given = {str(key): item for key, item in cast("Mapping[Any, Any]", value).items()}
    _check_known(given)
    telling = [key for key in given if key in _BY_KEY]
    forms = {_BY_KEY[key] for key in telling} or {ClassSplit}
    if len(forms) > 1 or not given:
        raise _problem(f"a split takes one form: {FORMS}; got the keys: {listing(given)}")
    form = forms.pop()
    foreign = [key for key in given if key not in form.model_fields]
    if foreign:
        raise _problem(f"{listing(foreign)} cannot stand beside {listing(telling)}; a split is {FORMS}")
    return form.model_validate(given)


def _check_known(given: Mapping[str, Any]) -> None:
    known = [*SYNONYMS, *_BY_KEY]
    for key in given:
        if key in known:
            continue
        usual = next((f"; did you mean '{split}'?" for split, names in SYNONYMS.items() if key in names), "")
        raise _problem(f"unknown key '{key}'{usual or nearest(key, known)} (a split is {FORMS})")


SplitOptions = Annotated[ColumnSplit | ClassSplit | FileSplit | FractionSplit | str, BeforeValidator(_form)]
"""What ``split:`` may hold; a string names a published split of the source."""

DEFAULT_SPLIT = FractionSplit()
"""What a table is split by where nothing is said: six classes in ten, two and two, under seed 0."""


def rule_of(split: SplitOptions) -> str:
    """How classes come to their split, in a few words; of a published split its name."""
    return split if isinstance(split, str) else split.rule
