"""Forms that a value may take in a file beside its long one, for the reader and for the JSON Schema alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Short:
    """Marks a type that a model's own validator also makes from a short form.

    Attributes:
        types: JSON types of the short form.
        pattern: of a text.
        description: what it means.
    """

    types: tuple[str, ...]
    description: str
    pattern: str | None = None

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        short: dict[str, Any] = {"type": list(self.types), "description": self.description}
        if self.pattern is not None:
            short["pattern"] = self.pattern
        return {"anyOf": [handler(core), short]}


@dataclass(frozen=True)
class OneOrMany:
    """Marks a list whose single element may stand alone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_as_list, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(core)
        return {"anyOf": [many, many["items"]]}


@dataclass(frozen=True)
class KeysOf:
    """Marks a mapping of some keys of a model, kept as it is written; keys and values are checked.

    What several keys must have in common is not: the others' values are not known here.

    Attributes:
        model: all of whose fields have defaults.
    """

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written, keys = handler(core), handler(self.model.__pydantic_core_schema__)
        if "anyOf" not in written:
            return keys
        branches = cast("list[dict[str, Any]]", written["anyOf"])
        return {"anyOf": [keys if one.get("type") == "object" else one for one in branches]}

    def _checked(self, value: Any) -> Any:
        if isinstance(value, dict):
            try:
                self.model.model_validate(value)
            except ValidationError as error:
                if any(one["loc"] for one in error.errors()):
                    raise
        return cast("Any", value)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]
