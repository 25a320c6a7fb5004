"""Descriptions of a model and its fields, for the JSON Schema: its docstring is their one source."""

from __future__ import annotations

import inspect
import re
from typing import Any

_FIELDS = re.compile(r"^Attributes:\n((?:(?: {4}.*)?\n?)*)", re.MULTILINE)
_FIELD = re.compile(r"^ {4}(\w[\w, ]*): (.*(?:\n {8,}.*)*)", re.MULTILINE)


def described(schema: dict[str, Any], model: type[Any]) -> None:
    """Write the docstring's summary and its ``Attributes`` into a model's schema."""
    fields: dict[str, str] = {}
    for one in reversed(model.__mro__):
        fields |= _fields(_doc(one))
    schema["description"] = _plain(_doc(model).partition("\n\n")[0])
    for name, property_ in schema.get("properties", {}).items():
        if name in fields:
            property_["description"] = fields[name]


def _fields(doc: str) -> dict[str, str]:
    section = _FIELDS.search(doc)
    found = _FIELD.findall(section[1]) if section else []
    return {name: _plain(text) for names, text in found for name in names.split(", ")}


def _doc(model: type[Any]) -> str:
    own = vars(model).get("__doc__")
    return inspect.cleandoc(own) if isinstance(own, str) else ""


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
