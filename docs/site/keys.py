"""All keys of a configuration, written from its JSON Schema into the page that has a place for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PLACE = "<!-- keys -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the place."""
    if PLACE not in markdown:
        return markdown
    from kshot.config import json_schema

    return markdown.replace(PLACE, "".join(sections(json_schema())))


def sections(schema: dict[str, Any]) -> Iterator[str]:
    """A table for the whole configuration, and one for each kind of thing that stands in it."""
    whole = {**schema, "required": schema["then"]["required"]}
    for name, model in {"The whole file": whole, **schema["$defs"]}.items():
        if "properties" not in model:
            continue
        yield f"\n## {name}\n\n{model.get('description', '')}\n\n| key | holds | default | |\n|---|---|---|---|\n"
        for key, one in model["properties"].items():
            default = "required" if key in model.get("required", []) else shown(one.get("default"))
            yield f"| `{key}` | {cell(held(one))} | {default} | {cell(one.get('description', ''))} |\n"


def held(one: dict[str, Any]) -> str:
    """What a key may hold, in words."""
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in one:
            branches = [part for branch in one[union] for part in held(branch).split(" or ")]
            return " or ".join(dict.fromkeys(branches))
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    if "const" in one:
        return f"`{one['const']}`"
    if isinstance(one.get("type"), list):
        return " or ".join(one["type"])
    if one.get("type") == "array":
        return f"list of {held(one['items'])}" if "items" in one else "list"
    if isinstance(one.get("additionalProperties"), dict):
        return f"mapping to {held(one['additionalProperties'])}"
    return str(one.get("type", "anything"))


def shown(default: Any) -> str:
    """A default as YAML has it."""
    if default is None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def cell(text: str) -> str:
    """A text that may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")
