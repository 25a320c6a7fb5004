"""YAML text, read safely and without surprises."""

from __future__ import annotations

import re
from typing import Any, cast

import yaml


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
        ValueError: a value that contains itself.
    """
    try:
        return unshared(yaml.load(text, Loader=_Loader))
    except RecursionError:
        raise ValueError("a value contains itself") from None


def unshared(value: Any) -> Any:
    """A copy in which what stood twice (a YAML alias) is two things: to change one leaves the other."""
    if isinstance(value, dict):
        return {key: unshared(one) for key, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [unshared(one) for one in cast("list[Any]", value)]
    return value
